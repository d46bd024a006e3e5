import { assertEquals, assertThrows } from "@std/assert";
import {
  type Authenticator,
  joinResponder,
  LongTermAuthenticator,
  RateLimiter,
  shareResponder,
  ShortTermAuthenticator,
  StunResponder,
  type StunResponderOptions,
} from "../../lib/protocol/mod.ts";
import { attribute, shortTermKey, USERNAME } from "../../lib/wire/mod.ts";
import { ALICE, NONCE_SECRET, REALM_NAME, realmAndNonce } from "./authentication_cases.ts";
import { address, arrival, describe, IPV4_SOURCE, request } from "./binding_cases.ts";
import { alice, KEYS } from "./long_term_cases.ts";

const SHORT_TERM = { users: [ALICE] };
const LONG_TERM = { realm: REALM_NAME, users: [ALICE], nonceSecret: NONCE_SECRET };
const OWN = address("198.51.100.1:3478");

/** Requests that tell responders apart. */
const REQUESTS: readonly Uint8Array[] = [
  request(),
  request([attribute(USERNAME, ALICE.username)], { integrity: shortTermKey(ALICE.password) }),
  request([alice, ...realmAndNonce()], { integrity: KEYS.md5 }),
];

const CASES: readonly (readonly [what: string, StunResponderOptions])[] = [
  ["nothing", {}],
  ["SOFTWARE", { software: "Pinhole" }],
  ["its own addresses", { ownAddresses: [OWN] }],
  ["short-term credentials", { authenticator: new ShortTermAuthenticator(SHORT_TERM) }],
  ["long-term credentials", { authenticator: new LongTermAuthenticator(LONG_TERM) }],
  ["time-limited credentials", {
    authenticator: new LongTermAuthenticator({ ...LONG_TERM, users: [], authSecret: "s" }),
  }],
];

for (const [what, options] of CASES) {
  Deno.test(`joinResponder() makes what answers the same, of ${what}`, () => {
    const joined = joinResponder(structuredClone(shareResponder(options)));
    const answers = (made: StunResponderOptions) => {
      const responder = new StunResponder(made);
      return [IPV4_SOURCE, OWN].flatMap((source) =>
        REQUESTS.map((bytes) => describe(responder.handle(arrival(bytes, { source }))))
      );
    };
    assertEquals(answers(joined), answers(options));
  });
}

Deno.test("joinResponder() makes what limits requests together with the first", () => {
  const options = { rateLimiter: new RateLimiter({ ratePerSecond: 1, burst: 3 }) };
  assertEquals(answered(options, joinResponder(shareResponder(options))), [
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("joinResponder() makes what limits challenges together with the first", () => {
  const challengeLimiter = new RateLimiter({ ratePerSecond: 1, burst: 3 });
  const options = { authenticator: new LongTermAuthenticator({ ...LONG_TERM, challengeLimiter }) };
  assertEquals(answered(options, joinResponder(shareResponder(options))), [
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("shareResponder() refuses an authenticator that is not of this library", () => {
  const authenticator: Authenticator = {
    authenticate: () => ({ kind: "authenticated", seals: {} }),
  };
  assertThrows(
    () => shareResponder({ authenticator }),
    RangeError,
    "Cannot answer on several threads: the authenticator cannot be told to others, " +
      "wanted a ShortTermAuthenticator or a LongTermAuthenticator",
  );
});

/** Whether four requests are answered, by two responders in turn. */
function answered(first: StunResponderOptions, second: StunResponderOptions): boolean[] {
  const responders = [new StunResponder(first), new StunResponder(second)];
  return [0, 1, 2, 3].map((i) => responders[i % 2]!.handle(arrival(request())) !== undefined);
}
