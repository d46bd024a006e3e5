import type { ValueCodec } from "./attribute_codec.ts";
import { type Decoded, decoded, undecodable } from "./decoded.ts";
import type { WireWriter } from "./wire_writer.ts";

/** An unsigned 32-bit number. */
export const u32Value: ValueCodec<number> = {
  write(value: number, into: WireWriter): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new RangeError(`got ${value}, wanted 0 to 0xFFFFFFFF`);
    }
    into.u32(value);
  },
  read(value: Uint8Array): Decoded<number> {
    if (value.length !== 4) return undecodable(`value has ${value.length} bytes, wanted 4`);
    return decoded(viewOf(value).getUint32(0));
  },
};

/** An unsigned 64-bit number, as ICE's tie-breakers are (RFC 8445 section 7.1.3). */
export const u64Value: ValueCodec<bigint> = {
  write(value: bigint, into: WireWriter): void {
    if (value < 0n || value > 0xffffffffffffffffn) {
      throw new RangeError(`got ${value}, wanted 0 to 2^64 - 1`);
    }
    into.u32(Number(value >> 32n));
    into.u32(Number(value & 0xffffffffn));
  },
  read(value: Uint8Array): Decoded<bigint> {
    if (value.length !== 8) return undecodable(`value has ${value.length} bytes, wanted 8`);
    return decoded(viewOf(value).getBigUint64(0));
  },
};

/** An attribute that says all by being there, as USE-CANDIDATE does. Its value is empty. */
export const flagValue: ValueCodec<true> = {
  write(): void {},
  read(value: Uint8Array): Decoded<true> {
    if (value.length !== 0) return undecodable(`value has ${value.length} bytes, wanted none`);
    return decoded(true);
  },
};

/** Which lengths of opaque bytes are right, in bytes. */
export interface BytesValueOptions {
  /** The least number of bytes. */
  readonly min: number;
  /** The greatest number of bytes. */
  readonly max: number;
  /** The length is a multiple of this. @default {1} */
  readonly multipleOf?: number;
}

/** Bytes that this layer does not look into; the value read is a view on the message. */
export function bytesValue(options: BytesValueOptions): ValueCodec<Uint8Array> {
  const { min, max, multipleOf = 1 } = options;
  const fits = (length: number) => length >= min && length <= max && length % multipleOf === 0;
  const wanted = (min === max ? `${min}` : `${min} to ${max}`) +
    (multipleOf === 1 ? "" : ` in steps of ${multipleOf}`);
  return {
    write(value: Uint8Array, into: WireWriter): void {
      if (!fits(value.length)) {
        throw new RangeError(`value has ${value.length} bytes, wanted ${wanted}`);
      }
      into.bytes(value);
    },
    read(value: Uint8Array): Decoded<Uint8Array> {
      return fits(value.length)
        ? decoded(value)
        : undecodable(`value has ${value.length} bytes, wanted ${wanted}`);
    },
  };
}

/** How long a text may be. */
export interface TextValueOptions {
  /** When writing: the text has at most this many characters (Unicode code points). */
  readonly maxCharacters?: number;
  /** When writing: the text has at most this many bytes of UTF-8. */
  readonly maxWriteBytes: number;
  /** When reading: the value has at most this many bytes. */
  readonly maxReadBytes: number;
}

/** UTF-8 text (RFC 8489 section 14); bytes that are not UTF-8 are refused. */
export function textValue(options: TextValueOptions): ValueCodec<string> {
  const { maxCharacters = Infinity, maxWriteBytes, maxReadBytes } = options;
  return {
    write(value: string, into: WireWriter): void {
      if (!value.isWellFormed()) {
        throw new RangeError("text has half of a surrogate pair, wanted well-formed Unicode");
      }
      // No text has more characters than UTF-16 units
      const characters = value.length > maxCharacters ? [...value].length : value.length;
      if (characters > maxCharacters) {
        throw new RangeError(
          `text has ${characters} characters, the most is ${maxCharacters}`,
        );
      }
      const bytes = utf8Encoder.encode(value);
      if (bytes.length > maxWriteBytes) {
        throw new RangeError(
          `text has ${bytes.length} bytes, the most is ${maxWriteBytes}`,
        );
      }
      into.bytes(bytes);
    },
    read(value: Uint8Array): Decoded<string> {
      if (value.length > maxReadBytes) {
        return undecodable(`value has ${value.length} bytes, the most is ${maxReadBytes}`);
      }
      return decodeUtf8(value);
    },
  };
}

/** Reads UTF-8 strictly. */
export function decodeUtf8(value: Uint8Array): Decoded<string> {
  try {
    return decoded(utf8Decoder.decode(value));
  } catch {
    return undecodable("value is not UTF-8");
  }
}

/** Writes UTF-8. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return utf8Encoder.encode(text);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const utf8Encoder = new TextEncoder();
// ignoreBOM: U+FEFF is a character of the text here, not a mark to swallow
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
