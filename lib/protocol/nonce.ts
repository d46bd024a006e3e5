import { hmac } from "@noble/hashes/hmac";
import { sha256 } from "@noble/hashes/sha2";
import { encodeUtf8, equalInConstantTime, type SocketAddress } from "../wire/mod.ts";
import {
  checkCodeAuthorityOptions,
  CLOCK_TOLERANCE_MS,
  type CodeAuthorityOptions,
  type CodeVerdict,
} from "./code_authority_options.ts";

/** The security features that a nonce announces (RFC 8489 sections 9.2 and 18.1). */
export interface NonceFeatures {
  /** Bit 0: the server sends PASSWORD-ALGORITHMS, so their absence is an attack. */
  readonly passwordAlgorithms: boolean;
  /** Bit 1: the server understands USERHASH. */
  readonly usernameAnonymity: boolean;
}

/** What a {@linkcode NonceAuthority} puts into its nonces. */
export interface NonceAuthorityOptions extends CodeAuthorityOptions {
  /** What the nonces announce. A nonce that announces something else is checked by its own word. */
  readonly features: NonceFeatures;
}

/**
 * Issues and checks nonces (RFC 8489 section 9.2) and keeps none of them: a nonce carries its expiry and
 * a code that only the holder of the secret can compute. Servers with the same secret accept each
 * other's. A nonce is 32 characters, which with padding adds the least to a challenge over UDP:
 *
 * ```text
 * obMatJos2 | flags(24) | expiry(36) | code(78)      9 + 4 + 6 + 13 characters, 6 bits each, base64
 * ```
 *
 * The expiry is in seconds since 1970. The code is the beginning of HMAC-SHA256 over all that precedes
 * it and the client's IP address and port. 78 bits are enough, because a guess can only be tried on the server:
 * at a million tries a second, the first hit is to be expected after four billion years; and all that
 * a forged nonce buys is an old request accepted once more, not a password.
 *
 * The client's port is part of the code: no two of its ports may be given the same nonce (RFC 8489
 * section 9.2.4). A client that takes its nonce to another port is told that it is stale and gets one
 * for that port.
 */
export class NonceAuthority {
  readonly #keyed: ReturnType<typeof hmac.create>;
  readonly #lifetimeMs: number;
  readonly #cookie: string;

  /**
   * Makes an authority.
   *
   * @throws {RangeError} If the secret is below 16 bytes or the lifetime is not 1 s to 1 day.
   */
  constructor(options: NonceAuthorityOptions) {
    checkCodeAuthorityOptions("Cannot make a nonce authority", options);
    this.#keyed = hmac.create(sha256, options.secret).update(PURPOSE);
    this.#lifetimeMs = options.lifetimeMs;
    const { passwordAlgorithms, usernameAnonymity } = options.features;
    const flags = (passwordAlgorithms ? PASSWORD_ALGORITHMS : 0) |
      (usernameAnonymity ? USERNAME_ANONYMITY : 0);
    this.#cookie = COOKIE + sextets(flags, FLAGS_LENGTH);
  }

  /**
   * A nonce of 32 ASCII characters for the address and port of `source`. `wallTimeMs` is the time
   * since 1970 in milliseconds. The same source gets the same nonce within a second.
   */
  issue(source: SocketAddress, wallTimeMs: number): string {
    const expiry = Math.ceil((wallTimeMs + this.#lifetimeMs) / 1000);
    const open = this.#cookie + sextets(expiry, EXPIRY_LENGTH);
    return open + this.#code(open, source);
  }

  /**
   * Whether a nonce that came from `source` is one of ours and still good. A nonce is accepted for
   * 5 seconds beyond its lifetime, so that a server whose clock is a little ahead refuses none that
   * another has just issued. `"forged"` is everything that no holder of the secret issued to this
   * source, from another server's nonce to noise: to the client, it is as stale as an expired one
   * (RFC 8489 section 9.2.4).
   */
  check(nonce: Uint8Array | string, source: SocketAddress, wallTimeMs: number): CodeVerdict {
    const text = typeof nonce === "string" ? nonce : asciiText(nonce);
    if (text.length !== NONCE_LENGTH || !text.startsWith(COOKIE)) return "forged";
    const open = text.slice(0, OPEN_LENGTH);
    const code = this.#code(open, source);
    if (!equalInConstantTime(encodeUtf8(text.slice(OPEN_LENGTH)), encodeUtf8(code))) {
      return "forged";
    }
    const expiry = number(open.slice(-EXPIRY_LENGTH))!; // the code has shown that we wrote it
    return wallTimeMs > expiry * 1000 + CLOCK_TOLERANCE_MS ? "expired" : "valid";
  }

  #code(open: string, source: SocketAddress): string {
    // The address comes last, so its 4 or 16 bytes cannot be taken for anything else.
    const port = Uint8Array.of(source.port >> 8, source.port);
    const mac = this.#keyed.clone().update(encodeUtf8(open)).update(port).update(source.ip)
      .digest();
    return btoa(String.fromCharCode(...mac.subarray(0, 10))).slice(0, CODE_LENGTH);
  }
}

/**
 * The features that a server's nonce announces, or undefined if it begins with no cookie, as the
 * nonces of servers before RFC 8489 do. Bit 0 is the rightmost of the 24 bits: RFC 8489 section 18.1
 * says leftmost, which erratum 6290 (verified) corrects, and its test vector B.1 agrees.
 */
export function nonceFeatures(nonce: Uint8Array | string): NonceFeatures | undefined {
  const text = typeof nonce === "string" ? nonce : asciiText(nonce);
  if (!text.startsWith(COOKIE)) return undefined;
  const flags = number(text.slice(COOKIE.length, COOKIE.length + FLAGS_LENGTH));
  if (flags === undefined) return undefined;
  return {
    passwordAlgorithms: (flags & PASSWORD_ALGORITHMS) !== 0,
    usernameAnonymity: (flags & USERNAME_ANONYMITY) !== 0,
  };
}

/** Writes the low `6 * length` bits of a number as base64 digits (RFC 4648 section 4). */
function sextets(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 64)) {
    text = DIGITS[rest % 64] + text;
  }
  return text;
}

/** Reads base64 digits as a number; undefined if there are none or one is not a digit. */
function number(digits: string): number | undefined {
  if (!/^[A-Za-z0-9+/]{4,6}$/.test(digits)) return undefined;
  return [...digits].reduce((value, digit) => value * 64 + DIGITS.indexOf(digit), 0);
}

function asciiText(bytes: Uint8Array): string {
  // Longer ones are not ours, and how much longer does not matter to anybody here.
  return String.fromCharCode(...bytes.subarray(0, NONCE_LENGTH + 1));
}

const COOKIE = "obMatJos2";
const PASSWORD_ALGORITHMS = 1;
const USERNAME_ANONYMITY = 2;
const FLAGS_LENGTH = 4;
const EXPIRY_LENGTH = 6;
const CODE_LENGTH = 13;
const OPEN_LENGTH = COOKIE.length + FLAGS_LENGTH + EXPIRY_LENGTH;
const NONCE_LENGTH = OPEN_LENGTH + CODE_LENGTH;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Keeps the codes of nonces and those of address tokens apart, if somebody uses one secret for both. */
const PURPOSE = new TextEncoder().encode("pinhole nonce 1\n");
