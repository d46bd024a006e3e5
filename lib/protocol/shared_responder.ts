import type { SocketAddress } from "../wire/mod.ts";
import { AddressTokenAuthority } from "./address_token.ts";
import type { Authenticator } from "./authenticator.ts";
import type { CodeAuthorityOptions } from "./code_authority_options.ts";
import {
  LongTermAuthenticator,
  type LongTermAuthenticatorOptions,
} from "./long_term_authenticator.ts";
import { RateLimiter, type RateLimiterOptions } from "./rate_limiter.ts";
import type { StunResponderOptions } from "./responder.ts";
import {
  ShortTermAuthenticator,
  type ShortTermAuthenticatorOptions,
} from "./short_term_authenticator.ts";

/**
 * What other threads make a responder from that answers UDP as this one does, and limits together with
 * it: plain data and shared memory, which can be sent in a message. It holds passwords and secrets.
 */
export interface SharedResponder {
  /** The text of SOFTWARE. */
  readonly software: string | undefined;
  /** The sockets of the server itself. */
  readonly ownAddresses: readonly SocketAddress[];
  /** Who may ask how often. */
  readonly rateLimiter: RateLimiterOptions | undefined;
  /** Who may ask at all. */
  readonly authenticator: SharedAuthenticator | undefined;
  /** What makes the address tokens. */
  readonly addressTokens: CodeAuthorityOptions | undefined;
}

/** What other threads make an authenticator from. */
export type SharedAuthenticator = SharedShortTerm | SharedLongTerm;

/** A {@linkcode ShortTermAuthenticator}. */
export interface SharedShortTerm {
  /** Which one it is. */
  readonly mechanism: "short-term";
  /** What it is made from. */
  readonly options: ShortTermAuthenticatorOptions;
}

/** A {@linkcode LongTermAuthenticator}. */
export interface SharedLongTerm {
  /** Which one it is. */
  readonly mechanism: "long-term";
  /** What it is made from. */
  readonly options: Omit<LongTermAuthenticatorOptions, "challengeLimiter">;
  /** Who may be sent how many challenges, over all threads. */
  readonly challengeLimiter: RateLimiterOptions | undefined;
}

/**
 * Makes what a responder is made of known to other threads. Its policy of dial-backs is left out: these
 * are for streams.
 *
 * @throws {RangeError} If the authenticator is neither of those of this library.
 */
export function shareResponder(options: StunResponderOptions): SharedResponder {
  const { software, ownAddresses = [], rateLimiter, authenticator, addressTokens } = options;
  return {
    software,
    ownAddresses,
    rateLimiter: rateLimiter?.share(),
    authenticator: authenticator && shareAuthenticator(authenticator),
    addressTokens: addressTokens?.options,
  };
}

/** What a responder on another thread is made of, but for its statistics. */
export function joinResponder(shared: SharedResponder): StunResponderOptions {
  const { software, ownAddresses, rateLimiter, authenticator, addressTokens } = shared;
  return {
    software,
    ownAddresses,
    rateLimiter: rateLimiter && new RateLimiter(rateLimiter),
    authenticator: authenticator && joinAuthenticator(authenticator),
    addressTokens: addressTokens && new AddressTokenAuthority(addressTokens),
  };
}

function shareAuthenticator(authenticator: Authenticator): SharedAuthenticator {
  if (authenticator instanceof ShortTermAuthenticator) {
    return { mechanism: "short-term", options: authenticator.options };
  }
  if (authenticator instanceof LongTermAuthenticator) {
    const { challengeLimiter, ...options } = authenticator.options;
    return { mechanism: "long-term", options, challengeLimiter: challengeLimiter?.share() };
  }
  throw new RangeError(
    "Cannot answer on several threads: the authenticator cannot be told to others, " +
      "wanted a ShortTermAuthenticator or a LongTermAuthenticator",
  );
}

function joinAuthenticator(shared: SharedAuthenticator): Authenticator {
  if (shared.mechanism === "short-term") return new ShortTermAuthenticator(shared.options);
  const { options, challengeLimiter } = shared;
  return new LongTermAuthenticator({
    ...options,
    challengeLimiter: challengeLimiter && new RateLimiter(challengeLimiter),
  });
}
