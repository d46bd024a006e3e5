import type { RawAttribute, WritableAttribute } from "./attribute_codec.ts";
import {
  attributeName,
  FINGERPRINT,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
} from "./attribute_table.ts";
import { type Decoded, decoded, undecodable } from "./decoded.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { IntegrityKey } from "./integrity.ts";
import { messageClassOf, messageMethodOf, packMessageType } from "./message_type.ts";
import type { DecodedAttribute, MessageHeader, StunMessage } from "./stun_message.ts";
import { WireWriter } from "./wire_writer.ts";

/** The bytes before the attributes (RFC 8489 section 5). */
export const HEADER_BYTES = 20;

/** The fixed value that tells STUN since RFC 5389 from RFC 3489 (RFC 8489 section 5). */
export const MAGIC_COOKIE = 0x2112a442;

/** What {@linkcode encodeMessage} writes. A {@linkcode StunMessage} fits as it is. */
export interface MessageInit extends MessageHeader {
  /** The attributes in the order in which they are written. @default {[]} */
  readonly attributes?: readonly (RawAttribute | WritableAttribute)[];
}

/** What {@linkcode encodeMessage} appends to a message. */
export interface EncodeMessageOptions {
  /** Appends MESSAGE-INTEGRITY under this key. */
  readonly integrity?: IntegrityKey;
  /** Appends MESSAGE-INTEGRITY-SHA256 under this key, after MESSAGE-INTEGRITY if there is one. */
  readonly integritySha256?: IntegrityKey;
  /** The bytes of MESSAGE-INTEGRITY-SHA256: 16 to 32 in steps of 4. @default {32} */
  readonly integritySha256Bytes?: number;
  /** Appends FINGERPRINT, last. @default {false} */
  readonly fingerprint?: boolean;
}

/**
 * Reads the header of a message that fills `bytes` (RFC 8489 section 5): two zero bits, a length
 * that is what follows the header and a multiple of 4.
 */
export function decodeHeader(bytes: Uint8Array): Decoded<MessageHeader> {
  //  0 0 message type(14)  message length(16)
  //  magic cookie(32)
  //  transaction id(96)
  if (bytes.length < HEADER_BYTES) {
    return undecodable(`Cannot read a STUN header: ${bytes.length} bytes, wanted 20 or more`);
  }
  if (bytes[0]! > 0x3f) {
    return undecodable("Cannot read a STUN header: the first two bits are not zero");
  }
  const length = (bytes[2]! << 8) | bytes[3]!;
  if (length !== bytes.length - HEADER_BYTES || length % 4 !== 0) {
    return undecodable(
      `Cannot read a STUN header: length is ${length}, ${
        bytes.length - HEADER_BYTES
      } bytes follow` +
        " and it must be a multiple of 4",
      2,
    );
  }
  const type = (bytes[0]! << 8) | bytes[1]!;
  return decoded({
    class: messageClassOf(type),
    method: messageMethodOf(type),
    transactionId: bytes.subarray(hasMagicCookie(bytes) ? 8 : 4, HEADER_BYTES),
  });
}

/**
 * Reads a message that fills `bytes`: the header, and how the rest falls into attributes (RFC 8489
 * section 14). The values are not looked into; {@linkcode readAttribute} does that one by one.
 *
 * @param header What {@linkcode decodeHeader} has made of the same bytes, if that has been done.
 */
