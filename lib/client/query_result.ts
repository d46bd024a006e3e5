import type { TransportProtocol } from "../protocol/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";

/** What a STUN server said. */
export interface QueryResult {
  /** The address of the server that answered. */
  readonly server: SocketAddress;
  /** What carried the request. */
  readonly transport: TransportProtocol;
  /**
   * The address that the request left from, as this host sees it. Over UDP the IP address is all
   * zeros if it cannot be told (without `--allow-sys=networkInterfaces`, behind a NAT).
   */
  readonly local: SocketAddress;
  /** The address that the request came from, as the server saw it. */
  readonly reflexive: SocketAddress;
  /** Whether something on the way has translated the address: the two differ. */
  readonly nat: boolean;
  /** ms from the last sending of the request to the answer. */
  readonly rttMs: number;
  /** How often the request was sent until it was answered. */
  readonly attempts: number;
  /**
   * Only if there were credentials: whether the answer is protected by their password. It is not if
   * the server did not ask for them.
   */
  readonly authenticated?: boolean;
  /** What the server calls itself, if it says so. */
  readonly software?: string;
  /** The server that sent us to this one with 300 (Try Alternate), if one did (RFC 8489 section 10). */
  readonly redirectedFrom?: SocketAddress;
}
