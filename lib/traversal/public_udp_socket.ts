import type { Datagram } from "../transport/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";

/**
 * A UDP socket with a public address that STUN servers keep open. What comes in is iterated over, each
 * datagram once; answers to its own questions are not handed out, all other STUN messages are.
 */
export interface PublicUdpSocket extends EventTarget, AsyncIterable<Datagram> {
  /** The local end; the IP address is all zeros if it cannot be told. */
  readonly localAddress: SocketAddress;
  /** The public address; undefined while it is lost. */
  readonly publicAddress: SocketAddress | undefined;
  /** Whether something translates between the two. */
  readonly nat: boolean;
  /** How many datagrams were thrown away, as too many were waiting. */
  readonly dropped: number;
  /** How many datagrams the operating system did not take. */
  readonly sendFailures: number;
  /**
   * Sends a datagram. One that the operating system does not take is counted.
   *
   * @throws {RangeError} If the peer's IP address has neither 4 nor 16 bytes (as a rejection).
   */
  send(bytes: Uint8Array, peer: SocketAddress): Promise<void>;
  /** Closes the socket. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}
