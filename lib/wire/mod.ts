/**
 * Bytes to values and back: STUN messages and attributes, integrity, framing, URIs. Pure,
 * synchronous and Web-standard: it runs in a browser, in Node and in Deno alike.
 *
 * @module
 */
export * from "./decoded.ts";
export * from "./socket_address.ts";
export * from "./message_type.ts";
export * from "./stun_message.ts";
export * from "./message.ts";
export * from "./wire_writer.ts";
export {
  attribute,
  type AttributeCodec,
  type AttributeName,
  isComprehensionRequired,
  type RawAttribute,
  type ValueCodec,
  type WritableAttribute,
} from "./attribute_codec.ts";
export * from "./attribute_table.ts";
export { type ErrorCode, REASON_PHRASES } from "./error_code.ts";
export {
  PASSWORD_ALGORITHM_MD5,
  PASSWORD_ALGORITHM_SHA256,
  type PasswordAlgorithm,
} from "./password_algorithm.ts";
export {
  type ChangeFlags,
  DIAL_BACK_OUTCOMES,
  type DialBack,
  type DialBackOutcome,
  type DialBackResult,
} from "./nat_discovery_values.ts";
export { decodeUtf8, encodeUtf8 } from "./plain_values.ts";
export { type ByteRange, crc32 } from "./crc32.ts";
export { checkFingerprint, type FingerprintCheck, fingerprintOf } from "./fingerprint.ts";
export {
  checkIntegrity,
  equalInConstantTime,
  type IntegrityAlgorithm,
  type IntegrityCheck,
  IntegrityKey,
} from "./integrity.ts";
export * from "./credentials.ts";
export * from "./opaque_string.ts";
export * from "./looks_like_stun.ts";
export * from "./stream_framer.ts";
export * from "./stun_uri.ts";
