import { ConnectionError } from "../transport/mod.ts";
import type { ForwardableStream, UdpChannel } from "../traversal/mod.ts";

/**
 * A channel of datagrams to be joined to standard input and output: what is read at once is one
 * datagram, or several if it is long, and an empty one stands for the end, as no other is. It stays
 * unreliable: datagrams get lost, and overtake each other.
 */
export class DatagramStream implements ForwardableStream {
  readonly #channel: UdpChannel;
  readonly #datagrams: AsyncIterator<Uint8Array>;

  /** Takes a channel that nobody else reads. */
  constructor(channel: UdpChannel) {
    this.#channel = channel;
    this.#datagrams = channel[Symbol.asyncIterator]();
  }

  /**
   * The next datagram; undefined if it is an empty one or the channel is closed.
   *
   * @throws {ConnectionError} If the path is lost (as a rejection).
   */
  async read(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#datagrams.next();
    if (!done) return value.length > 0 ? value : undefined;
    const end = await this.#channel.closed;
    if (end.kind === "closed") return undefined;
    throw new ConnectionError(`Cannot read: ${end.reason}`, { code: "timed-out" });
  }

  /**
   * Sends the bytes, in pieces that fit into a packet.
   *
   * @throws {ConnectionError} If the channel has ended (as a rejection).
   */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += MAX_PIECE_BYTES) {
      await this.#send(bytes.subarray(at, at + MAX_PIECE_BYTES));
    }
  }

  /** Sends the end, more than once as one may get lost. */
  async closeWrite(): Promise<void> {
    for (let times = 0; times < END_TIMES; times++) await this.#send(new Uint8Array(0));
  }

  /** Closes the channel. */
  close(): void {
    void this.#channel.close();
  }

  async #send(bytes: Uint8Array): Promise<void> {
    try {
      await this.#channel.send(bytes);
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      throw new ConnectionError(cause.message, { code: "closed", cause });
    }
  }
}

/** What every path takes without fragments: 1280 bytes (RFC 8200) without headers and a tunnel's. */
const MAX_PIECE_BYTES = 1_200;

const END_TIMES = 3;
