/**
 * Writes numbers and bytes in network byte order into a buffer that grows as needed. One writer can
 * serve many messages: {@linkcode WireWriter.reset} keeps the buffer.
 */
export class WireWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** Starts with room for `capacity` bytes. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#length;
  }

  /** What has been written: a view, valid until the next write. */
  get view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What has been written, as bytes of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Forgets what has been written and keeps the buffer. */
  reset(): void {
    this.#length = 0;
  }

  /** Writes an unsigned 8-bit number. */
  u8(value: number): void {
    const at = this.#claim(1);
    this.#bytes[at] = value;
  }

  /** Writes an unsigned 16-bit number. */
  u16(value: number): void {
    const at = this.#claim(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  /** Writes an unsigned 32-bit number. */
  u32(value: number): void {
    const at = this.#claim(4);
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
  }

  /** Writes bytes as they are. */
  bytes(value: Uint8Array): void {
    const at = this.#claim(value.length);
    this.#bytes.set(value, at);
  }

  /** Writes `count` zero bytes. */
  zeros(count: number): void {
    const at = this.#claim(count);
    this.#bytes.fill(0, at, at + count);
  }

  /** Overwrites the 16-bit number at `at`, for a length that is known only afterwards. */
  patchU16(at: number, value: number): void {
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  #claim(count: number): number {
    const at = this.#length;
    const end = at + count;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = end;
    return at;
  }
}
