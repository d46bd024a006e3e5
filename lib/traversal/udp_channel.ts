import type { PunchPathKind } from "../protocol/punch/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";

/** How a {@linkcode UdpChannel} ended. */
export type UdpChannelEnd =
  /** This side closed it, or its signal was aborted. */
  | { readonly kind: "closed" }
  /** The other side has not answered for 30 s: it is gone, or the path is. */
  | { readonly kind: "lost"; readonly reason: string };

/**
 * Datagrams to and from the other side of a punch, over the path that both have agreed on. As UDP
 * does, it may lose, double and reorder them, and it encrypts nothing: put DTLS, QUIC or the like on
 * it. What comes from elsewhere is not handed over, but whoever can forge source addresses can forge
 * datagrams.
 *
 * It is read by one reader, as an async iterable that ends when the channel does. STUN messages go
 * through it like all else, except those of the punch itself (RFC 7983).
 */
export interface UdpChannel extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** This side's end: the socket's address; the IP address may be all zeros. */
  readonly localAddress: SocketAddress;
  /** The other side's end. */
  readonly remoteAddress: SocketAddress;
  /** How the other side's address is known. */
  readonly pathKind: PunchPathKind;
  /** ms that the punch took, from when both descriptions were there. */
  readonly elapsedMs: number;
  /** ms of the last round trip, which is measured every 5 s or so. */
  readonly rttMs: number;
  /** How many datagrams were dropped, as they came faster than they were read. */
  readonly dropped: number;
  /** Resolves when the channel has ended. */
  readonly closed: Promise<UdpChannelEnd>;
  /**
   * Sends a datagram, empty ones too, after those before. Resolves when the operating system has it,
   * or has refused it, as one of more than 65507 bytes; leave the bytes alone until then.
   *
   * @throws {TypeError} If the channel has ended (as a rejection).
   */
  send(bytes: Uint8Array): Promise<void>;
  /** Closes it; the other side is not told, it notices after 30 s. Closing again does nothing. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}
