/**
 * Pinhole: a STUN server made to be held open, and everything a program behind a NAT needs to be
 * reached through it. This is the library: the server, the client, the decisions behind both, and
 * the codec, which runs in a browser too and can be had alone as `@pinhole/stun/wire`.
 *
 * @module
 */
export * from "./lib/wire/mod.ts";
export * from "./lib/protocol/mod.ts";
export * from "./lib/protocol/client/mod.ts";
export * from "./lib/protocol/discovery/mod.ts";
export * from "./lib/protocol/holding/mod.ts";
export * from "./lib/protocol/board/mod.ts";
export * from "./lib/protocol/punch/mod.ts";
export * from "./lib/protocol/doctor/mod.ts";
export * from "./lib/server/mod.ts";
export {
  discoverNat,
  type DiscoverNatOptions,
  type MappingChange,
  watchMapping,
  type WatchMappingOptions,
} from "./lib/client/discovery/mod.ts";
export {
  type ConnectionAnswer,
  query,
  QueryError,
  type QueryErrorCode,
  type QueryErrorOptions,
  type QueryFailure,
  type QueryOptions,
  type QueryResult,
  type Resolver,
  type ResolverOptions,
  StunConnection,
  type StunConnectionAskOptions,
  type StunConnectionEnd,
  systemResolver,
} from "./lib/client/mod.ts";
export * from "./lib/traversal/mod.ts";
export {
  BoardClient,
  BoardClientError,
  type BoardClientEvent,
  type BoardClientOptions,
  type BoardDisconnected,
  BoardRendezvous,
  type BoardRendezvousOptions,
  type ClientPost,
  RendezvousError,
  type RendezvousEvent,
} from "./lib/board/client/mod.ts";
export {
  type Clock,
  type LogFields,
  type Logger,
  type LogLevel,
  openLogger,
  type OpenLoggerOptions,
  type Randomness,
  type ServerSnapshot,
  silentLogger,
  systemClock,
  type TransportSnapshot,
} from "./lib/ops/mod.ts";
export {
  CertificateError,
  type CertificateErrorCode,
  type CertificateErrorOptions,
  type CertifiedKey,
  chooseDatagramIo,
  chooseStreamIo,
  ConnectionError,
  type ConnectionErrorCode,
  type ConnectionErrorOptions,
  connectTcp,
  type ConnectTcpOptions,
  type Datagram,
  type DatagramIo,
  type DatagramIoChoice,
  type DatagramSharing,
  type DatagramTransport,
  type LentSocket,
  LibcError,
  ListenError,
  type ListenErrorCode,
  type ListenErrorOptions,
  type ListenTcpOptions,
  type OpenSharedTcpPortOptions,
  type SharedSockets,
  type StreamConnection,
  type StreamIo,
  type StreamIoChoice,
  type StreamListener,
  type TcpPortSharing,
} from "./lib/transport/mod.ts";
