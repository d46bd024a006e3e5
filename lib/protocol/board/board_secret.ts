import { hmac } from "@noble/hashes/hmac";
import { sha256 } from "@noble/hashes/sha2";
import { encodeUtf8, equalInConstantTime } from "../../wire/mod.ts";

/**
 * What a board keeps of the secret of a room: 32 bytes of HMAC-SHA256, keyed by the name of the room,
 * so that two rooms with one secret do not show it. A room without a secret has a digest too, that of
 * no text, which no secret is.
 */
export function roomSecretDigest(room: string, secret: string | undefined): Uint8Array {
  const key = encodeUtf8(`${PURPOSE}${room}`);
  return hmac(sha256, key, encodeUtf8(secret === undefined ? "open" : `secret:${secret}`));
}

/** Whether two digests are of one secret, in constant time. */
export function sameRoomSecret(a: Uint8Array, b: Uint8Array): boolean {
  return equalInConstantTime(a, b);
}

const PURPOSE = "pinhole board room 1\n";
