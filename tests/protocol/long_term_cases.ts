import {
  attribute,
  type EncodeMessageOptions,
  type KeyAlgorithm,
  longTermKey,
  NONCE,
  PASSWORD_ALGORITHM_MD5 as MD5,
  PASSWORD_ALGORITHM_SHA256 as SHA256,
  type RawAttribute,
  USERHASH,
  userHash,
  USERNAME,
  type WritableAttribute,
} from "../../lib/wire/mod.ts";
import {
  ALICE,
  bare,
  challenge,
  choice,
  nonce,
  NOW,
  offer,
  REALM_NAME,
  realmAndNonce,
  success,
  type Verdict,
} from "./authentication_cases.ts";
import { address, raw } from "./binding_cases.ts";

/** Alice's keys, and that of a wrong password. */
export const KEYS = {
  md5: longTermKey({ ...ALICE, realm: REALM_NAME }),
  sha256: longTermKey({ ...ALICE, realm: REALM_NAME }, "sha256"),
  wrong: longTermKey({ ...ALICE, realm: REALM_NAME, password: "Secret" }),
};
/** USERNAME with Alice's name. */
export const alice: WritableAttribute = attribute(USERNAME, ALICE.username);
/** USERHASH with Alice's hash. */
export const aliceHash: WritableAttribute = attribute(
  USERHASH,
  userHash(ALICE.username, REALM_NAME),
);
/** REALM, and a NONCE that is good. */
export const [realm, freshNonce] = realmAndNonce() as [WritableAttribute, WritableAttribute];
/** A nonce that is good no more. */
export const expired = nonce({ wallTime: NOW - 606_000 });
/** A request that was made with some of the three KEYS. */
export interface LongTermCase {
  /** What is the matter with it. */
  readonly when: string;
  /** What it has. */
  readonly attributes: readonly (RawAttribute | WritableAttribute)[];
  /** How it is protected. */
  readonly seals: EncodeMessageOptions;
  /** What it is answered. */
  readonly verdict: Verdict;
  /** The key of the answer. */
  readonly key?: KeyAlgorithm;
}

