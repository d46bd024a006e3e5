import { assertEquals, assertThrows } from "@std/assert";
import { ShortTermAuthenticator, StunResponder } from "../../lib/protocol/mod.ts";
import {
  attribute,
  encodeMessage,
  MESSAGE_INTEGRITY,
  shortTermKey,
  USERNAME,
} from "../../lib/wire/mod.ts";
import { MESSAGE_VECTORS, SHORT_TERM } from "../vectors/rfc5769.ts";
import { ALICE, ask, bare, success, type Verdict } from "./authentication_cases.ts";
import { arrival, CLASSIC_ID, ID, raw, request } from "./binding_cases.ts";

const authenticator = new ShortTermAuthenticator({ users: [ALICE] });
const key = shortTermKey(ALICE.password);
const wrong = shortTermKey("Secret");
const alice = attribute(USERNAME, ALICE.username);
const ID_HEX = "2112a442" + ID.toHex();

// Computed with Python's hmac and hashlib
const GOLDEN: readonly (readonly [when: string, request: string, answer: string])[] = [
  [
    "MESSAGE-INTEGRITY is right",
    `00010024${ID_HEX}00060005616c69636500000000080014279cf21e5710dc3800115fd93d15a5b398e9a67e`,
    `01010024${ID_HEX}002000080001a147e112a64300080014a45332c4949516026b075c2ecb9708483d08b979`,
  ],
  [
    "MESSAGE-INTEGRITY-SHA256 is right",
    `00010030${ID_HEX}00060005616c696365000000` +
    "001c0020bf5bccae1e5e5f3495660e910b6fc975c81173b881a8ca42d1bbfd1532aca214",
    `01010030${ID_HEX}002000080001a147e112a643` +
    "001c0020d1deb1d42077b483b6de78d5db5c35fc37e5297c72ce395675edaf3fcdf8d129",
  ],
  [
    "both are right: SHA-256 alone goes back",
    `00010048${ID_HEX}00060005616c69636500000000080014279cf21e5710dc3800115fd93d15a5b398e9a67e` +
    "001c00209af60201723f1a3633ad8aef7e88b89dcfd1df7ad0db76b53186ab1d88992305",
    `01010030${ID_HEX}002000080001a147e112a643` +
    "001c0020d1deb1d42077b483b6de78d5db5c35fc37e5297c72ce395675edaf3fcdf8d129",
  ],
];

for (const [when, question, answer] of GOLDEN) {
  Deno.test(`ShortTermAuthenticator gives the golden answer when ${when}`, () => {
    const reply = new StunResponder({ authenticator }).handle(
      arrival(Uint8Array.fromHex(question)),
    );
    assertEquals(reply?.bytes.toHex(), answer);
  });
}

// RFC 8489 section 9.1.3, check by check
const CASES: readonly (readonly [when: string, request: Uint8Array, verdict: Verdict])[] = [
  ["there is nothing", request(), bare(400)],
  ["there is USERNAME and no integrity", request([alice]), bare(400)],
  ["there is MESSAGE-INTEGRITY and no USERNAME", request([], { integrity: key }), bare(400)],
  [
    "there is MESSAGE-INTEGRITY-SHA256 and no USERNAME",
    request([], { integritySha256: key }),
    bare(400),
  ],
  [
    "USERNAME follows MESSAGE-INTEGRITY",
    request([raw(MESSAGE_INTEGRITY.type, "00".repeat(20)), alice]),
    bare(400),
  ],
  [
    "USERNAME is not UTF-8",
    request([raw(USERNAME.type, "ff")], { integrity: key }),
    bare(400),
  ],
  [
    "nobody knows the user",
    request([attribute(USERNAME, "bob")], { integrity: key }),
    bare(401),
  ],
  [
    "the user's name is in another case",
    request([attribute(USERNAME, "Alice")], { integrity: key }),
    bare(401),
  ],
  [
    "the user's name is that of a property",
    request([attribute(USERNAME, "constructor")], { integrity: key }),
    bare(401),
  ],
  ["MESSAGE-INTEGRITY is wrong", request([alice], { integrity: wrong }), bare(401)],
  [
    "MESSAGE-INTEGRITY has no value",
    request([alice, raw(MESSAGE_INTEGRITY.type)]),
    bare(401),
  ],
  [
    "MESSAGE-INTEGRITY-SHA256 is wrong",
    request([alice], { integritySha256: wrong }),
    bare(401),
  ],
  [
    "MESSAGE-INTEGRITY-SHA256 is wrong beside a right MESSAGE-INTEGRITY",
    request([alice], { integrity: key, integritySha256: wrong }),
    bare(401),
  ],
  [
    "MESSAGE-INTEGRITY-SHA256 is truncated",
    request([alice], { integritySha256: key, integritySha256Bytes: 28 }),
    bare(401),
  ],
  [
    "MESSAGE-INTEGRITY is wrong beside a right MESSAGE-INTEGRITY-SHA256",
    request([alice], { integrity: wrong, integritySha256: key }),
    success("sha256"),
  ],
  ["all is right", request([alice], { integrity: key }), success("sha1")],
  [
    "an attribute is not known and nobody knows the user",
    request([raw(0x7fff), attribute(USERNAME, "bob")], { integrity: key }),
    bare(401),
  ],
  [
    "all is right and an attribute is not known",
    request([raw(0x7fff), alice], { integrity: key }),
    {
      answer: 420,
      attributes: ["ERROR-CODE", "UNKNOWN-ATTRIBUTES", "MESSAGE-INTEGRITY"],
      valid: ["sha1"],
    },
  ],
  [
    "all is right and FINGERPRINT is there",
    request([alice], { integritySha256: key, fingerprint: true }),
    {
      answer: "success",
      attributes: ["XOR-MAPPED-ADDRESS", "MESSAGE-INTEGRITY-SHA256", "FINGERPRINT"],
      valid: ["sha256"],
    },
  ],
];

