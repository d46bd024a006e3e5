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
export { punch, type PunchedPath, type PunchOptions, type PunchTrial } from "./punch.ts";
export type { JointPunchSignalling, PunchSignalling } from "./punch_signalling.ts";
export { type PunchedTcp, punchTcp, type PunchTcpOptions } from "./punch_tcp.ts";
export { punchUdp, type PunchUdpOptions } from "./punch_udp.ts";
export type { UdpChannel, UdpChannelEnd } from "./udp_channel.ts";
export {
  type ForwardableStream,
  StreamForward,
  type StreamForwardEnd,
  type StreamForwardOptions,
} from "./stream_forward.ts";
export type {
  GatewayClosedEvent,
  GatewayConnectionEvent,
  GatewayDeniedEvent,
  GatewayEvent,
} from "./gateway_event.ts";
export { TcpGateway, type TcpGatewayOptions } from "./tcp_gateway.ts";
export { UdpGateway, type UdpGatewayOptions } from "./udp_gateway.ts";
export { type ReachReport, verifyReach } from "./verify_reach.ts";
