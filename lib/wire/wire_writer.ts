/**
 * Writes numbers and bytes in network byte order into a buffer that grows as needed. One writer can
 * serve many messages, and then many of them share one buffer: a buffer for each costs more than all
 * the rest of writing a short message (0.9 us against 0.05 us for a view, Deno 2.9.6).
 */
export class WireWriter {
  // 0 finished messages ... #start what is being written ... #end room
  #bytes: Uint8Array<ArrayBuffer>;
  #start = 0;
  #end = 0;
  readonly #capacity: number;

  /** Takes room for `capacity` bytes at a time, and more for what does not fit. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#capacity = capacity;
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** What has been written: a view, valid until the next write. */
  get view(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /**
   * Hands over what has been written and starts anew behind it. The bytes are the caller's for good:
   * the writer does not come back to them. Their buffer may hold other messages too.
   */
  finish(): Uint8Array<ArrayBuffer> {
    const finished = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return finished;
  }

  /** Forgets what has been written since the last {@linkcode WireWriter.finish}. */
  reset(): void {
    this.#end = this.#start;
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
    if (count === 0) return; // most attributes need no padding, and fill() is slow to start
    const at = this.#claim(count);
    this.#bytes.fill(0, at, at + count);
  }

  /** Overwrites the 16-bit number at `at`, for a length that is known only afterwards. */
  patchU16(at: number, value: number): void {
    this.#bytes[this.#start + at] = value >>> 8;
    this.#bytes[this.#start + at + 1] = value;
  }

  #claim(count: number): number {
    if (this.#end + count > this.#bytes.length) this.#renew(count);
    const at = this.#end;
    this.#end += count;
    return at;
  }

  /** Moves what is being written into a new buffer that has room for `count` bytes more. */
  #renew(count: number): void {
    const length = this.length;
    // Twice as much as needed, so that a long value written byte by byte is not moved every time
    const bytes = new Uint8Array(Math.max(this.#capacity, 2 * (length + count)));
    if (length > 0) bytes.set(this.view);
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = length;
  }
}
