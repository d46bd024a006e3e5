import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  PunchCredentials,
  type PunchDescription,
  type PunchMessage,
} from "../../../lib/protocol/punch/mod.ts";
import {
  attribute,
  BINDING,
  encodeMessage,
  type EncodeMessageOptions,
  ICE_CONTROLLED,
  ICE_CONTROLLING,
  type MessageClass,
  PRIORITY,
  REALM,
  shortTermKey,
  USERNAME,
  type WritableAttribute,
} from "../../../lib/wire/mod.ts";
import { simAddress } from "../../sim/mod.ts";
import { MESSAGE_VECTORS } from "../../vectors/rfc5769.ts";
import { otherDescription, punchDescription } from "./punch_description_cases.ts";

const LOCAL = punchDescription();
const REMOTE = otherDescription();
const HERE = new PunchCredentials({ local: LOCAL, remote: REMOTE });
const THERE = new PunchCredentials({ local: REMOTE, remote: LOCAL });
const SOURCE = simAddress("192.0.2.3:45664");
const ID = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
const PRIORITY_VALUE = 0x6e0001ff;

/** Written by aioice 0.8.0 (Python) with the same credentials, transaction id and values. */
const AIOICE_CHECK = "000100482112a4420102030405060708090a0b0c" +
  "00060009683676593a6576746a000000002400046e0001ff802a0008010203040506070800250000" +
  "00080014477187144c2757f80ee3914bc29becaa90955bf1802800047a6d9300";
const AIOICE_ANSWER = "0101002c2112a4420102030405060708090a0b0c" +
  "0020000800019372e112a641" +
  "00080014adfa55b1b9e56a77336e4d57768a8664b21da3bc80280004de9acca7";

Deno.test("PunchCredentials.check() writes what another implementation of ICE writes", () => {
  const check = HERE.check({ transactionId: ID, priority: PRIORITY_VALUE, nominates: true });
  assertEquals(check.toHex(), AIOICE_CHECK);
});

Deno.test("PunchCredentials.answer() writes what another implementation of ICE writes", () => {
  const check = THERE.read(Uint8Array.fromHex(AIOICE_CHECK));
  assert(check?.kind === "request");
  assertEquals(THERE.answer(check, SOURCE).toHex(), AIOICE_ANSWER);
});

Deno.test("PunchCredentials.read() takes the sample request of RFC 5769", () => {
  const found = HERE.read(MESSAGE_VECTORS[0]!.bytes);
  assertEquals(summary(found), { kind: "request", nominates: false });
});

Deno.test("PunchCredentials.read() takes the sample response of RFC 5769", () => {
  const asker = new PunchCredentials({
    local: otherDescription(),
    remote: punchDescription(),
  });
  assertEquals(summary(asker.read(MESSAGE_VECTORS[1]!.bytes)), {
    kind: "response",
    succeeds: true,
  });
});

Deno.test("PunchCredentials: each side reads the other's checks and answers", () => {
  for (const [one, two] of [[HERE, THERE], [THERE, HERE]] as const) {
    const check = two.read(one.check({ transactionId: ID }));
    assert(check?.kind === "request");
    assertEquals(check.nominates, false);
    assertEquals(check.message.transactionId, ID);
    const answer = one.read(two.answer(check, SOURCE));
    assert(answer?.kind === "response");
    assertEquals(answer.succeeds, true);
    assertEquals(answer.message.transactionId, ID);
  }
});

Deno.test("PunchCredentials.read() takes none of its own side's messages", () => {
  const check = HERE.check({ transactionId: ID });
  const read = THERE.read(check);
  assert(read?.kind === "request");
  assertEquals(HERE.read(check), undefined);
  assertEquals(THERE.read(THERE.answer(read, SOURCE)), undefined);
});

Deno.test("PunchCredentials.controls is true on the side with the larger tie breaker", () => {
  assertEquals([HERE.controls, THERE.controls], [true, false]);
  const tieBreaker = Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0);
  const other = new PunchCredentials({ local: LOCAL, remote: { ...REMOTE, tieBreaker } });
  assertEquals(other.controls, false);
});

Deno.test("PunchCredentials.read() lets nobody nominate but the controlling side", () => {
  const nominating = (from: PunchCredentials) => from.check({ transactionId: ID, nominates: true });
  assertEquals(summary(THERE.read(nominating(HERE))), { kind: "request", nominates: true });
  assertEquals(summary(HERE.read(nominating(THERE))), { kind: "request", nominates: false });
});

