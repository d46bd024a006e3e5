import { hmac } from "@noble/hashes/hmac";
import { sha1 } from "@noble/hashes/legacy";

/**
 * The password of a time-limited username (draft-uberti-behave-turn-rest-00 section 2.2, which is what
 * coturn calls `use-auth-secret`): the base64 of HMAC-SHA1 over the username, keyed by the secret that
 * the server and the back end that hands out credentials share. Both as UTF-8, and the whole username,
 * the expiry included.
 */
export function timeLimitedPassword(secret: string, username: string): string {
  const text = new TextEncoder();
  const mac = hmac(sha1, text.encode(secret), text.encode(username));
  return btoa(String.fromCharCode(...mac));
}

/**
 * When a time-limited username expires, in seconds since 1970; undefined if it does not say. The forms
 * are those that coturn takes: `1700000000:alice` (which the draft asks for), `1700000000` alone, and,
 * where the part before the first colon is not a number, the number after it: `alice:1700000000`.
 * A number is 1 to 15 decimal digits and nothing else, where coturn reads as far as the digits go and
 * so also takes `1700000000x`. A credential is good up to and including the second that it names, in
 * coturn as here.
 */
export function timeLimitedUsernameExpiry(username: string): number | undefined {
  const [first, second] = username.split(":", 2);
  const digits = [first, second].find((part) => part !== undefined && /^[0-9]{1,15}$/.test(part));
  return digits === undefined ? undefined : Number(digits);
}