for (const [when, bytes, verdict] of CASES) {
  Deno.test(`ShortTermAuthenticator answers ${verdict.answer} when ${when}`, () => {
    assertEquals(ask(authenticator, bytes, { key }), verdict);
  });
}

Deno.test("ShortTermAuthenticator refuses requests of RFC 3489 with 401 alone", () => {
  const classic = encodeMessage(
    { class: "request", method: 1, transactionId: CLASSIC_ID, attributes: [alice] },
    { integrity: key },
  );
  assertEquals(ask(authenticator, classic, { key }), bare(401));
  assertEquals(ask(authenticator, request([], { classic: true })), bare(401));
});

Deno.test("ShortTermAuthenticator accepts the request of RFC 5769 section 2.1", () => {
  const { bytes } = MESSAGE_VECTORS[0]!;
  const server = new ShortTermAuthenticator({ users: [ALICE, SHORT_TERM] });
  // PRIORITY must be understood, and a STUN server is no ICE agent: 420, but to somebody known
  assertEquals(ask(server, bytes, { key: shortTermKey(SHORT_TERM.password) }), {
    answer: 420,
    attributes: ["ERROR-CODE", "UNKNOWN-ATTRIBUTES", "MESSAGE-INTEGRITY", "FINGERPRINT"],
    valid: ["sha1"],
  });
});

Deno.test("ShortTermAuthenticator prepares names and passwords", () => {
  const server = new ShortTermAuthenticator({
    users: [{ username: "Ame\u0301lie", password: "a\u00a0b" }],
  });
  const bytes = request([attribute(USERNAME, "Am\u00e9lie")], { integrity: shortTermKey("a b") });
  assertEquals(ask(server, bytes, { key: shortTermKey("a b") }), success("sha1"));
});

Deno.test("ShortTermAuthenticator refuses to be made when its users cannot be told apart", () => {
  const make =
    (...users: readonly (typeof ALICE | { username: string; password: string })[]) => () =>
      new ShortTermAuthenticator({ users });
  const cases: readonly [() => unknown, string][] = [
    [make(), "Cannot make a short-term authenticator: no users, wanted one at least"],
    [
      make(ALICE, { ...ALICE, password: "other" }),
      'Cannot make a short-term authenticator: the user "alice" is there twice',
    ],
    [
      make({ username: "tab\t", password: "x" }),
      "Cannot make a short-term authenticator: a user name: " +
      "U+0009 is not a character of PRECIS FreeformClass",
    ],
    [
      make({ username: "x", password: "" }),
      'Cannot make a short-term authenticator: the password of "x": ' +
      "it is empty, wanted a character at least",
    ],
  ];
  for (const [attempt, message] of cases) {
    assertEquals((assertThrows(attempt, RangeError) as RangeError).message, message);
  }
});
