/**
 * Holding a public address open: whom to ask and dial when, what several servers' answers add up to, and
 * whether the world can connect.
 *
 * @module
 */
export * from "./reach_verdict.ts";
export * from "./public_address.ts";
export * from "./redial_delay.ts";
export * from "./holding_record.ts";
export * from "./mapping_keeper.ts";
