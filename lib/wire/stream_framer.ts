import { type DecodeFailure, undecodable } from "./decoded.ts";

/** What a {@linkcode StunStreamFramer} does. */
export interface StunStreamFramerOptions {
  /**
   * The longest message that is taken, in bytes with its header: 20 to 65552. It is also the most
   * memory that a stream can make its framer hold. The default fits a 1500-byte PADDING probe
   * (RFC 5780 section 7.6).
   *
   * @default {2048}
   */
  readonly maxMessageBytes?: number;
}

/** What a chunk of a stream brought. */
export interface StunFrames {
  /**
   * The messages that are complete now, in order, each with its header. A message that lies wholly
   * in the chunk is a view on the chunk: it is good for as long as the chunk's buffer is left
   * alone, which a caller that reads into the same buffer again does until its next read.
   */
  readonly frames: readonly Uint8Array[];
  /**
   * Why no more messages can be found in this stream. The frames that came before the bad bytes are
   * good. `offset` counts bytes from the start of the stream.
   */
  readonly failure?: DecodeFailure;
}

/** Where a message lies. */
export interface StunFrame {
  /** What holds it: the chunk, or, if it began in a chunk before, a buffer of its own. */
  readonly bytes: Uint8Array;
  /** Where its header begins. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  /** Where in the chunk the search goes on. */
  readonly next: number;
}

/**
 * Finds the messages in a TCP or TLS stream, whose only frame is the length field of the STUN
 * header (RFC 8489 section 6.2.2). However the stream is cut into chunks, the messages are the
 * same, and so is the failure.
 *
 * A stream is refused at the first byte that cannot be STUN, because nothing after it can be
 * trusted to be the start of a message: the first two bits are not zero, the message would be
 * longer than the cap, its length is not a multiple of 4, or there is no magic cookie. Only the
 * Binding messages of RFC 3489 (types 0x0001, 0x0101 and 0x0111) do without a cookie.
 *
 * A framer with no partial message holds no buffer. A partial message is copied: into 20 bytes
 * until its header is complete, then into as many bytes as the header says.
 *
 * @example
 * ```ts
 * import { StunStreamFramer } from "@pinhole/stun/wire";
 * import { assertEquals } from "@std/assert";
 *
 * const request = new Uint8Array(20);
 * request.set([0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42]);
 * const framer = new StunStreamFramer();
 * assertEquals(framer.push(request.subarray(0, 9)), { frames: [] });
 * assertEquals(framer.pendingBytes, 9);
 * assertEquals(framer.push(request.subarray(9)), { frames: [request] });
 * ```
 */
export class StunStreamFramer {
  readonly #maxMessageBytes: number;
  /** The partial message: 20 bytes, or as many as its header says once that is complete. */
  #partial: Uint8Array | undefined;
  /** How many bytes of `#partial` are filled. */
  #held = 0;
  /** Where in the stream the message that is being read starts. */
  #messageOffset = 0;
  #failure: DecodeFailure | undefined;

