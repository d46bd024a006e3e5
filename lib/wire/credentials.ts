import { md5 } from "@noble/hashes/legacy";
import { sha256 } from "@noble/hashes/sha2";
import { IntegrityKey } from "./integrity.ts";
import { prepareOpaqueString } from "./opaque_string.ts";
import { encodeUtf8 } from "./plain_values.ts";

/** The user, realm and password of a long-term credential (RFC 8489 section 9.2). */
export interface LongTermCredential {
  /** The user name, before preparation. */
  readonly username: string;
  /** The realm, before preparation. */
  readonly realm: string;
  /** The password, before preparation. */
  readonly password: string;
}

/** How a long-term password becomes a key (RFC 8489 section 18.5.1). */
export type KeyAlgorithm = "md5" | "sha256";

/**
 * The key of a short-term credential: the prepared password itself (RFC 8489 section 9.1.1).
 *
 * @throws {RangeError} If the password is empty or holds a character that OpaqueString forbids.
 */
export function shortTermKey(password: string): IntegrityKey {
  return new IntegrityKey(encodeUtf8(prepare("password", password)));
}

/**
 * The key of a long-term credential: MD5 or SHA-256 of `username:realm:password`, each prepared
 * (RFC 8489 section 9.2.2).
 *
 * @throws {RangeError} If a part is empty or holds a character that OpaqueString forbids.
 */
export function longTermKey(
  credential: LongTermCredential,
  algorithm: KeyAlgorithm = "md5",
): IntegrityKey {
  const text = [
    prepare("username", credential.username),
    prepare("realm", credential.realm),
    prepare("password", credential.password),
  ].join(":");
  const hash = algorithm === "md5" ? md5 : sha256;
  return new IntegrityKey(hash(encodeUtf8(text)));
}

/**
 * The value of USERHASH: SHA-256 of `username:realm`, each prepared (RFC 8489 section 14.4).
 *
 * @throws {RangeError} If a part is empty or holds a character that OpaqueString forbids.
 */
export function userHash(username: string, realm: string): Uint8Array {
  return sha256(encodeUtf8(`${prepare("username", username)}:${prepare("realm", realm)}`));
}

function prepare(what: string, text: string): string {
  const prepared = prepareOpaqueString(text);
  if (!prepared.ok) {
    // What was attempted is said already, but not with which of the three
    const found = prepared.reason.slice(prepared.reason.indexOf(": "));
    throw new RangeError(`Cannot prepare the ${what}${found}`);
  }
  return prepared.value;
}