Deno.test("PunchCredentials.read() answers in kind where a check has MESSAGE-INTEGRITY-SHA256", () => {
  const check = forge({ seals: { integritySha256: shortTermKey(LOCAL.password) } });
  assertEquals(summary(HERE.read(check)), { kind: "request", nominates: false });
});

Deno.test("PunchCredentials.read() takes an authentic error answer as one that does not succeed", () => {
  const bytes = forge({ class: "error", seals: { integrity: shortTermKey(REMOTE.password) } });
  assertEquals(summary(HERE.read(bytes)), { kind: "response", succeeds: false });
});

for (
  const [what, init] of [
    ["another user name", { username: "evtj:h6vX" }],
    ["the two fragments the wrong way round", { username: "h6vY:evtj" }],
    ["no user name", { username: undefined }],
    ["another password", { seals: { integrity: shortTermKey(REMOTE.password) } }],
    ["no integrity", { seals: {} }],
    ["no FINGERPRINT", { fingerprint: false }],
    ["the same role", { role: attribute(ICE_CONTROLLING, 7n) }],
    ["no role", { role: undefined }],
    ["an attribute that it has to know", { more: [attribute(REALM, "example.org")] }],
    ["another method", { method: 2 }],
    ["the class of an indication", { class: "indication" }],
    ["an answer's class under the wrong key", { class: "success" }],
  ] as const satisfies readonly (readonly [string, Forgery])[]
) {
  Deno.test(`PunchCredentials.read() takes no message with ${what}`, () => {
    assertEquals(summary(HERE.read(forge({}))), { kind: "request", nominates: false });
    assertEquals(HERE.read(forge(init)), undefined);
  });
}

Deno.test("PunchCredentials.read() takes no check with a bit changed, and no prefix of one", () => {
  const check = forge({});
  for (let at = 0; at < check.length; at++) {
    assertEquals(HERE.read(check.subarray(0, at)), undefined);
    for (let bit = 0; bit < 8; bit++) {
      const changed = check.slice();
      changed[at]! ^= 1 << bit;
      assertEquals(HERE.read(changed), undefined, `byte ${at}, bit ${bit}`);
    }
  }
});

for (
  const [what, remote, found] of [
    [
      "its own description",
      LOCAL,
      "both sides have the same tie breaker; is it this side's own description?",
    ],
    [
      "another transport",
      otherDescription({ transport: "tcp" }),
      "this side wants UDP, the other TCP",
    ],
    [
      "an unusable description",
      otherDescription({ password: "x" }),
      "the other side's description is unusable, the password is not 22 to 256 characters of " +
      "A-Z a-z 0-9 + /",
    ],
  ] as const satisfies readonly (readonly [string, PunchDescription, string])[]
) {
  Deno.test(`PunchCredentials() throws at ${what}`, () => {
    assertThrows(
      () => new PunchCredentials({ local: LOCAL, remote }),
      RangeError,
      `Cannot punch: ${found}`,
    );
  });
}

interface Forgery {
  readonly class?: MessageClass;
  readonly method?: number;
  readonly username?: string | undefined;
  readonly role?: WritableAttribute | undefined;
  readonly more?: readonly WritableAttribute[];
  readonly seals?: EncodeMessageOptions;
  readonly fingerprint?: boolean;
}

/** A check from the remote side to the local one, but for what is given. */
function forge(forgery: Forgery): Uint8Array {
  const username = "username" in forgery ? forgery.username : "evtj:h6vY";
  const role = "role" in forgery ? forgery.role : attribute(ICE_CONTROLLED, 9n);
  const { seals = { integrity: shortTermKey(LOCAL.password) }, fingerprint = true } = forgery;
  return encodeMessage({
    class: forgery.class ?? "request",
    method: forgery.method ?? BINDING,
    transactionId: ID,
    attributes: [
      ...username === undefined ? [] : [attribute(USERNAME, username)],
      attribute(PRIORITY, PRIORITY_VALUE),
      ...role === undefined ? [] : [role],
      ...forgery.more ?? [],
    ],
  }, { ...seals, fingerprint });
}

/** A message but for its bytes. */
function summary(found: PunchMessage | undefined): unknown {
  if (found?.kind === "request") return { kind: found.kind, nominates: found.nominates };
  return found && { kind: found.kind, succeeds: found.succeeds };
}
