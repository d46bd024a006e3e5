import type { TcpSegment } from "./packet.ts";

/** The receiving half of a TCP connection: puts segments in order. */
export class TcpInbox {
  readonly #early = new Map<number, TcpSegment>();
  #wanted: number;
  #ended = false;

  /** Begins with the sequence number after the other side's SYN. */
  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  /** The next sequence number that is wanted. */
  get wanted(): number {
    return this.#wanted;
  }

  /** Whether the other side has sent its last byte. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Takes a segment. Returns the bytes that are in order now, and whether they were the last. */
  push(segment: TcpSegment): { readonly chunks: readonly Uint8Array[]; readonly ended: boolean } {
    const chunks: Uint8Array[] = [];
    // A SYN that comes again takes a number of its own before the data
    const start = segment.sequence + (segment.syn ? 1 : 0);
    const carries = segment.bytes.length > 0 || segment.fin;
    if (carries && start >= this.#wanted && !this.#ended) this.#early.set(start, segment);
    const wasEnded = this.#ended;
    for (
      let next = this.#early.get(this.#wanted);
      next !== undefined;
      next = this.#early.get(this.#wanted)
    ) {
      this.#early.delete(this.#wanted);
      this.#wanted += next.bytes.length + (next.fin ? 1 : 0);
      if (next.bytes.length > 0) chunks.push(next.bytes);
      if (next.fin) this.#ended = true;
    }
    return { chunks, ended: this.#ended && !wasEnded };
  }
}
