/**
 * The STUN client: asks a server for this host's public address.
 *
 * @module
 */
export { query, type QueryOptions } from "./query.ts";
export type { QueryResult } from "./query_result.ts";
export {
  QueryError,
  type QueryErrorCode,
  type QueryErrorOptions,
  type QueryFailure,
} from "./query_error.ts";
export { type Resolver, type ResolverOptions, systemResolver } from "./server_discovery.ts";
export {
  type ConnectionAnswer,
  StunConnection,
  type StunConnectionAskOptions,
  type StunConnectionEnd,
} from "./stun_connection.ts";
export { GreetedConnection } from "./greeted_connection.ts";
export { resolveServers, type ResolveServersOptions } from "./resolve_servers.ts";
export { readReflexive } from "./answer.ts";
export { abortError, TransactionRun, type TransactionRunOptions } from "./transaction_run.ts";
export { compareAddresses, type ComparedAddresses } from "./compare_addresses.ts";
export { type ExchangeOptions, inTime } from "./exchange.ts";
export { pause } from "./pause.ts";
