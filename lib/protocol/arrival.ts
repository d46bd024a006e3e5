import type { SocketAddress } from "../wire/mod.ts";
import type { Endpoint } from "./endpoint.ts";

/** Bytes that came in: one datagram, or one message of a stream. */
export interface Arrival {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** Where they came from, as the server saw it: the reflexive transport address. */
  readonly source: SocketAddress;
  /** The socket that they came in on. */
  readonly endpoint: Endpoint;
  /** When, in ms of a clock that never goes back. */
  readonly now: number;
  /** When, in ms since 1970: what the expiry of nonces and tokens is compared with. */
  readonly wallTime: number;
}
