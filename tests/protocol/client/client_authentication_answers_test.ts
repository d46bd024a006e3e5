import { assertEquals } from "@std/assert";
import { ClientAuthentication } from "../../../lib/protocol/client/mod.ts";
import {
  attribute,
  type EncodeMessageOptions,
  ERROR_CODE,
  longTermKey,
  NONCE,
  REALM,
  shortTermKey,
  type StunMessage,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { ALICE, nonce, offer, REALM_NAME } from "../authentication_cases.ts";
import { IPV4_SOURCE } from "../binding_cases.ts";
import {
  answer,
  challenged,
  errorAnswer,
  fresh,
  successAnswer,
} from "./client_authentication_cases.ts";

const COOKIELESS = "f//499k954d6OL34oL9FSTvy64sA";
const keys = {
  md5: longTermKey({ ...ALICE, realm: REALM_NAME }),
  sha256: longTermKey({ ...ALICE, realm: REALM_NAME }, "sha256"),
};

// RFC 8489 section 9.2.5; a challenge is believed as it is, all else only with integrity
const mapped = attribute(XOR_MAPPED_ADDRESS, IPV4_SOURCE);
const badRequest = attribute(ERROR_CODE, { code: 400, reason: "" });
const bidDown = [mapped, attribute(NONCE, nonce())];
const BELIEVED: readonly (readonly [
  when: string,
  believed: { readonly new: boolean; readonly old: boolean },
  response: StunMessage,
])[] = [
  [
    "MESSAGE-INTEGRITY-SHA256 is right",
    { new: true, old: false },
    successAnswer({
      integritySha256: keys.sha256,
    }),
  ],
  ["MESSAGE-INTEGRITY is right", { new: false, old: true }, successAnswer({ integrity: keys.md5 })],
  [
    "MESSAGE-INTEGRITY is made with the SHA-256 key",
    { new: false, old: false },
    successAnswer({
      integrity: keys.sha256,
    }),
  ],
  [
    "MESSAGE-INTEGRITY-SHA256 is truncated",
    { new: false, old: false },
    successAnswer({
      integritySha256: keys.sha256,
      integritySha256Bytes: 16,
    }),
  ],
  ["there is no integrity", { new: false, old: false }, successAnswer({})],
  ["a 400 has none", { new: false, old: false }, answer("error", [badRequest])],
  [
    "a 400 has MESSAGE-INTEGRITY-SHA256",
    { new: true, old: false },
    answer("error", [badRequest], {
      integritySha256: keys.sha256,
    }),
  ],
  ["a 401 has none", { new: true, old: true }, errorAnswer(401, [])],
  ["a 438 has none", { new: true, old: true }, errorAnswer(438, [])],
  ["a 420 has none", { new: false, old: false }, errorAnswer(420, [])],
  ["an error has no code", { new: false, old: false }, answer("error", [])],
  [
    "a success announces PASSWORD-ALGORITHMS and has none",
    { new: false, old: false },
    answer("success", bidDown, { integritySha256: keys.sha256 }),
  ],
  [
    "a success announces PASSWORD-ALGORITHMS and has them",
    { new: true, old: false },
    answer("success", [...bidDown, offer()], { integritySha256: keys.sha256 }),
  ],
];

for (const [when, believed, response] of BELIEVED) {
  Deno.test(`ClientAuthentication knows whom to believe when ${when}`, () => {
    const { client } = challenged([...fresh(), offer()]);
    const { client: old } = challenged([
      attribute(REALM, REALM_NAME),
      attribute(NONCE, COOKIELESS),
    ]);
    assertEquals({ new: client.accepts(response), old: old.accepts(response) }, believed);
  });
}

Deno.test("ClientAuthentication believes either integrity of a short-term credential, no third thing", () => {
  const client = new ClientAuthentication({ ...ALICE, mechanism: "short-term" });
  const key = shortTermKey(ALICE.password);
  const wrong = shortTermKey("Secret");
  const cases: readonly [EncodeMessageOptions, boolean][] = [
    [{ integrity: key }, true],
    [{ integritySha256: key }, true],
    [{ integrity: key, integritySha256: wrong }, false],
    [{ integrity: wrong }, false],
    [{ integritySha256: wrong }, false],
    [{}, false],
  ];
  for (const [seals, believed] of cases) {
    assertEquals(client.accepts(successAnswer(seals)), believed);
  }
  assertEquals(client.accepts(errorAnswer(401, [])), false);
});
