import { hmac } from "@noble/hashes/hmac";
import { sha256 } from "@noble/hashes/sha2";
import { MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256 } from "./attribute_table.ts";
import { HmacSha1Key } from "./hmac_sha1.ts";
import type { StunMessage } from "./stun_message.ts";

/** Which of the two integrity attributes is meant, by its hash. */
export type IntegrityAlgorithm = "sha1" | "sha256";

/** What a look at a message's integrity says. */
export type IntegrityCheck = "absent" | "valid" | "invalid";

/**
 * The key that protects messages with MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256. Made by
 * {@linkcode shortTermKey} or {@linkcode longTermKey}. It keeps the hash states that every message
 * under it starts from, so that a key which is kept is cheaper than one which is made anew.
 */
export class IntegrityKey {
  readonly #bytes: Uint8Array;
  #sha1: HmacSha1Key | undefined;
  #sha256: ReturnType<typeof hmac.create> | undefined;

  /** Takes the key's bytes, of any number; they are copied. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.slice();
  }

  /** The HMAC under this key of what the parts are together: 20 bytes, or 32 with SHA-256. */
  hmac(algorithm: IntegrityAlgorithm, ...parts: readonly Uint8Array[]): Uint8Array {
    if (algorithm === "sha1") return (this.#sha1 ??= new HmacSha1Key(this.#bytes)).digest(parts);
    const state = (this.#sha256 ??= hmac.create(sha256, this.#bytes)).clone();
    for (const part of parts) state.update(part);
    return state.digest();
  }
}

/**
 * Checks MESSAGE-INTEGRITY (`"sha1"`, RFC 8489 section 14.5) or MESSAGE-INTEGRITY-SHA256
 * (`"sha256"`, section 14.6; truncated ones of 16 bytes or more are taken). In constant time.
 */
export function checkIntegrity(
  message: StunMessage,
  key: IntegrityKey,
  algorithm: IntegrityAlgorithm = "sha1",
): IntegrityCheck {
  const codec = algorithm === "sha1" ? MESSAGE_INTEGRITY : MESSAGE_INTEGRITY_SHA256;
  const found = message.attributes.find((one) => one.type === codec.type);
  if (found === undefined) return "absent";
  const { offset, value } = found;
  if (!codec.read(value, message.transactionId).ok) return "invalid";
  // The HMAC is over a header whose length ends with this attribute, whatever follows it
  const header = message.bytes.slice(0, 4);
  const length = offset + 4 + value.length - 20;
  header[2] = length >> 8;
  header[3] = length;
  const computed = key.hmac(algorithm, header, message.bytes.subarray(4, offset));
  return equalInConstantTime(computed.subarray(0, value.length), value) ? "valid" : "invalid";
}

/** Compares secrets in a time that depends on their length alone. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
