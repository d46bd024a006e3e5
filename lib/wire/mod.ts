/**
 * Bytes to values and back: STUN messages and attributes, integrity, framing, URIs. Pure,
 * synchronous and Web-standard: it runs in a browser, in Node and in Deno alike.
 *
 * @module
 */
export * from "./decoded.ts";
export * from "./socket_address.ts";
