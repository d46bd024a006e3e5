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
export { discoverNat, type DiscoverNatOptions } from "./discover_nat.ts";
export { type MappingChange, watchMapping, type WatchMappingOptions } from "./watch_mapping.ts";
export { examineServer, type ExamineServerOptions } from "./examine_server.ts";
