import {
  type IntegrityKey,
  type KeyAlgorithm,
  longTermKey,
  prepareOpaqueString,
} from "../wire/mod.ts";
import { timeLimitedPassword, timeLimitedUsernameExpiry } from "./time_limited_credentials.ts";

/** What {@linkcode TimeLimitedKeys} are made from. */
export interface TimeLimitedKeysOptions {
  /** The realm of the server. */
  readonly realm: string;
  /** The secret that the server shares with the back end that hands out credentials. */
  readonly secret: string;
  /** How many keys are kept. @default {4096} */
  readonly maxKeys?: number;
}

/** One key that is looked for. */
export interface TimeLimitedKeyQuery {
  /** The user name as it stands in the request. */
  readonly username: string;
  /** How the password becomes the key. */
  readonly algorithm: KeyAlgorithm;
}

/**
 * The keys of time-limited users (see {@linkcode timeLimitedPassword}), and a bounded memory of those
 * that have been used: a key costs two hashes and the states of an HMAC. What has not been used for
 * the longest time is forgotten first.
 */
export class TimeLimitedKeys {
  readonly #options: TimeLimitedKeysOptions;
  readonly #maxKeys: number;
  /** In the order of their last use, by algorithm and user name. */
  readonly #kept = new Map<string, IntegrityKey>();

  /**
   * Makes a source of keys.
   *
   * @throws {RangeError} If the secret is empty.
   */
  constructor(options: TimeLimitedKeysOptions) {
    if (options.secret === "") {
      throw new RangeError("Cannot keep keys: the secret of time-limited credentials is empty");
    }
    this.#options = options;
    this.#maxKeys = options.maxKeys ?? MAX_KEYS;
  }

  /** How many keys are kept at the moment. */
  get size(): number {
    return this.#kept.size;
  }

  /**
   * The key of a user name; undefined if it names no expiry, one that is past, or holds what no
   * prepared name does. `wallTimeMs` is the time since 1970 in milliseconds.
   */
  find({ username, algorithm }: TimeLimitedKeyQuery, wallTimeMs: number): IntegrityKey | undefined {
    const expiry = timeLimitedUsernameExpiry(username);
    if (expiry === undefined || expiry < Math.floor(wallTimeMs / 1000)) return undefined;
    const kept = this.#kept.get(`${algorithm} ${username}`);
    if (kept !== undefined) return kept;
    const prepared = prepareOpaqueString(username);
    if (!prepared.ok || prepared.value !== username) return undefined;
    const { realm, secret } = this.#options;
    const password = timeLimitedPassword(secret, username);
    return longTermKey({ username, realm, password }, algorithm);
  }

  /**
   * Keeps a key. It is to be called only when a message has been found to be protected by it, so that
   * nobody without a credential can drive the keys of others out.
   */
  keep({ username, algorithm }: TimeLimitedKeyQuery, key: IntegrityKey): void {
    const name = `${algorithm} ${username}`;
    this.#kept.delete(name);
    this.#kept.set(name, key);
    if (this.#kept.size <= this.#maxKeys) return;
    const [oldest] = this.#kept.keys();
    this.#kept.delete(oldest!);
  }
}

/** Some 10 MB at the most, names of 500 bytes and the states of both HMACs included. */
const MAX_KEYS = 4096;