/** The checks of RFC 8489 section 9.2.4, one by one, in its order. */
export const LONG_TERM_CASES: readonly LongTermCase[] = [
  // "does not contain a MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256"
  { when: "there is nothing", attributes: [], seals: {}, verdict: challenge(401) },
  {
    when: "there is all but integrity",
    attributes: [alice, realm, freshNonce],
    seals: {},
    verdict: challenge(401),
  },
  {
    when: "an attribute is not known and there is no integrity",
    attributes: [raw(0x7fff)],
    seals: {},
    verdict: challenge(401),
  },
  // "missing either the USERNAME or USERHASH, REALM, or NONCE"
  ...[
    { seals: { integrity: KEYS.md5 }, which: "MESSAGE-INTEGRITY" },
    { seals: { integritySha256: KEYS.sha256 }, which: "MESSAGE-INTEGRITY-SHA256" },
  ].flatMap(({ seals, which }) =>
    [
      { attributes: [realm, freshNonce], missing: "no USERNAME or USERHASH" },
      { attributes: [alice, freshNonce], missing: "no REALM" },
      { attributes: [alice, realm], missing: "no NONCE" },
      { attributes: [aliceHash, freshNonce], missing: "USERHASH and no REALM" },
      {
        attributes: [raw(USERNAME.type, "ff"), realm, freshNonce],
        missing: "no UTF-8 in USERNAME",
      },
      { attributes: [raw(USERHASH.type, "ff"), realm, freshNonce], missing: "half a USERHASH" },
    ].map(({ attributes, missing }) => ({
      when: `there is ${which} and ${missing}`,
      attributes,
      seals,
      verdict: bare(400),
    }))
  ),
  // "unless (1) PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS are both present …"
  ...[
    { attributes: [choice(SHA256)], when: "PASSWORD-ALGORITHM stands alone" },
    { attributes: [offer()], when: "PASSWORD-ALGORITHMS stands alone" },
    { attributes: [offer(MD5, SHA256), choice(MD5)], when: "the offer is in another order" },
    { attributes: [offer(MD5), choice(MD5)], when: "SHA-256 was taken out of the offer" },
    { attributes: [offer(SHA256, MD5, 3), choice(3)], when: "something was put into the offer" },
    { attributes: [offer(), choice(3)], when: "the choice is not on the list" },
    { attributes: [offer(), choice(SHA256, Uint8Array.of(1))], when: "the choice has parameters" },
    { attributes: [offer(), raw(0x001d, "0002")], when: "the choice is cut off" },
  ].map(({ attributes, when }) => ({
    when,
    attributes: [alice, realm, freshNonce, ...attributes],
    seals: { integritySha256: KEYS.sha256 },
    verdict: bare(400),
  })),
  // "the value of the USERNAME or USERHASH attribute is not valid"
  {
    when: "nobody knows the user",
    attributes: [attribute(USERNAME, "bob"), realm, freshNonce],
    seals: { integrity: KEYS.md5 },
    verdict: challenge(401),
  },
  {
    when: "the user is called as the one who stands for nobody, with his password",
    attributes: [attribute(USERNAME, "nobody"), realm, freshNonce],
    seals: {
      integrity: longTermKey({ username: "nobody", realm: REALM_NAME, password: "nothing" }),
    },
    verdict: challenge(401),
  },
  {
    when: "nobody knows the hash",
    attributes: [
      attribute(USERHASH, userHash("bob", REALM_NAME)),
      realm,
      freshNonce,
      offer(),
      choice(SHA256),
    ],
    seals: { integritySha256: KEYS.sha256 },
    verdict: challenge(401),
  },
  {
    when: "nobody knows the user and the nonce is stale",
    attributes: [attribute(USERNAME, "bob"), ...realmAndNonce(expired)],
    seals: { integrity: KEYS.md5 },
    verdict: challenge(401),
  },
  // "the resulting value does not match"
  {
    when: "MESSAGE-INTEGRITY is wrong",
    attributes: [alice, realm, freshNonce],
    seals: { integrity: KEYS.wrong },
    verdict: challenge(401),
  },
  {
    when: "MESSAGE-INTEGRITY-SHA256 is wrong",
    attributes: [alice, realm, freshNonce, offer(), choice(SHA256)],
    seals: { integritySha256: KEYS.wrong },
    verdict: challenge(401),
  },
  {
    when: "MESSAGE-INTEGRITY-SHA256 is wrong beside a right MESSAGE-INTEGRITY",
    attributes: [alice, realm, freshNonce],
    seals: { integrity: KEYS.md5, integritySha256: KEYS.wrong },
    verdict: challenge(401),
  },
  {
    when: "MESSAGE-INTEGRITY-SHA256 is truncated",
    attributes: [alice, realm, freshNonce, offer(), choice(SHA256)],
    seals: { integritySha256: KEYS.sha256, integritySha256Bytes: 16 },
    verdict: challenge(401),
  },
  {
    when: "the choice is SHA-256 and the key is made with MD5",
    attributes: [alice, realm, freshNonce, offer(), choice(SHA256)],
    seals: { integritySha256: KEYS.md5 },
    verdict: challenge(401),
  },
  {
    when: "the password is wrong and the nonce is stale",
    attributes: [alice, ...realmAndNonce(expired)],
    seals: { integrity: KEYS.wrong },
    verdict: challenge(401),
  },
  // "the NONCE is no longer valid"
  ...[
    { stale: expired, when: "the nonce has expired" },
    { stale: nonce({ source: address("192.0.2.2:32853") }), when: "the nonce is another's" },
    { stale: nonce().replace("AAAD", "AAAC"), when: "the nonce's features were changed" },
    { stale: "f//499k954d6OL34oL9FSTvy64sA", when: "the nonce is another server's" },
    { stale: "", when: "the nonce is empty" },
    { stale: "n".repeat(127), when: "the nonce is long" },
  ].map(({ stale, when }) => ({
    when,
    attributes: [alice, ...realmAndNonce(stale)],
    seals: { integrity: KEYS.md5 },
    verdict: challenge(438),
  })),
  {
    when: "the nonce is not UTF-8",
    attributes: [alice, realm, raw(NONCE.type, "ff".repeat(32))],
    seals: { integrity: KEYS.md5 },
    verdict: challenge(438),
  },
  {
    when: "the nonce has expired and the password algorithm was chosen",
    attributes: [aliceHash, ...realmAndNonce(expired), offer(), choice(SHA256)],
    seals: { integritySha256: KEYS.sha256 },
    verdict: challenge(438),
  },
  // "If these checks pass"
  {
    when: "a client of RFC 5389 asks",
    attributes: [alice, realm, freshNonce],
    seals: { integrity: KEYS.md5 },
    verdict: success("sha1"),
    key: "md5",
  },
  {
    when: "the nonce is that of a server that offers no password algorithms",
    attributes: [alice, ...realmAndNonce(nonce({ passwordAlgorithms: false }))],
    seals: { integrity: KEYS.md5 },
    verdict: success("sha1"),
    key: "md5",
  },
  {
    when: "neither PASSWORD-ALGORITHM nor PASSWORD-ALGORITHMS is there, but both integrities",
    attributes: [alice, realm, freshNonce],
    seals: { integrity: KEYS.md5, integritySha256: KEYS.md5 },
    verdict: success("sha1"),
    key: "md5",
  },
  {
    when: "SHA-256 is chosen",
    attributes: [alice, realm, freshNonce, offer(), choice(SHA256)],
    seals: { integritySha256: KEYS.sha256 },
    verdict: success("sha256"),
    key: "sha256",
  },
  {
    when: "MD5 is chosen",
    attributes: [alice, realm, freshNonce, offer(), choice(MD5)],
    seals: { integritySha256: KEYS.md5 },
    verdict: success("sha256"),
    key: "md5",
  },
  {
    when: "SHA-256 is chosen and MESSAGE-INTEGRITY is used",
    attributes: [alice, realm, freshNonce, offer(), choice(SHA256)],
    seals: { integrity: KEYS.sha256 },
    verdict: success("sha256"),
    key: "sha256",
  },
  {
    when: "USERHASH is used with MD5",
    attributes: [aliceHash, realm, freshNonce],
    seals: { integrity: KEYS.md5 },
    verdict: success("sha1"),
    key: "md5",
  },
  {
    when: "an attribute is not known and all is right",
    attributes: [alice, realm, freshNonce, raw(0x7fff)],
    seals: { integrity: KEYS.md5 },
    verdict: {
      answer: 420,
      attributes: ["ERROR-CODE", "UNKNOWN-ATTRIBUTES", "MESSAGE-INTEGRITY"],
      valid: ["sha1"],
    },
    key: "md5",
  },
];
