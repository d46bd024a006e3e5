import { FINGERPRINT } from "./attribute_table.ts";
import { type ByteRange, crc32 } from "./crc32.ts";
import type { StunMessage } from "./stun_message.ts";

/** What a look at a message's FINGERPRINT says. */
export type FingerprintCheck = "absent" | "valid" | "invalid";

/**
 * Checks FINGERPRINT (RFC 8489 section 14.7). One that is not the last attribute is invalid.
 */
export function checkFingerprint(message: StunMessage): FingerprintCheck {
  const { attributes, bytes } = message;
  const found = attributes.find((one) => one.type === FINGERPRINT.type);
  if (found === undefined) return "absent";
  const { value, offset } = found;
  // 8: header and value. Anything behind it, also what is to be ignored, makes it not the last
  if (value.length !== 4 || offset + 8 !== bytes.length) return "invalid";
  const crc = ((value[0]! << 24) | (value[1]! << 16) | (value[2]! << 8) | value[3]!) >>> 0;
  return crc === fingerprintOf(bytes, { end: offset }) ? "valid" : "invalid";
}

/**
 * The value of FINGERPRINT for a message: `bytes`, or a part of them, is all that stands before the
 * attribute, and its length field counts the attribute already.
 */
export function fingerprintOf(bytes: Uint8Array, range?: ByteRange): number {
  return (crc32(bytes, range) ^ XOR) >>> 0;
}

/** "STUN" in ASCII, so that a CRC-32 of another protocol on the same port does not fit by accident. */
const XOR = 0x5354554e;
