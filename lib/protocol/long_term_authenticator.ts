import {
  attribute,
  encodeMessage,
  equalInConstantTime,
  findAttribute,
  type IntegrityAlgorithm,
  type IntegrityKey,
  type KeyAlgorithm,
  longTermKey,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHM_MD5,
  PASSWORD_ALGORITHM_SHA256,
  PASSWORD_ALGORITHMS,
  REALM,
  type StunMessage,
  USERHASH,
  userHash,
  USERNAME,
  valueOf,
  type WritableAttribute,
} from "../wire/mod.ts";
import type { Authentication, Authenticator } from "./authenticator.ts";
import { isClassic } from "./binding.ts";
import { keyAlgorithmOf } from "./key_algorithm.ts";
import { isProtected, protectionOf } from "./message_protection.ts";
import { NonceAuthority, nonceFeatures } from "./nonce.ts";
import type { RateLimiter } from "./rate_limiter.ts";
import type { Arrival } from "./arrival.ts";
import { TimeLimitedKeys } from "./time_limited_keys.ts";
import { prepare, prepareUsers, type UserCredential } from "./user_credential.ts";

/** Whom a {@linkcode LongTermAuthenticator} knows, and how it challenges. */
export interface LongTermAuthenticatorOptions {
  /** The realm, usually the domain name of whoever runs the server. */
  readonly realm: string;
  /** The users, each with a name of its own. @default {[]} */
  readonly users?: readonly UserCredential[] | undefined;
  /**
   * The secret of time-limited credentials, as coturn's `static-auth-secret`: then everybody whose
   * name is `EXPIRY:NAME` and whose password is that of {@linkcode timeLimitedPassword} may ask too.
   *
   * With it, USERHASH is not offered: a hash can be compared with names that are known beforehand,
   * and these are not; and a client that is offered USERHASH sends no name.
   *
   * @default {undefined} none
   */
  readonly authSecret?: string | undefined;
  /** The key of the nonces, 16 random bytes at least, the same on servers that share their clients. */
  readonly nonceSecret: Uint8Array;
  /** How long a nonce is good, in ms: 1,000 to 86,400,000. @default {600000} */
  readonly nonceLifetimeMs?: number | undefined;
  /**
   * Who may be sent how many challenges, over every transport: a challenge is the largest answer that
   * a stranger can get, and a wrong password gets one too. Over the limit there is no answer.
   *
   * @default {undefined} no limit
   */
  readonly challengeLimiter?: RateLimiter | undefined;
}

/**
 * Authenticates by long-term credentials (RFC 8489 section 9.2.4): user names and passwords, and a
 * nonce that the server gives out, so that a request cannot be used again for long. It keeps no state
 * per client. A challenge offers the password algorithms SHA-256 and MD5, and USERHASH where all
 * users are known beforehand; clients of RFC 5389, which know neither, are served as well.
 *
 * Requests of RFC 3489 are refused with 401 alone: REALM and NONCE are newer, and RFC 3489 tells a
 * client to ignore an answer that has attributes it does not know.
 */
export class LongTermAuthenticator implements Authenticator {
  readonly #users = new Map<string, UserKeys>();
  readonly #usersByHash = new Map<string, UserKeys>();
  readonly #timeLimited: TimeLimitedKeys | undefined;
  readonly #nonces: NonceAuthority;
  readonly #challengeLimiter: RateLimiter | undefined;
  readonly #realm: WritableAttribute;
  readonly #nobody: UserKeys;
  readonly #options: LongTermAuthenticatorOptions;

