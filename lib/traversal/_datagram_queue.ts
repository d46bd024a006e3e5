/** Datagrams that have come in and that nobody has asked for yet, for one reader. */
export class DatagramQueue {
  readonly #waiting: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #dropped = 0;
  #wake: (() => void) | undefined;

  /** How many had to be dropped, as nobody read. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Puts a copy at the end; drops it if there is no room, as the operating system would. */
  push(bytes: Uint8Array): void {
    if (this.#ended) return;
    const isFull = this.#waiting.length >= MOST_DATAGRAMS ||
      this.#bytes + bytes.length > MOST_BYTES;
    if (isFull) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(bytes.slice());
    this.#bytes += bytes.length;
    this.#wake?.();
  }

  /** Nothing more will come; what has come can still be read. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next datagram; undefined if nothing more will come. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#waiting.length === 0 && !this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    const next = this.#waiting.shift();
    this.#bytes -= next?.length ?? 0;
    return next;
  }
}

/** What a receive buffer of Linux holds by default, about: a reader may be late by that much. */
const MOST_BYTES = 256 * 1024;

/** Empty datagrams cost as well. */
const MOST_DATAGRAMS = 1_024;