  /**
   * Makes a framer for one direction of one stream.
   *
   * @throws {RangeError} If `maxMessageBytes` is not an integer of 20 to 65552.
   */
  constructor(options: StunStreamFramerOptions = {}) {
    const { maxMessageBytes = 2048 } = options;
    if (
      !Number.isInteger(maxMessageBytes) || maxMessageBytes < HEADER_BYTES ||
      maxMessageBytes > LARGEST_MESSAGE_BYTES
    ) {
      throw new RangeError(
        `Cannot make a framer: maxMessageBytes is ${maxMessageBytes}, ` +
          `wanted ${HEADER_BYTES} to ${LARGEST_MESSAGE_BYTES}`,
      );
    }
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** How many bytes of a message that is not complete yet the framer holds. */
  get pendingBytes(): number {
    return this.#held;
  }

  /**
   * Takes the next bytes of the stream. They are not held on to, except by the frames that are
   * returned: see {@linkcode StunFrames.frames}. After a failure, every push returns that failure
   * and no frames.
   */
  push(chunk: Uint8Array): StunFrames {
    const frames: Uint8Array[] = [];
    for (let one = this.next(chunk, 0); one !== undefined; one = this.next(chunk, one.next)) {
      frames.push(one.bytes.subarray(one.start, one.end));
    }
    return this.#failure === undefined ? { frames } : { frames, failure: this.#failure };
  }

  /**
   * The same as {@linkcode StunStreamFramer.push} one message at a time, for a caller who cannot
   * afford a view on each: takes the bytes of the chunk from `from` on, as far as they complete one
   * message, and says where it lies. Call again with {@linkcode StunFrame.next} until there is none:
   * then the whole chunk is taken, or {@linkcode StunStreamFramer.failure} says why not.
   */
  next(chunk: Uint8Array, from: number): StunFrame | undefined {
    if (this.#failure !== undefined) return undefined;
    return this.#partial === undefined ? this.#find(chunk, from) : this.#resume(chunk, from);
  }

  /** Why no more messages can be found in this stream, if so. */
  get failure(): DecodeFailure | undefined {
    return this.#failure;
  }

  /**
   * Says that the stream has ended. Returns a failure if that was within a message, or the failure
   * that the stream already had; `undefined` if it ended where a message did.
   */
  finish(): DecodeFailure | undefined {
    if (this.#held > 0) {
      const wanted = this.#held < 4 ? HEADER_BYTES : messageBytes(this.#partial!, 0);
      this.#failure = undecodable(
        `Cannot read a message from the stream: it ended after ${this.#held} bytes of the ` +
          `message, wanted ${this.#held < 4 ? "at least " : ""}${wanted}`,
        this.#messageOffset + this.#held,
      );
      this.#release();
    }
    return this.#failure;
  }

  /** The message that starts at `start`; if it is not complete, the framer keeps what there is. */
  #find(chunk: Uint8Array, start: number): StunFrame | undefined {
    const available = chunk.length - start;
    if (available <= 0) return undefined;
    this.#failure = this.#inspect(chunk, start);
    if (this.#failure !== undefined) return undefined;
    const wanted = available < HEADER_BYTES ? HEADER_BYTES : messageBytes(chunk, start);
    if (available < wanted) {
      this.#partial = new Uint8Array(wanted);
      this.#partial.set(chunk.subarray(start));
      this.#held = available;
      return undefined;
    }
    this.#messageOffset += wanted;
    const end = start + wanted;
    return { bytes: chunk, start, end, next: end };
  }

  /** The partial message, once the chunk has completed it. */
  #resume(chunk: Uint8Array, from: number): StunFrame | undefined {
    for (let partial = this.#partial!, at = from;;) {
      const end = Math.min(chunk.length, at + partial.length - this.#held);
      partial.set(chunk.subarray(at, end), this.#held);
      this.#held += end - at;
      at = end;
      this.#failure = this.#inspect(partial.subarray(0, this.#held), 0);
      if (this.#failure !== undefined) {
        this.#release();
        return undefined;
      }
      if (this.#held < partial.length) return undefined;
      const wanted = messageBytes(partial, 0);
      if (this.#held === wanted) {
        this.#messageOffset += wanted;
        this.#release();
        return { bytes: partial, start: 0, end: wanted, next: at };
      }
      const whole = new Uint8Array(wanted);
      whole.set(partial);
      this.#partial = partial = whole;
    }
  }

  #release(): void {
    this.#partial = undefined;
    this.#held = 0;
  }

  /**
   * Judges as much of the header as there is, from the first byte to the last: a verdict never
   * depends on a later byte, so no cut of the stream can change it.
   */
  #inspect(bytes: Uint8Array, start: number): DecodeFailure | undefined {
    // 0 type(16) length(16) cookie(32) transaction ID(96)
    const available = bytes.length - start;
    if (available > 0 && bytes[start]! > 0x3f) {
      return this.#refuse(`it starts with byte ${hex(bytes[start]!, 2)}, wanted 0x00 to 0x3f`, 0);
    }
    if (available > 2) {
      // the high byte of the length may be too much by itself
      const least = HEADER_BYTES + 256 * bytes[start + 2]!;
      if (least > this.#maxMessageBytes) return this.#refuseLength(`at least ${least}`);
    }
    if (available > 3) {
      const claimed = messageBytes(bytes, start);
      if (claimed > this.#maxMessageBytes) return this.#refuseLength(`${claimed}`);
      if ((claimed & 3) !== 0) {
        const length = claimed - HEADER_BYTES;
        return this.#refuse(`its length field is ${length}, wanted a multiple of 4`, 2);
      }
    }
    if (available > 4) {
      const type = (bytes[start]! << 8) | bytes[start + 1]!;
      if (type !== 0x0001 && type !== 0x0101 && type !== 0x0111) {
        const end = Math.min(available, 8);
        for (let i = 4; i < end; i++) {
          if (bytes[start + i] === MAGIC_COOKIE[i - 4]) continue;
          return this.#refuse(`its type is ${hex(type, 4)}, wanted the magic cookie after that`, 4);
        }
      }
    }
    return undefined;
  }

  #refuseLength(claimed: string): DecodeFailure {
    return this.#refuse(
      `it claims to have ${claimed} bytes, wanted at most ${this.#maxMessageBytes}`,
      2,
    );
  }

  #refuse(why: string, field: number): DecodeFailure {
    return undecodable(
      `Cannot read a message from the stream: ${why}`,
      this.#messageOffset + field,
    );
  }
}

/** The size of the message whose first four bytes start at `start`. */
function messageBytes(bytes: Uint8Array, start: number): number {
  return HEADER_BYTES + ((bytes[start + 2]! << 8) | bytes[start + 3]!);
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

const HEADER_BYTES = 20;
const LARGEST_MESSAGE_BYTES = HEADER_BYTES + 0xfffc;
const MAGIC_COOKIE = [0x21, 0x12, 0xa4, 0x42] as const;