  /**
   * Makes an authenticator.
   *
   * @throws {RangeError} If there are neither users nor a secret, two users have the same name, a
   * name, password or the realm is empty, too long or holds a character that OpaqueString forbids,
   * the secret of the nonces has less than 16 bytes, or their lifetime is not 1 s to 1 day.
   */
  constructor(options: LongTermAuthenticatorOptions) {
    this.#options = options;
    const { authSecret, nonceSecret, nonceLifetimeMs = 600_000 } = options;
    const users = prepareUsers(ATTEMPT, options.users ?? []);
    if (users.size === 0 && authSecret === undefined) {
      throw new RangeError(`${ATTEMPT}: neither users nor a secret, wanted one of them at least`);
    }
    const realm = prepareRealm(options.realm);
    for (const [username, password] of users) {
      const keys = new UserKeys({ username, realm, password });
      this.#users.set(username, keys);
      if (authSecret === undefined) {
        this.#usersByHash.set(userHash(username, realm).toHex(), keys);
      }
    }
    this.#nobody = new UserKeys({ username: "nobody", realm, password: "nothing" });
    this.#timeLimited = authSecret === undefined
      ? undefined
      : new TimeLimitedKeys({ realm, secret: authSecret });
    this.#nonces = new NonceAuthority({
      secret: nonceSecret,
      lifetimeMs: nonceLifetimeMs,
      features: { passwordAlgorithms: true, usernameAnonymity: authSecret === undefined },
    });
    this.#challengeLimiter = options.challengeLimiter;
    this.#realm = attribute(REALM, realm);
  }

  /** What it was made from. A secret: not for a log. */
  get options(): LongTermAuthenticatorOptions {
    return this.#options;
  }

  /** Makes the checks of RFC 8489 section 9.2.4 in their order. */
  authenticate(request: StunMessage, arrival: Arrival): Authentication {
    if (isClassic(request)) return { ...REFUSED, code: 401 };
    const algorithm = protectionOf(request);
    if (algorithm === undefined) return this.#challenge(401, arrival);
    const claim = readClaim(request);
    if (claim === undefined) return { ...REFUSED, code: 400 };
    const key = this.#keyOf(claim, arrival.wallTime);
    // An unknown name costs the same HMAC, so that the time does not tell who is known
    const tried = key ?? this.#nobody.key(claim.keyAlgorithm);
    const intact = isProtected(request, { key: tried, algorithm });
    if (key === undefined || !intact) return this.#challenge(401, arrival);
    if (claim.username !== undefined && !this.#users.has(claim.username)) {
      const { username, keyAlgorithm } = claim;
      this.#timeLimited?.keep({ username, algorithm: keyAlgorithm }, key);
    }
    // Only now: 438 tells the client that its password was right, and need not be asked for again
    if (this.#nonces.check(claim.nonce, arrival.source, arrival.wallTime) !== "valid") {
      return this.#challenge(438, arrival);
    }
    const seals = claim.answerAlgorithm === "sha256"
      ? { integritySha256: key }
      : { integrity: key };
    return { kind: "authenticated", seals };
  }

  #keyOf(claim: Claim, wallTime: number): IntegrityKey | undefined {
    const { username, hash, keyAlgorithm: algorithm } = claim;
    if (username === undefined) return this.#usersByHash.get(hash.toHex())?.key(algorithm);
    return this.#users.get(username)?.key(algorithm) ??
      this.#timeLimited?.find({ username, algorithm }, wallTime);
  }

  #challenge(code: 401 | 438, { source, now, wallTime }: Arrival): Authentication {
    if (this.#challengeLimiter?.allow(source.ip, now) === false) return { kind: "ignored" };
    const nonce = attribute(NONCE, this.#nonces.issue(source, wallTime));
    return { ...REFUSED, code, attributes: [this.#realm, nonce, OFFER] };
  }
}

/** Who a request says it is from, and how its key is made. */
type Claim =
  & {
    readonly nonce: Uint8Array;
    /** How the password becomes the key. */
    readonly keyAlgorithm: KeyAlgorithm;
    /** How the answer is protected. */
    readonly answerAlgorithm: IntegrityAlgorithm;
  }
  & (
    | { readonly username: string; readonly hash?: never }
    | { readonly username?: never; readonly hash: Uint8Array }
  );

/** Reads all that a protected request must have; undefined where it is a bad request. */
function readClaim(request: StunMessage): Claim | undefined {
  const username = valueOf(request, USERNAME);
  const hash = valueOf(request, USERHASH);
  const nonce = findAttribute(request, NONCE.type)?.value;
  if (nonce === undefined || valueOf(request, REALM) === undefined) return undefined;
  const algorithms = readAlgorithms(request, nonce);
  if (algorithms === undefined) return undefined;
  if (username !== undefined) return { username, nonce, ...algorithms };
  return hash === undefined ? undefined : { hash, nonce, ...algorithms };
}

/** Which algorithms the client chose; undefined where it or somebody on the way bids down. */
function readAlgorithms(
  request: StunMessage,
  nonce: Uint8Array,
): Pick<Claim, "keyAlgorithm" | "answerAlgorithm"> | undefined {
  const offer = findAttribute(request, PASSWORD_ALGORITHMS.type)?.value;
  const choice = findAttribute(request, PASSWORD_ALGORITHM.type);
  if (nonceFeatures(nonce)?.passwordAlgorithms) {
    const neither = offer === undefined && choice === undefined;
    const untouched = offer !== undefined && equalInConstantTime(offer, OFFER_BYTES);
    if (!neither && !(untouched && choice !== undefined)) return undefined;
  }
  // What knows nothing of password algorithms is answered as RFC 5389 has it
  if (choice === undefined) return { keyAlgorithm: "md5", answerAlgorithm: "sha1" };
  const chosen = valueOf(request, PASSWORD_ALGORITHM);
  const keyAlgorithm = chosen && keyAlgorithmOf(chosen);
  return keyAlgorithm === undefined ? undefined : { keyAlgorithm, answerAlgorithm: "sha256" };
}

/** The keys of one user, each made when it is first needed. */
class UserKeys {
  readonly #credential: Parameters<typeof longTermKey>[0];
  readonly #keys = new Map<KeyAlgorithm, IntegrityKey>();

  constructor(credential: Parameters<typeof longTermKey>[0]) {
    this.#credential = credential;
  }

  key(algorithm: KeyAlgorithm): IntegrityKey {
    const made = this.#keys.get(algorithm) ?? longTermKey(this.#credential, algorithm);
    this.#keys.set(algorithm, made);
    return made;
  }
}

function prepareRealm(realm: string): string {
  const prepared = prepare(`${ATTEMPT}: the realm`, realm);
  // Better to fail here than at the first challenge
  encodeMessage({ ...PROBE, attributes: [attribute(REALM, prepared)] });
  return prepared;
}

const ATTEMPT = "Cannot make a long-term authenticator";
const PROBE = { class: "error", method: 1, transactionId: new Uint8Array(12) } as const;
const REFUSED = { kind: "unauthenticated", attributes: [], seals: {} } as const;
const NONE = new Uint8Array(0);
/** In our order of preference. A client takes the first that it knows. */
const OFFER = attribute(PASSWORD_ALGORITHMS, [
  { number: PASSWORD_ALGORITHM_SHA256, parameters: NONE },
  { number: PASSWORD_ALGORITHM_MD5, parameters: NONE },
]);
const OFFER_BYTES = encodeMessage({ ...PROBE, attributes: [OFFER] }).subarray(24);
