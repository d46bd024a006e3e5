/**
 * Being reached from outside: a public address that is held open, and paths between two hosts behind
 * NATs.
 *
 * @module
 */
export {
  type DialBackFinding,
  PublicAddressEvent,
  PublicAddressLostEvent,
  type PublicTcpListener,
} from "./public_listener.ts";
export { PunchError, type PunchErrorCode, type PunchErrorOptions } from "./punch_error.ts";
export type { PunchSignalling } from "./punch_signalling.ts";
export { punchUdp, type PunchUdpOptions } from "./punch_udp.ts";
export type { UdpChannel, UdpChannelEnd } from "./udp_channel.ts";
