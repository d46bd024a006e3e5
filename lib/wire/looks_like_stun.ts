/**
 * Whether a datagram is a STUN message, to tell it from DTLS, RTP and the like on one socket
 * (RFC 7983 section 7, RFC 8489 section 5): the first byte is 0 to 3, there are 20 bytes or more,
 * bytes 4 to 7 are the magic cookie 0x2112A442, and the length field is a multiple of 4 that agrees
 * with the number of bytes.
 *
 * A message of RFC 3489 has no magic cookie and does not count: on a shared socket its first bytes
 * alone tell it from nothing.
 *
 * @example
 * ```ts
 * import { looksLikeStun } from "@pinhole/stun/wire";
 * import { assertEquals } from "@std/assert";
 *
 * const request = new Uint8Array(20);
 * request.set([0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42]);
 * assertEquals(looksLikeStun(request), true);
 * assertEquals(looksLikeStun(Uint8Array.of(0x16, 0xfe, 0xfd)), false); // DTLS
 * ```
 */
export function looksLikeStun(bytes: Uint8Array): boolean {
  // 0 type(16) length(16) cookie(32) transaction ID(96)
  if (bytes.length < HEADER_BYTES || bytes[0]! > 3) return false;
  const length = (bytes[2]! << 8) | bytes[3]!;
  return (length & 3) === 0 && length === bytes.length - HEADER_BYTES &&
    bytes[4] === 0x21 && bytes[5] === 0x12 && bytes[6] === 0xa4 && bytes[7] === 0x42;
}

const HEADER_BYTES = 20;
