import {
  checkIntegrity,
  findAttribute,
  type IntegrityAlgorithm,
  type IntegrityKey,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  type StunMessage,
} from "../wire/mod.ts";

/**
 * The algorithm that a message's integrity is judged by: SHA-256 where MESSAGE-INTEGRITY-SHA256 is
 * there, whatever stands beside it (RFC 8489 sections 9.1.3 and 9.2.4); undefined if there is neither
 * attribute.
 */
export function protectionOf(message: StunMessage): IntegrityAlgorithm | undefined {
  if (findAttribute(message, MESSAGE_INTEGRITY_SHA256.type) !== undefined) return "sha256";
  return findAttribute(message, MESSAGE_INTEGRITY.type) === undefined ? undefined : "sha1";
}

/**
 * Whether a message is protected by this algorithm under this key. A truncated HMAC does not count:
 * RFC 8489 section 14.6 leaves that to usages that ask for it, and Binding does not.
 */
export function isProtected(
  message: StunMessage,
  { key, algorithm }: { readonly key: IntegrityKey; readonly algorithm: IntegrityAlgorithm },
): boolean {
  const found = findAttribute(message, MESSAGE_INTEGRITY_SHA256.type);
  if (algorithm === "sha256" && found?.value.length !== 32) return false;
  return checkIntegrity(message, key, algorithm) === "valid";
}
