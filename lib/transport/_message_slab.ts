import { addressOf, type Libc } from "./_libc.ts";
import { SOCKADDR_STRIDE, sockaddrBytes } from "./_linux_sockets.ts";

/** How a {@linkcode MessageSlab} is laid out. */
export interface MessageSlabOptions {
  /** How many messages it holds. */
  readonly slots: number;
  /** How many bytes a payload has at most; a multiple of 8. */
  readonly slotBytes: number;
  /** AF_INET or AF_INET6, as the socket has it. */
  readonly family: number;
}

/**
 * The memory that `recvmmsg` fills and `sendmmsg` reads, laid out once: one header per message, which
 * points to a name (a socket address) and, through a vector, to a payload. Guard bytes that nobody
 * writes lie around each part and between the payloads. Pages that no datagram has reached take no
 * memory.
 */
export class MessageSlab {
  /** How many messages it holds. */
  readonly slots: number;
  /** How many bytes a payload has at most. */
  readonly slotBytes: number;
  /** The `mmsghdr` array. */
  readonly headers: Uint8Array<ArrayBuffer>;
  /** Headers in 32-bit words; {@linkcode HEADER_WORDS} each. */
  readonly headerWords: Uint32Array<ArrayBuffer>;
  /** The socket addresses, {@linkcode SOCKADDR_STRIDE} bytes each. */
  readonly names: Uint8Array<ArrayBuffer>;
  /** The socket addresses in 32-bit words. */
  readonly nameWords: Uint32Array<ArrayBuffer>;
  /** The payloads, with the guards between them. */
  readonly payloads: Uint8Array<ArrayBuffer>;
  /** The guard bytes, for a test to mark. */
  readonly guards: readonly Uint8Array[];
  readonly #vectorWords: Uint32Array<ArrayBuffer>;

  /** Takes the memory and ties it together. */
  constructor(libc: Libc, { slots, slotBytes, family }: MessageSlabOptions) {
    const stride = slotBytes + GUARD_BYTES;
    const parts = [slots * HEADER_BYTES, slots * SOCKADDR_STRIDE, slots * VECTOR_BYTES];
    const payloadBytes = slots * stride - GUARD_BYTES;
    const total = sum(parts) + payloadBytes + (parts.length + 2) * GUARD_BYTES;
    const memory = new Uint8Array(total);
    const guards = [memory.subarray(0, GUARD_BYTES)];
    let end = GUARD_BYTES;
    const take = (bytes: number): Uint8Array<ArrayBuffer> => {
      const part = memory.subarray(end, end + bytes);
      guards.push(memory.subarray(end + bytes, end + bytes + GUARD_BYTES));
      end += bytes + GUARD_BYTES;
      return part;
    };
    const [headers, names, vectors] = parts.map(take) as [Bytes, Bytes, Bytes];
    this.slots = slots;
    this.slotBytes = slotBytes;
    this.headers = headers;
    this.headerWords = new Uint32Array(memory.buffer, headers.byteOffset, slots * HEADER_WORDS);
    this.names = names;
    this.nameWords = new Uint32Array(memory.buffer, names.byteOffset, slots * NAME_WORDS);
    this.payloads = take(payloadBytes);
    for (let slot = 1; slot < slots; slot++) {
      guards.push(this.payloads.subarray(slot * stride - GUARD_BYTES, slot * stride));
    }
    this.guards = guards;
    this.#vectorWords = new Uint32Array(memory.buffer, vectors.byteOffset, 4 * slots);
    this.#tie(addressOf(libc, memory), sockaddrBytes(family));
  }

  /** Where in {@linkcode MessageSlab.payloads} the payload of a slot begins. */
  payloadAt(slot: number): number {
    return slot * (this.slotBytes + GUARD_BYTES);
  }

  /** How many bytes of a slot are to be sent. */
  setLength(slot: number, bytes: number): void {
    this.#vectorWords[4 * slot + 2] = bytes;
  }

  /** The headers from a slot on. */
  headersFrom(slot: number): Uint8Array<ArrayBuffer> {
    return slot === 0 ? this.headers : this.headers.subarray(slot * HEADER_BYTES);
  }

  #tie(address: bigint, nameBytes: number): void {
    const { headers, names, payloads } = this;
    const view = new DataView(headers.buffer);
    const vectorsAt = this.#vectorWords.byteOffset;
    const setAddress = (at: number, target: number) =>
      view.setBigUint64(at, address + BigInt(target), true);
    for (let slot = 0; slot < this.slots; slot++) {
      // mmsghdr: name(64) its length(32) -(32) vectors(64) their count(64) control(64) its length(64)
      //          flags(32) -(32) message length(32) -(32)
      const at = headers.byteOffset + slot * HEADER_BYTES;
      const vectorAt = vectorsAt + slot * VECTOR_BYTES;
      setAddress(at, names.byteOffset + slot * SOCKADDR_STRIDE);
      view.setUint32(at + 8, nameBytes, true);
      setAddress(at + 16, vectorAt);
      view.setUint32(at + 24, 1, true);
      // iovec: base(64) length(64)
      setAddress(vectorAt, payloads.byteOffset + this.payloadAt(slot));
      view.setUint32(vectorAt + 8, this.slotBytes, true);
    }
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

/** The bytes of a `mmsghdr`. */
const HEADER_BYTES = 64;
/** A `mmsghdr` in 32-bit words. */
export const HEADER_WORDS = HEADER_BYTES / 4;
/** Where in a `mmsghdr` the length of the message stands that was received. */
export const LENGTH_WORD = 14;
/** A socket address in 32-bit words. */
export const NAME_WORDS = SOCKADDR_STRIDE / 4;
const VECTOR_BYTES = 16;
/** One cache line: so payloads a power of two apart do not fight for the same lines of the cache. */
const GUARD_BYTES = 64;
