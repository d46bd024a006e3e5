import { assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import {
  LongTermAuthenticator,
  type LongTermAuthenticatorOptions,
  RateLimiter,
  StunResponder,
  timeLimitedPassword,
} from "../../lib/protocol/mod.ts";
import {
  attribute,
  decodeMessage,
  encodeMessage,
  longTermKey,
  NONCE,
  PASSWORD_ALGORITHMS,
  REALM,
  USERNAME,
  valueOf,
} from "../../lib/wire/mod.ts";
import { LONG_TERM, MESSAGE_VECTORS } from "../vectors/rfc5769.ts";
import {
  ALICE,
  ask,
  bare,
  challenge,
  NONCE_SECRET,
  NOW,
  REALM_NAME,
  realmAndNonce,
  success,
  type Verdict,
} from "./authentication_cases.ts";
import {
  alice,
  aliceHash,
  expired,
  freshNonce,
  KEYS,
  LONG_TERM_CASES,
  realm,
} from "./long_term_cases.ts";
import { arrival, CLASSIC_ID, ID, IPV6_SOURCE, request } from "./binding_cases.ts";

const ID_HEX = "2112a442" + ID.toHex();

// Computed with Python's hmac, hashlib and base64
const CHALLENGE = `01110048${ID_HEX}0009000400000401` +
  "0014000b6578616d706c652e6f726700" +
  "001500206f624d61744a6f73324141414442705662745947574b324e326a566a632b466c" +
  "800200080002000000010000";
const GOLDEN: readonly (readonly [when: string, request: string, answer: string])[] = [
  ["nothing is there", `00010000${ID_HEX}`, CHALLENGE],
  [
    "USERHASH, SHA-256 and MESSAGE-INTEGRITY-SHA256 are right",
    `00010090${ID_HEX}001e0020435b7933096a304d3c734cfb833ec9075bd47ab1c0160321aed31c06a8c7009e` +
    "0014000b6578616d706c652e6f726700" +
    "001500206f624d61744a6f73324141414442705662745947574b324e326a566a632b466c" +
    "800200080002000000010000001d000400020000" +
    "001c0020b6e7e0474a2f32d03c7080659c0f4dde0d5db1310cbb5c6a5ad29a5d103db1bb",
    `01010030${ID_HEX}002000080001a147e112a643` +
    "001c0020ddcfb177901f3413c404bd692ca5441ee660276aa2b05c911c08add5ccda94bb",
  ],
  [
    "USERNAME, MD5 and MESSAGE-INTEGRITY are right",
    `00010058${ID_HEX}00060005616c696365000000` +
    "0014000b6578616d706c652e6f726700" +
    "001500206f624d61744a6f73324141414442705662745947574b324e326a566a632b466c" +
    "00080014f7c84da29e452f99a2ef5bc6ccdd90d950b241da",
    `01010024${ID_HEX}002000080001a147e112a64300080014b6f062afc754603b75ca877e0f3681e519d72e6a`,
  ],
];

for (const [when, question, answer] of GOLDEN) {
  Deno.test(`LongTermAuthenticator gives the golden answer when ${when}`, () => {
    const responder = new StunResponder({ authenticator: server() });
    const reply = responder.handle(arrival(Uint8Array.fromHex(question)));
    assertEquals(reply?.bytes.toHex(), answer);
  });
}

for (const { when, attributes, seals, verdict, key } of LONG_TERM_CASES) {
  Deno.test(`LongTermAuthenticator answers ${verdict.answer} when ${when}`, () => {
    const bytes = request(attributes, seals);
    assertEquals(ask(server(), bytes, { key: key && KEYS[key] }), verdict);
  });
}

Deno.test("LongTermAuthenticator challenges over UDP with at most 112 bytes", () => {
  for (const source of [undefined, IPV6_SOURCE]) {
    for (const fingerprint of [false, true]) {
      const reply = new StunResponder({ authenticator: server() }).handle(
        arrival(request([], { fingerprint }), source && { source }),
      );
      assertEquals(reply?.bytes.length, fingerprint ? 100 : 92);
      assertLessOrEqual(reply!.bytes.length, 112);
    }
  }
});

Deno.test("LongTermAuthenticator accepts the nonce of its own 438", () => {
  const authenticator = server();
  const stale = request([alice, ...realmAndNonce(expired)], { integrity: KEYS.md5 });
  const reply = new StunResponder({ authenticator }).handle(arrival(stale));
  const message = decodeMessage(reply!.bytes);
  const fresh = message.ok ? valueOf(message.value, NONCE) : undefined;
  const again = request([alice, ...realmAndNonce(fresh)], { integrity: KEYS.md5 });
  assertEquals(ask(authenticator, again, { key: KEYS.md5 }), success("sha1"));
});

Deno.test("LongTermAuthenticator finds RFC 8489's vector B.1 right but for its nonce", () => {
  const { bytes } = MESSAGE_VECTORS[4]!;
  const authenticator = server({ users: [LONG_TERM] });
  // 438 comes after the name and the integrity have been checked; a wrong one would be 401
  assertEquals(ask(authenticator, bytes), challenge(438));
  assertEquals(ask(authenticator, bytes.with(-1, 0)), challenge(401));
  assertEquals(ask(server(), bytes), challenge(401));
});

Deno.test("LongTermAuthenticator finds RFC 5769's vector 2.4 right but for its nonce", () => {
  const { bytes } = MESSAGE_VECTORS[3]!;
  const authenticator = server({ users: [LONG_TERM] });
  assertEquals(ask(authenticator, bytes), challenge(438));
  assertEquals(ask(authenticator, bytes.with(-1, 0)), challenge(401));
});

Deno.test("LongTermAuthenticator refuses requests of RFC 3489 with 401 alone", () => {
  const classic = encodeMessage(
    {
      class: "request",
      method: 1,
      transactionId: CLASSIC_ID,
      attributes: [alice, realm, freshNonce],
    },
    { integrity: KEYS.md5 },
  );
  assertEquals(ask(server(), classic), bare(401));
  assertEquals(ask(server(), request([], { classic: true })), bare(401));
});

Deno.test("LongTermAuthenticator accepts time-limited credentials until their last second", () => {
  const authenticator = server({ users: undefined, authSecret: "north" });
  const second = NOW / 1000;
  const cases: readonly [username: string, verdict: Verdict][] = [
    [`${second}:alice`, success("sha1")],
    [`${second + 3600}:alice`, success("sha1")],
    [`${second + 3600}`, success("sha1")],
    [`alice:${second}`, success("sha1")],
    [`${second - 1}:alice`, challenge(401)],
    ["alice", challenge(401)],
  ];
  for (const [username, verdict] of cases) {
    const password = timeLimitedPassword("north", username);
    const key = longTermKey({ username, realm: REALM_NAME, password });
    const bytes = request([attribute(USERNAME, username), ...realmAndNonce()], { integrity: key });
    assertEquals(ask(authenticator, bytes, { now: 999, key }), verdict, username);
    // From memory, now
    assertEquals(ask(authenticator, bytes, { now: 999, key }), verdict, username);
  }
});

Deno.test("LongTermAuthenticator refuses time-limited credentials of another secret", () => {
  const username = `${NOW / 1000}:alice`;
  const password = timeLimitedPassword("south", username);
  const key = longTermKey({ username, realm: REALM_NAME, password });
  const bytes = request([attribute(USERNAME, username), ...realmAndNonce()], { integrity: key });
  assertEquals(ask(server({ authSecret: "north" }), bytes), challenge(401));
});

Deno.test("LongTermAuthenticator refuses time-limited names that are not prepared", () => {
  const username = `${NOW / 1000}:Ame\u0301lie`;
  const password = timeLimitedPassword("north", username);
  const key = longTermKey({ username, realm: REALM_NAME, password });
  const bytes = request([attribute(USERNAME, username), ...realmAndNonce()], { integrity: key });
  assertEquals(ask(server({ authSecret: "north" }), bytes), challenge(401));
});

Deno.test("LongTermAuthenticator offers no USERHASH when there is a secret, and takes none", () => {
  const authenticator = server({ authSecret: "north" });
  const reply = new StunResponder({ authenticator }).handle(arrival(request()));
  const message = decodeMessage(reply!.bytes);
  const issued = message.ok ? valueOf(message.value, NONCE) : undefined;
  assertEquals(issued?.slice(0, 13), "obMatJos2AAAB");
  const byHash = request([aliceHash, realm, freshNonce], { integrity: KEYS.md5 });
  assertEquals(ask(authenticator, byHash), challenge(401));
  const byName = request([alice, realm, freshNonce], { integrity: KEYS.md5 });
  assertEquals(ask(authenticator, byName, { key: KEYS.md5 }), success("sha1"));
});

Deno.test("LongTermAuthenticator is silent when a source has had its share of challenges", () => {
  const challengeLimiter = new RateLimiter({ ratePerSecond: 1, burst: 2, slots: 8 });
  const authenticator = server({ challengeLimiter });
  const responder = new StunResponder({ authenticator });
  const wrong = request([alice, realm, freshNonce], { integrity: KEYS.wrong });
  const right = request([alice, realm, freshNonce], { integrity: KEYS.md5 });
  const bad = request([alice, realm], { integrity: KEYS.md5 });
  assertEquals(ask(authenticator, request()), challenge(401));
  assertEquals(ask(authenticator, wrong, { transport: "tcp" }), challenge(401));
  assertEquals(ask(authenticator, request()), undefined);
  assertEquals(ask(authenticator, wrong, { transport: "tcp" }), undefined);
  // Who knows the password is served, and the smallest refusal costs nothing
  assertEquals(ask(authenticator, right, { key: KEYS.md5 }), success("sha1"));
  assertEquals(ask(authenticator, bad), bare(400));
  assertEquals(ask(authenticator, request(), { source: IPV6_SOURCE }), challenge(401));
  assertEquals(ask(authenticator, request(), { now: 1000 }), challenge(401));
  assertEquals(responder.handle(arrival(request(), { now: 1000 })), undefined);
  assertEquals(responder.statistics.total("drop-challenge-limited"), 1);
});

Deno.test("LongTermAuthenticator prepares its realm", () => {
  const reply = new StunResponder({ authenticator: server({ realm: "a\u00a0b" }) })
    .handle(arrival(request()));
  const message = decodeMessage(reply!.bytes);
  assertEquals(message.ok && valueOf(message.value, REALM), "a b");
  assertEquals(message.ok && valueOf(message.value, PASSWORD_ALGORITHMS)?.length, 2);
});

Deno.test("LongTermAuthenticator refuses to be made when it could serve nobody", () => {
  const cases: readonly [Partial<LongTermAuthenticatorOptions>, string][] = [
    [{ users: [] }, "neither users nor a secret, wanted one of them at least"],
    [{ users: undefined, authSecret: "" }, "the secret of time-limited credentials is empty"],
    [{ users: [ALICE, ALICE] }, 'the user "alice" is there twice'],
    [{ realm: "" }, "the realm: it is empty, wanted a character at least"],
    [{ nonceSecret: new Uint8Array(15) }, "the secret has 15 bytes, wanted at least 16"],
    [{ nonceLifetimeMs: 999 }, "the lifetime is 999 ms, wanted 1000 to 86400000"],
    [{ realm: "r".repeat(128) }, "text has 128 characters, the most is 127"],
  ];
  for (const [options, why] of cases) {
    const error = assertThrows(() => server(options), RangeError) as RangeError;
    assertEquals(error.message.replace(/^Cannot [^:]*: /, ""), why);
  }
});

function server(options: Partial<LongTermAuthenticatorOptions> = {}): LongTermAuthenticator {
  return new LongTermAuthenticator({
    realm: REALM_NAME,
    users: [ALICE],
    nonceSecret: NONCE_SECRET,
    ...options,
  });
}
