import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes";
import { PunchCredentials } from "../../../lib/protocol/punch/mod.ts";
import { TcpPunchLink } from "../../../lib/protocol/punch/tcp_punch_link.ts";
import { BINDING, encodeMessage, shortTermKey } from "../../../lib/wire/mod.ts";
import { simAddress } from "../../sim/mod.ts";
import { otherDescription, punchDescription } from "./punch_description_cases.ts";

const [CONTROLLING, CONTROLLED] = [
  punchDescription({ transport: "tcp" }),
  otherDescription({ transport: "tcp" }),
];
const ADDRESSES = [simAddress("192.0.2.3:45664"), simAddress("198.51.100.7:5000")] as const;

/** What an application may say first: the hardest to tell from what went before. */
const STUN_LIKE = encodeMessage({
  class: "success",
  method: BINDING,
  transactionId: new Uint8Array(12),
});
const APPLICATIONS = [
  new Uint8Array(0),
  new TextEncoder().encode("SSH-2.0-whoever\r\n"),
  STUN_LIKE,
  concat([STUN_LIKE, STUN_LIKE.subarray(0, 9)]),
  STUN_LIKE.subarray(0, 3),
];

for (const who of ["controlling", "controlled"] as const) {
  for (const dials of [true, false]) {
    const how = dials ? "dialled" : "accepted";
    Deno.test(`TcpPunchLink leaves the application its bytes: ${who}, ${how}, in chunks of any size`, () => {
      const { before, last } = recordOf(who, dials);
      for (const application of APPLICATIONS) {
        const bytes = concat([last, application]);
        for (let size = 1; size <= bytes.length; size++) {
          const link = linkOf(who);
          if (dials) link.begin();
          link.receive(before);
          if (who === "controlling") link.nominate();
          assertEquals(agreeOn(link, { bytes, size }), application, `chunks of ${size}`);
        }
      }
    });
  }
}

Deno.test("TcpPunchLink tells who has connected nothing until the right check has come", () => {
  const check = linkOf("controlling").begin();
  const accepted = linkOf("controlled");
  for (let i = 0; i < check.length - 1; i++) {
    assertEquals(accepted.receive(check.subarray(i, i + 1)), { writes: [] });
  }
  const { writes, event } = accepted.receive(check.subarray(-1));
  assertEquals({ lengths: writes.map((one) => one.length), event }, {
    lengths: [64, 88], // its answer, and a check of its own
    event: undefined,
  });
  assert(!accepted.isVerified);
});

Deno.test("TcpPunchLink is verified on either side when each has answered the other", () => {
  const [one, two] = [linkOf("controlling"), linkOf("controlled")];
  const { writes: [answer, check] } = two.receive(one.begin());
  assertEquals(one.receive(answer!), { writes: [] });
  assert(!one.isVerified);
  const { writes: [second] } = one.receive(check!);
  assert(one.isVerified);
  assertEquals(two.receive(second!), { writes: [] });
  assert(two.isVerified);
});

Deno.test("TcpPunchLink is verified where both have dialled, and the checks cross", () => {
  const [one, two] = [linkOf("controlling"), linkOf("controlled")];
  const checks = [one.begin(), two.begin()] as const;
  const answers = [one.receive(checks[1]), two.receive(checks[0])] as const;
  assertEquals(answers.map(({ writes }) => writes.length), [1, 1]);
  one.receive(answers[1].writes[0]!);
  two.receive(answers[0].writes[0]!);
  assert(one.isVerified && two.isVerified);
});

for (
  const [what, bytes] of [
    ["bytes that are not STUN", () => new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
    ["a message of more than 1024 bytes", () => Uint8Array.of(0, 1, 4, 0)],
    ["a check without credentials", () => STUN_LIKE],
    [
      "a check under another password",
      () => linkOf("controlling", "another password of 22").begin(),
    ],
    ["its own check", () => linkOf("controlled").begin()],
    ["a nomination of what is not verified", () => linkOf("controlling").nominate()],
    ["a second check", () => {
      const link = linkOf("controlling");
      return concat([link.begin(), link.begin()]);
    }],
    ["an answer to nothing that was asked", () => {
      const link = linkOf("controlling");
      return link.receive(linkOf("controlled", undefined, 7).begin()).writes[0]!;
    }],
    ["an error answer", () => answerOf("error")],
    ["an answer that nobody has protected", () => answerOf("success", "another password of 22")],
  ] as const
) {
  Deno.test(`TcpPunchLink takes who sends ${what} for foreign, and answers nothing`, () => {
    const link = linkOf("controlled");
    link.begin();
    assertEquals(link.receive(bytes()), { writes: [], event: "foreign" });
  });
}

/** The answer to the first check of the controlled side. */
function answerOf(kind: "success" | "error", password: string = CONTROLLING.password): Uint8Array {
  return encodeMessage(
    { class: kind, method: BINDING, transactionId: new Uint8Array(12).fill(100) },
    { integrity: shortTermKey(password), fingerprint: true },
  );
}

/** Feeds a stream; returns what the link leaves of it. */
function agreeOn(
  link: TcpPunchLink,
  { bytes, size }: { readonly bytes: Uint8Array; readonly size: number },
): Uint8Array {
  for (let at = 0; at < bytes.length; at += size) {
    const { event, rest } = link.receive(bytes.slice(at, at + size));
    if (event === "agreed") return concat([rest!, bytes.subarray(at + size)]);
    assertEquals(event, undefined);
  }
  throw new Error("The link has not agreed");
}

/** All that the other end writes to this one: until the connection is verified, and the last of it. */
function recordOf(
  who: "controlling" | "controlled",
  dials: boolean,
): { readonly before: Uint8Array; readonly last: Uint8Array } {
  const own = linkOf(who);
  const other = linkOf(who === "controlling" ? "controlled" : "controlling");
  const before: Uint8Array[] = [];
  const toOwn: Uint8Array[] = dials ? [] : [other.begin()];
  const toOther: Uint8Array[] = dials ? [own.begin()] : [];
  while (toOwn.length + toOther.length > 0) {
    for (const bytes of toOther.splice(0)) toOwn.push(...other.receive(bytes).writes);
    for (const bytes of toOwn.splice(0)) {
      before.push(bytes);
      toOther.push(...own.receive(bytes).writes);
    }
  }
  assert(own.isVerified && other.isVerified);
  const last = who === "controlled" ? other.nominate() : other.receive(own.nominate()).writes[0]!;
  return { before: concat(before), last };
}

/** A link whose transaction ids are 100, 101 … or as many from another number on. */
function linkOf(
  who: "controlling" | "controlled",
  remotePassword?: string,
  firstId: number = 100,
): TcpPunchLink {
  const [local, remote] = who === "controlling"
    ? [CONTROLLING, CONTROLLED]
    : [CONTROLLED, CONTROLLING];
  let id = firstId;
  return new TcpPunchLink({
    credentials: new PunchCredentials({
      local,
      remote: remotePassword === undefined
        ? remote
        : { ...remote, password: remotePassword.replaceAll(" ", "/") },
    }),
    remote: ADDRESSES[who === "controlling" ? 1 : 0],
    transactionId: () => new Uint8Array(12).fill(id++),
  });
}
