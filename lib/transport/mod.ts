/**
 * The only sockets: datagrams in batches and byte streams, over UDP and TCP. Knows bytes and socket
 * addresses, never what STUN means.
 *
 * @module
 */
export { AcceptError, type AcceptErrorOptions } from "./accept_error.ts";
export {
  CertificateError,
  type CertificateErrorCode,
  type CertificateErrorOptions,
  type CertifiedKey,
  checkCertificate,
} from "./certificate_error.ts";
export {
  ConnectionError,
  type ConnectionErrorCode,
  type ConnectionErrorOptions,
} from "./connection_error.ts";
export {
  chooseDatagramIo,
  type DatagramIo,
  type DatagramIoChoice,
  DENO_DATAGRAM_IO,
} from "./datagram_io.ts";
export type { DatagramSharing, LentSocket, SharedSockets } from "./datagram_sharing.ts";
export type { Datagram, DatagramTransport } from "./datagram_transport.ts";
export { type DenoDatagramOptions, openDenoDatagram } from "./deno_datagram.ts";
export { knock, type KnockOptions, type KnockOutcome } from "./knock.ts";
export { LibcError } from "./libc_error.ts";
export { ListenError, type ListenErrorCode, type ListenErrorOptions } from "./listen_error.ts";
export {
  isLocalIp,
  localAddressTowards,
  type LocalInterface,
  localIpTowards,
  type LocalIpTowardsOptions,
} from "./local_address.ts";
export {
  LocalPortError,
  type LocalPortErrorOptions,
  type LocalPortProblem,
} from "./local_port_error.ts";
export {
  ResolveError,
  type ResolveErrorCode,
  type ResolveErrorOptions,
  resolveHost,
  type ResolveHostOptions,
} from "./resolve_host.ts";
export { resolveService, type ResolveServiceOptions } from "./resolve_service.ts";
export { openSharedTcpPort } from "./open_shared_tcp_port.ts";
export type {
  OpenSharedTcpPortOptions,
  SharedTcpPort,
  SharedTcpPortConnectOptions,
  TcpPortSharing,
} from "./shared_tcp_port.ts";
export { chooseStreamIo, DENO_STREAM_IO, type StreamIo, type StreamIoChoice } from "./stream_io.ts";
export type { ResettableConnection, StreamConnection, StreamListener } from "./stream_transport.ts";
export { connectTcp, type ConnectTcpOptions, listenTcp, type ListenTcpOptions } from "./tcp.ts";
export { connectTcpFrom, type ConnectTcpFromOptions, freeTcpPort } from "./tcp_port.ts";
export {
  connectTls,
  type ConnectTlsOptions,
  listenTls,
  type ListenTlsOptions,
  type TlsConnection,
  type TlsListener,
} from "./tls.ts";
