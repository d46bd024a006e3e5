import type { StreamConnection } from "../transport/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";

/** A connection whose first bytes have been read already: whoever reads it gets these first. */
export class JoinedStream implements StreamConnection {
  readonly #stream: StreamConnection;
  #head: Uint8Array;

  /** Takes a connection over, and what has been read of it. */
  constructor(stream: StreamConnection, head: Uint8Array) {
    this.#stream = stream;
    this.#head = head;
  }

  /** Our end. */
  get localAddress(): SocketAddress {
    return this.#stream.localAddress;
  }

  /** The peer's end. */
  get remoteAddress(): SocketAddress {
    return this.#stream.remoteAddress;
  }

  /** Waits for the next bytes. */
  read(): Promise<Uint8Array | undefined> {
    const head = this.#head;
    if (head.length === 0) return this.#stream.read();
    this.#head = NONE;
    return Promise.resolve(head);
  }

  /** Writes all of the bytes. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#stream.write(bytes);
  }

  /** Sends FIN after the writes before it. */
  closeWrite(): Promise<void> {
    return this.#stream.closeWrite();
  }

  /** Closes both directions. */
  close(): void {
    this.#head = NONE;
    this.#stream.close();
  }
}

const NONE = new Uint8Array(0);
