/**
 * The STUN client: asks a server for this host's public address.
 *
 * @module
 */
export { query, type QueryOptions, type QueryResult } from "./query.ts";
export { QueryError, type QueryErrorCode, type QueryErrorOptions } from "./query_error.ts";
