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
export type { PunchSignalling } from "./punch_signalling.ts";
export { PunchError, type PunchErrorCode, type PunchErrorOptions } from "./punch_error.ts";
export { type PunchedTcp, punchTcp, type PunchTcpOptions } from "./punch_tcp.ts";
