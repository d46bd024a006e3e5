/**
 * Being reached from outside: a public address that is held open, and paths between two hosts behind
 * NATs.
 *
 * @module
 */
export { listenPublicTcp, type ListenPublicTcpOptions } from "./listen_public_tcp.ts";
export { listenPublicUdp, type ListenPublicUdpOptions } from "./listen_public_udp.ts";
export type { ListenPublicOptions } from "./listen_public_options.ts";
export {
  type DialBackFinding,
  HoldingEvent,
  type HoldingState,
  ListeningGapEvent,
  PublicAddressEvent,
  PublicAddressLostEvent,
  PublicListenerCloseEvent,
  type PublicTcpListener,
} from "./public_listener.ts";
export {
  PublicListenerError,
  type PublicListenerErrorCode,
  type PublicListenerErrorOptions,
  type PublicListenerFailure,
} from "./public_listener_error.ts";
export type { PublicUdpSocket } from "./public_udp_socket.ts";
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
