/** A part of some bytes, for who cannot afford a view on it. */
export interface ByteRange {
  /** Where it begins. @default {0} */
  readonly start?: number;
  /** Where it ends. @default the end of the bytes */
  readonly end?: number;
}

/** The CRC-32 of ISO 3309 and ITU-T V.42, as FINGERPRINT uses it (RFC 8489 section 14.7). */
export function crc32(bytes: Uint8Array, range: ByteRange = {}): number {
  const { start = 0, end = bytes.length } = range;
  let crc = 0xffffffff;
  for (let i = start; i < end; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

const TABLE = new Int32Array(256);
for (let n = 0; n < TABLE.length; n++) {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  TABLE[n] = value;
}
