import type { SocketAddress } from "../wire/mod.ts";

/** One datagram: its bytes, and whom it came from or goes to. */
export interface Datagram {
  /** The payload; may be empty. */
  readonly bytes: Uint8Array;
  /**
   * The other side. An IPv4 peer of a dual-stack socket has its 4-byte address here. Answering with
   * the very object that came with a datagram, before the next receive, saves formatting it. What
   * came with a datagram is valid as long as its bytes are: until the next receive.
   */
  readonly peer: SocketAddress;
}

/** A bound UDP socket that receives and sends in batches; a batch of one is legal. */
export interface DatagramTransport {
  /** The address that the socket is bound to, with the port that the system chose for port 0. */
  readonly localAddress: SocketAddress;
  /** Which implementation this is: `Deno.listenDatagram`, or `recvmmsg` and `sendmmsg`. */
  readonly io: "deno" | "batched";
  /** How many datagrams could not be handed to the operating system so far. */
  readonly sendFailures: number;
  /**
   * Waits for the next datagrams: at least one, or none at all once the transport is closed. Their
   * bytes and peers are valid until the next call; call again only after the last call has resolved. Never
   * rejects: an error that the socket reports on behalf of some peer is passed over.
   */
  receive(): Promise<readonly Datagram[]>;
  /**
   * Sends one batch, in the order given; batches that overlap in time may overtake each other.
   * Leave the bytes alone until the promise has resolved. The peers of a received batch may be passed
   * before the next receive: who has to wait for room has copied them. What the operating system refuses
   * (ECONNREFUSED, EMSGSIZE, ENETUNREACH, EPERM …), or what comes after
   * {@linkcode DatagramTransport.close}, is counted in
   * {@linkcode DatagramTransport.sendFailures}; the rest is sent all the same.
   *
   * @throws {RangeError} If a peer's IP address has neither 4 nor 16 bytes (as a rejection).
   */
  send(datagrams: readonly Datagram[]): Promise<void>;
  /** Closes the socket; a pending receive ends with no datagrams. Closing again does nothing. */
  close(): void;
}