export function decodeMessage(bytes: Uint8Array, header?: MessageHeader): Decoded<StunMessage> {
  if (header === undefined) {
    const result = decodeHeader(bytes);
    if (!result.ok) return result;
    header = result.value;
  }
  const { class: messageClass, method, transactionId } = header;
  if (bytes.length === HEADER_BYTES) {
    const none = NO_ATTRIBUTES;
    return decoded({
      class: messageClass,
      method,
      transactionId,
      attributes: none,
      ignored: none,
      bytes,
    });
  }
  const attributes: DecodedAttribute[] = [];
  const ignored: DecodedAttribute[] = [];
  let sealed = false; // by MESSAGE-INTEGRITY
  let sealed256 = false; // by MESSAGE-INTEGRITY-SHA256
  for (let offset = HEADER_BYTES; offset < bytes.length;) {
    // The length of the whole is a multiple of 4, so a header of 4 bytes is always there
    const type = (bytes[offset]! << 8) | bytes[offset + 1]!;
    const length = (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
    const start = offset + 4;
    const end = start + length;
    if (end > bytes.length) {
      return undecodable(
        `Cannot read the attributes: ${attributeName(type)} says it has ` +
          `${length} bytes, ${bytes.length - start} are left`,
        offset,
      );
    }
    const one = { type, value: bytes.subarray(start, end), offset };
    const counts = type === FINGERPRINT.type ||
      (!sealed256 && (!sealed || type === MESSAGE_INTEGRITY_SHA256.type));
    (counts ? attributes : ignored).push(one);
    sealed ||= type === MESSAGE_INTEGRITY.type;
    sealed256 ||= type === MESSAGE_INTEGRITY_SHA256.type;
    offset = (end + 3) & ~3;
  }
  return decoded({ class: messageClass, method, transactionId, attributes, ignored, bytes });
}

/**
 * Writes a message. Padding is zeros (RFC 8489 section 14). The bytes are the caller's for good, but
 * short messages share a buffer: who transfers `.buffer` to another thread must copy the message
 * first.
 *
 * @throws {RangeError} If a value is not one that its RFC allows, the transaction id has neither 12
 * nor 16 bytes, or the message would be longer than its 16-bit length can say.
 */
export function encodeMessage(
  message: MessageInit,
  options: EncodeMessageOptions = {},
): Uint8Array<ArrayBuffer> {
  const into = shared.length === 0 ? shared : new WireWriter();
  try {
    writeHeader(message, into);
    for (const one of message.attributes ?? []) writeAttribute(one, into, message.transactionId);
    appendSeals(options, into);
    patchLength(into, into.length);
    return into.finish();
  } finally {
    into.reset();
  }
}

function hasMagicCookie(bytes: Uint8Array): boolean {
  return bytes[4] === 0x21 && bytes[5] === 0x12 && bytes[6] === 0xa4 && bytes[7] === 0x42;
}

function writeHeader(message: MessageInit, into: WireWriter): void {
  const { transactionId } = message;
  into.u16(packMessageType(message.class, message.method));
  into.u16(0);
  if (transactionId.length === 12) into.u32(MAGIC_COOKIE);
  else if (transactionId.length !== 16) {
    throw new RangeError(
      `Cannot write a message: the transaction id has ${transactionId.length} bytes, wanted 12 or 16`,
    );
  }
  into.bytes(transactionId);
}

function writeAttribute(
  one: RawAttribute | WritableAttribute,
  into: WireWriter,
  transactionId: Uint8Array,
): void {
  if (!Number.isInteger(one.type) || one.type < 0 || one.type > 0xffff) {
    throw new RangeError(`Cannot write an attribute: its type is ${one.type}, wanted 0 to 0xFFFF`);
  }
  const at = into.length;
  into.u16(one.type);
  into.u16(0);
  if ("write" in one) one.write(into, transactionId);
  else into.bytes(one.value);
  const length = into.length - at - 4;
  if (length > 0xffff) {
    throw new RangeError(
      `Cannot write ${attributeName(one.type)}: it has ${length} bytes, the most is 65535`,
    );
  }
  into.patchU16(at + 2, length);
  into.zeros(-length & 3);
}

function appendSeals(options: EncodeMessageOptions, into: WireWriter): void {
  const { integrity, integritySha256, integritySha256Bytes = 32, fingerprint = false } = options;
  if (integrity !== undefined) {
    patchLength(into, into.length + 24);
    // Over all that stands before the attribute, in a header that counts the attribute already
    const hmac = integrity.hmac("sha1", into.view);
    writeAttribute({ type: MESSAGE_INTEGRITY.type, value: hmac }, into, NO_ID);
  }
  if (integritySha256 !== undefined) {
    if (integritySha256Bytes < 16 || integritySha256Bytes > 32 || integritySha256Bytes % 4 !== 0) {
      throw new RangeError(
        `Cannot write MESSAGE-INTEGRITY-SHA256: ${integritySha256Bytes} bytes asked for, ` +
          "wanted 16 to 32 in steps of 4",
      );
    }
    patchLength(into, into.length + 4 + integritySha256Bytes);
    const hmac = integritySha256.hmac("sha256", into.view);
    const value = hmac.subarray(0, integritySha256Bytes);
    writeAttribute({ type: MESSAGE_INTEGRITY_SHA256.type, value }, into, NO_ID);
  }
  if (fingerprint) {
    patchLength(into, into.length + 8);
    const crc = fingerprintOf(into.view);
    into.u16(FINGERPRINT.type);
    into.u16(4);
    into.u32(crc);
  }
}

/** The length field counts what follows the header, up to `end`: 65532 bytes at most, in steps of 4. */
function patchLength(into: WireWriter, end: number): void {
  const length = end - HEADER_BYTES;
  if (length > 0xffff) {
    throw new RangeError(`Cannot write a message: it has ${end} bytes, the most is 65552`);
  }
  into.patchU16(2, length);
}

const NO_ATTRIBUTES: readonly DecodedAttribute[] = [];
const NO_ID = new Uint8Array(0);
// One writer for all messages, as encoding is synchronous; 8192 bytes hold 256 plain answers, and are
// not much to keep for a single one that somebody holds on to
const shared = new WireWriter(8192);
