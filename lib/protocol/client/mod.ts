/**
 * One question to one server, from the side that asks: when to send again, how to prove who asks, which
 * of several addresses to try first.
 *
 * @module
 */
export * from "./client_authentication.ts";
export * from "./client_transaction.ts";
export * from "./transaction_pair.ts";
export * from "./service_record_order.ts";
export * from "./interleave_families.ts";
