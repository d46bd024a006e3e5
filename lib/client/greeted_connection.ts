import { ConnectionError, type StreamConnection } from "../transport/mod.ts";
import {
  decodeMessage,
  type SocketAddress,
  type StunMessage,
  StunStreamFramer,
} from "../wire/mod.ts";

/**
 * A connection whose first bytes can be looked at, to see whether they are a STUN message, without
 * being taken away: who reads it afterwards gets them all.
 */
export class GreetedConnection implements StreamConnection {
  readonly #stream: StreamConnection;
  readonly #head: Uint8Array[] = [];
  #reading: Promise<Uint8Array | undefined> | undefined;
  #handedOn = false;

  /** Takes a connection over of which nothing has been read. */
  constructor(stream: StreamConnection) {
    this.#stream = stream;
  }

  /** Our end. */
  get localAddress(): SocketAddress {
    return this.#stream.localAddress;
  }

  /** The peer's end. */
  get remoteAddress(): SocketAddress {
    return this.#stream.remoteAddress;
  }

  /**
   * Waits for the message that the stream begins with; undefined as soon as it cannot be one: at bytes
   * that are not STUN, the end of the stream, or a {@linkcode GreetedConnection.read}. It takes no
   * more than a framer does by default, 2048 bytes, and the rest of the last chunk. Call it once.
   */
  async greeting(): Promise<StunMessage | undefined> {
    const framer = new StunStreamFramer();
    try {
      while (!this.#handedOn) {
        this.#reading = this.#stream.read();
        const chunk = await this.#reading;
        if (this.#handedOn || chunk === undefined) return undefined;
        this.#reading = undefined;
        // A view on a buffer that the next read fills again
        const kept = chunk.slice();
        this.#head.push(kept);
        const { frames: [frame], failure } = framer.push(kept);
        if (frame !== undefined) {
          const message = decodeMessage(frame);
          return message.ok ? message.value : undefined;
        }
        if (failure !== undefined) return undefined;
      }
    } catch (error) {
      // Whoever reads next is told
      if (!(error instanceof ConnectionError)) throw error;
    }
    return undefined;
  }

  /** Waits for the next bytes, from the first on. */
  async read(): Promise<Uint8Array | undefined> {
    this.#handedOn = true;
    const head = this.#head.shift();
    if (head !== undefined) return head;
    const reading = this.#reading ?? this.#stream.read();
    this.#reading = undefined;
    return await reading;
  }

  /** Writes all of the bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#stream.write(bytes);
  }

  /** Sends FIN after the writes before it. */
  async closeWrite(): Promise<void> {
    await this.#stream.closeWrite();
  }

  /** Closes both directions. */
  close(): void {
    this.#stream.close();
  }
}
