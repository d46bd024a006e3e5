import {
  type IntegrityKey,
  shortTermKey,
  type StunMessage,
  USERNAME,
  valueOf,
} from "../wire/mod.ts";
import type { Authentication, Authenticator } from "./authenticator.ts";
import { isClassic } from "./binding.ts";
import { isProtected, protectionOf } from "./message_protection.ts";
import { prepareUsers, type UserCredential } from "./user_credential.ts";

/** Whom a {@linkcode ShortTermAuthenticator} knows. */
export interface ShortTermAuthenticatorOptions {
  /** The users, one at least, each with a name of its own. */
  readonly users: readonly UserCredential[];
}

/**
 * Authenticates by short-term credentials (RFC 8489 section 9.1.3): user names and passwords that
 * client and server have agreed upon elsewhere. There is no challenge, so nothing but the change of
 * the credentials keeps a request from being sent once more by somebody else.
 *
 * Requests of RFC 3489 are refused with 401 alone: their MESSAGE-INTEGRITY is computed differently
 * (RFC 3489 section 11.2.8), for credentials that a Shared Secret request over TLS would have given,
 * which nobody serves any more.
 */
export class ShortTermAuthenticator implements Authenticator {
  readonly #keys: ReadonlyMap<string, IntegrityKey>;
  readonly #options: ShortTermAuthenticatorOptions;

  /**
   * Makes an authenticator.
   *
   * @throws {RangeError} If there is no user, two have the same name, or a name or password is empty
   * or holds a character that OpaqueString forbids.
   */
  constructor(options: ShortTermAuthenticatorOptions) {
    this.#options = options;
    const users = prepareUsers("Cannot make a short-term authenticator", options.users);
    if (users.size === 0) {
      throw new RangeError("Cannot make a short-term authenticator: no users, wanted one at least");
    }
    this.#keys = new Map(
      [...users].map(([username, password]) => [username, shortTermKey(password)]),
    );
  }

  /** What it was made from. A secret: not for a log. */
  get options(): ShortTermAuthenticatorOptions {
    return this.#options;
  }

  /** Makes the checks of RFC 8489 section 9.1.3 in their order. */
  authenticate(request: StunMessage): Authentication {
    if (isClassic(request)) return UNAUTHENTICATED;
    const algorithm = protectionOf(request);
    const username = valueOf(request, USERNAME);
    if (algorithm === undefined || username === undefined) return BAD_REQUEST;
    const known = this.#keys.get(username);
    // An unknown name costs the same HMAC, so that the time does not tell who is known
    const intact = isProtected(request, { key: known ?? NOBODYS_KEY, algorithm });
    if (known === undefined || !intact) return UNAUTHENTICATED;
    // In kind, and only one of the two even if the request had both
    const seals = algorithm === "sha256" ? { integritySha256: known } : { integrity: known };
    return { kind: "authenticated", seals };
  }
}

const refused = { kind: "unauthenticated", attributes: [], seals: {} } as const;
const BAD_REQUEST: Authentication = { ...refused, code: 400 };
const UNAUTHENTICATED: Authentication = { ...refused, code: 401 };
const NOBODYS_KEY = shortTermKey("nobody");
