import {
  AddressTokenAuthority,
  type Authenticator,
  type IpPrefix,
  LongTermAuthenticator,
  parseIpPrefix,
  RateLimiter,
  ShortTermAuthenticator,
} from "../protocol/mod.ts";
import type { ServerPolicy } from "../server/mod.ts";
import { encodeUtf8 } from "../wire/mod.ts";
import type { ServeSettings } from "./serve_settings.ts";

/** What a policy needs that is not a setting. */
export interface ServerPolicyOptions {
  /** Keys nonces and address tokens where `nonce-secret` does not: random, and the same through a reload. */
  readonly nonceSecret: Uint8Array;
  /** Keys the table of challenges: a random whole number, 0 to 2^53 - 1. */
  readonly seed: number;
}

/**
 * What the settings say about how to treat those who ask.
 *
 * @throws {RangeError} If a user, a realm or a secret cannot be used; the message says why.
 */
export function serverPolicy(settings: ServeSettings, options: ServerPolicyOptions): ServerPolicy {
  const ratePerSecond = settings["rate-limit"];
  return {
    software: settings.software,
    authenticator: makeAuthenticator(settings, options),
    rateLimit: ratePerSecond === 0 ? undefined : {
      ratePerSecond,
      burst: settings["rate-burst"],
      exempt: prefixes(settings.exempt),
    },
    dialBack: settings["dial-back"] === "on",
    addressTokens: new AddressTokenAuthority({
      secret: codeSecret(settings, options),
      // A mapping that is in use lasts longer; one that is not may be somebody else's by then
      lifetimeMs: 600_000,
    }),
    proxies: prefixes(settings["proxy-protocol"]),
    idleTimeoutMs: settings["idle-timeout"] && settings["idle-timeout"] * 1000,
    maxConnections: settings["max-connections"],
    maxConnectionsPerAddress: settings["max-connections-per-address"],
  };
}

function makeAuthenticator(
  settings: ServeSettings,
  options: ServerPolicyOptions,
): Authenticator | undefined {
  const { auth, realm = "", user = [] } = settings;
  const users = user.map((text) => {
    const colon = text.indexOf(":");
    return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  });
  if (auth === "none") return undefined;
  if (auth === "short-term") return new ShortTermAuthenticator({ users });
  return new LongTermAuthenticator({
    realm,
    users,
    authSecret: settings["auth-secret"],
    nonceSecret: codeSecret(settings, options),
    challengeLimiter: new RateLimiter({
      // A client needs one per nonce, ten minutes long: this is a big office, and 2 KB/s to a victim
      ratePerSecond: 20,
      burst: 200,
      exempt: prefixes(settings.exempt),
      seed: options.seed,
    }),
  });
}

/** One secret for both: nonces and address tokens each derive their own key from it. */
function codeSecret(settings: ServeSettings, options: ServerPolicyOptions): Uint8Array {
  const secret = settings["nonce-secret"];
  return secret === undefined ? options.nonceSecret : encodeUtf8(secret);
}

/**
 * Address blocks that the table of settings has checked.
 *
 * @throws {RangeError} If one is none.
 */
export function prefixes(texts: readonly string[]): IpPrefix[] {
  return texts.map((text) => {
    const prefix = parseIpPrefix(text);
    if (!prefix.ok) throw new RangeError(prefix.reason);
    return prefix.value;
  });
}
