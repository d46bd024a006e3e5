import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  PunchCredentials,
  type PunchDescription,
  TcpPunch,
  type TcpPunchAction,
} from "../../../lib/protocol/punch/mod.ts";
import { TcpPunchLink } from "../../../lib/protocol/punch/tcp_punch_link.ts";
import { formatSocketAddress, type SocketAddress } from "../../../lib/wire/mod.ts";
import { simAddress } from "../../sim/mod.ts";
import { otherDescription, punchDescription } from "./punch_description_cases.ts";

const HOST = simAddress("192.168.2.2:5000");
const REFLEXIVE = simAddress("198.51.100.7:5000");
const ELSEWHERE = simAddress("203.0.113.66:1234");

/** The controlling side and the controlled one. */
const FIRST = punchDescription({
  transport: "tcp",
  candidates: [
    { kind: "host", address: simAddress("192.168.1.2:5000") },
    { kind: "reflexive", address: simAddress("192.0.2.3:45664") },
  ],
});
const SECOND = otherDescription({
  transport: "tcp",
  candidates: [{ kind: "host", address: HOST }, { kind: "reflexive", address: REFLEXIVE }],
});

Deno.test("TcpPunch dials what was announced from outside first, and leaves the SYNs out there", () => {
  const punch = punchOf(FIRST, SECOND);
  assertEquals(runUntil(punch, 14_999), [
    `0: dial 1 ${formatSocketAddress(REFLEXIVE)}`,
    `50: dial 2 ${formatSocketAddress(HOST)}`,
  ]);
});

Deno.test("TcpPunch does not dial its own address, nor one of another family", () => {
  const own = FIRST.candidates[0]!;
  const ipv6 = { kind: "reflexive", address: simAddress("[2001:db8::7]:5000") } as const;
  const remote = { ...SECOND, candidates: [own, ipv6, SECOND.candidates[1]!] };
  const punch = punchOf(FIRST, remote, { family: 4 });
  assertEquals(runUntil(punch, 3_000), [`0: dial 1 ${formatSocketAddress(REFLEXIVE)}`]);
});

Deno.test("TcpPunch gives up after 15 s, and closes all that is open", () => {
  const punch = punchOf(FIRST, SECOND);
  runUntil(punch, 14_999);
  const stranger = punch.accepted(ELSEWHERE, 14_999);
  assertEquals(runUntil(punch, 20_000, 14_999), [
    "15000: close 1",
    "15000: close 2",
    `15000: close ${stranger}`,
  ]);
  assertEquals(punch.outcome, {
    kind: "failed",
    code: "unheard",
    reason: "nothing was heard from the other side",
  });
  assertEquals([punch.nextWake(), punch.attempts], [undefined, 2]);
});

Deno.test("TcpPunch says that it was refused where it was", () => {
  const punch = punchOf(FIRST, SECOND);
  for (const action of punch.wake(0)) punch.dialFailed(action.connection, "refused", 1);
  runUntil(punch, 20_000);
  assertEquals(punch.outcome, {
    kind: "failed",
    code: "refused",
    reason: "the other side, or its NAT, refuses every connection",
  });
});

Deno.test("TcpPunch dials some 1000 times at the most where everybody refuses at once", () => {
  const punch = punchOf(FIRST, SECOND);
  for (let now = 0; punch.outcome === undefined; now = Math.max(now, punch.nextWake() ?? now)) {
    for (const action of punch.wake(now)) {
      if (action.kind === "dial") punch.dialFailed(action.connection, "refused", now);
    }
  }
  // Chance is against it here: all pauses are the shortest that there are
  assertEquals(punch.attempts, 1000 + 2 * 15_000 / 250);
});

Deno.test("TcpPunch agrees with the other side, one connection for both, and closes the others", () => {
  const reflexive = SECOND.candidates[1]!;
  const second = { ...SECOND, candidates: [reflexive] };
  const [one, two] = [punchOf(FIRST, second), punchOf(second, FIRST)];
  runUntil(one, 0);
  runUntil(two, 0);
  const extra = two.accepted(ELSEWHERE, 10);
  const accepted = two.accepted(FIRST.candidates[1]!.address, 10)!;
  assertEquals(converse([one, 1, one.connected(1, 10)], [two, accepted, []], 10), [
    [],
    ["close 1", `close ${extra}`],
  ]);
  const rest = new Uint8Array(0);
  assertEquals(one.outcome, {
    kind: "connected",
    connection: 1,
    remote: REFLEXIVE,
    candidate: reflexive,
    dialled: true,
    rest,
  });
  assertEquals(two.outcome, {
    kind: "connected",
    connection: accepted,
    remote: FIRST.candidates[1]!.address,
    candidate: FIRST.candidates[1]!,
    dialled: false,
    rest,
  });
});

Deno.test("TcpPunch prefers the other side's own address if that follows within a moment", () => {
  const punch = punchOf(FIRST, SECOND);
  runUntil(punch, 50);
  const [far, near] = [new OtherEnd(REFLEXIVE), new OtherEnd(HOST)];
  far.verify(punch, 1, 60);
  assertEquals(runUntil(punch, 100, 60), []);
  assertEquals(near.verify(punch, 2, 110).at(-1), "write 2 nomination");
});

Deno.test("TcpPunch does not wait longer than a moment for the other side's own address", () => {
  const punch = punchOf(FIRST, SECOND);
  runUntil(punch, 50);
  new OtherEnd(REFLEXIVE).verify(punch, 1, 60);
  assertEquals(runUntil(punch, 300, 60), ["210: write 1 nomination"]);
});

Deno.test("TcpPunch chooses another connection when the one that it has chosen ends", () => {
  const punch = punchOf(FIRST, SECOND);
  runUntil(punch, 50);
  new OtherEnd(REFLEXIVE).verify(punch, 1, 60);
  new OtherEnd(HOST).verify(punch, 2, 70);
  assertEquals(punch.ended(2, 80).map(told), ["close 2"]);
  assertEquals(runUntil(punch, 300, 80), [
    "230: write 1 nomination",
  ]);
  assertEquals(punch.outcome, undefined);
});

Deno.test("TcpPunch waits 5 s for the answer of what it has chosen, also at the end of its time", () => {
  const punch = punchOf(FIRST, SECOND);
  runUntil(punch, 14_000);
  const accepted = punch.accepted(ELSEWHERE, 14_000)!;
  new OtherEnd(ELSEWHERE).verifyAccepted(punch, accepted, 14_001);
  assertEquals(runUntil(punch, 25_000, 14_001).filter((one) => one.endsWith(` ${accepted}`)), [
    `19151: close ${accepted}`,
  ]);
  assertEquals(punch.outcome, {
    kind: "failed",
    code: "unagreed",
    reason: "a path was found, but the other side did not agree to it in time",
  });
});

Deno.test("TcpPunch does not dial whom it is connected to, and does again when that has ended", () => {
  const punch = punchOf(FIRST, { ...SECOND, candidates: [SECOND.candidates[1]!] });
  assertEquals(punch.wake(0).map(told), [`dial 1 ${formatSocketAddress(REFLEXIVE)}`]);
  punch.dialFailed(1, "refused", 10);
  const accepted = punch.accepted(REFLEXIVE, 10)!;
  assertEquals(runUntil(punch, 3_000, 10), []);
  assertEquals(punch.ended(accepted, 3_000).map(told), [`close ${accepted}`]);
  assertEquals(runUntil(punch, 3_001, 3_000), [`3000: dial 3 ${formatSocketAddress(REFLEXIVE)}`]);
});

Deno.test("TcpPunch sends strangers away after 4 s, those who dribble too", () => {
  const punch = punchOf(FIRST, { ...SECOND, candidates: [] });
  punch.wake(0);
  const check = new OtherEnd(ELSEWHERE).link.begin();
  const [silent, slow] = [punch.accepted(ELSEWHERE, 0)!, punch.accepted(ELSEWHERE, 100)!];
  for (let i = 0; i < 40; i++) {
    assertEquals(punch.received(slow, check.subarray(i, i + 1), 100 + 90 * i), []);
  }
  assertEquals(runUntil(punch, 5_000), [`4000: close ${silent}`, `4100: close ${slow}`]);
});

Deno.test("TcpPunch sends who talks nonsense away at once, and never answers", () => {
  const punch = punchOf(FIRST, SECOND);
  punch.wake(0);
  const accepted = punch.accepted(ELSEWHERE, 0)!;
  const words = new TextEncoder().encode("GET / HTTP/1.1\r\n");
  assertEquals(punch.received(accepted, words, 1).map(told), [`close ${accepted}`]);
  runUntil(punch, 20_000);
  assert(punch.outcome?.kind === "failed");
  assertEquals(punch.outcome.code, "unauthentic");
});

Deno.test("TcpPunch lets in 8 strangers at a time, and 16 from where the other side may come", () => {
  const punch = punchOf(FIRST, SECOND);
  punch.wake(0);
  const letIn = (from: SocketAddress, count: number) =>
    Array.from({ length: count }, () => punch.accepted(from, 0)).filter((one) => one !== undefined);
  const strangers = letIn(ELSEWHERE, 1000);
  const guests = letIn({ ...REFLEXIVE, port: 7 }, 1000);
  assertEquals([strangers.length, guests.length], [8, 16]);
  punch.ended(strangers[0]!, 1);
  assertEquals([punch.accepted(ELSEWHERE, 2) === undefined, punch.accepted(ELSEWHERE, 2)], [
    false,
    undefined,
  ]);
});

Deno.test("TcpPunch takes nobody in before it has begun and after it has ended", () => {
  const punch = punchOf(FIRST, SECOND);
  assertEquals(punch.accepted(REFLEXIVE, 0), undefined);
  runUntil(punch, 20_000);
  assertEquals(punch.accepted(REFLEXIVE, 20_000), undefined);
  assertEquals(punch.wake(20_000), []);
});

Deno.test("TcpPunch passes over what is told of connections that it has closed", () => {
  const punch = punchOf(FIRST, SECOND);
  runUntil(punch, 0);
  const closed = punch.accepted(ELSEWHERE, 0)!;
  punch.ended(closed, 1);
  const rest = [
    punch.connected(closed, 2),
    punch.dialFailed(closed, "refused", 2),
    punch.received(closed, new Uint8Array(1), 2),
    punch.ended(closed, 2),
  ];
  assertEquals(rest, [[], [], [], []]);
});

for (const kind of ["host", "reflexive"] as const) {
  const says = kind === "host" ? "does not say" : "says";
  Deno.test(`TcpPunch ${says} that it was refused where there is no way to a ${kind} address`, () => {
    const punch = punchOf(FIRST, { ...SECOND, candidates: [{ kind, address: REFLEXIVE }] });
    for (let now = 0; punch.outcome === undefined; now = Math.max(now, punch.nextWake() ?? now)) {
      for (const { kind, connection } of punch.wake(now)) {
        if (kind === "dial") punch.dialFailed(connection, "unreachable", now);
      }
    }
    assert(punch.outcome.kind === "failed");
    assertEquals(punch.outcome.code, kind === "host" ? "unheard" : "refused");
  });
}

Deno.test("TcpPunch does not hurry to an address from which the other side does not come", () => {
  const side = {
    reachable: true,
    mapping: { value: "unknown", depends: true },
    filtering: { value: "unknown" },
  } as const;
  const punch = punchOf(FIRST, { ...SECOND, candidates: [SECOND.candidates[1]!], side });
  punch.wake(0);
  punch.dialFailed(1, "refused", 10);
  assertEquals(runUntil(punch, 300, 10), [`260: dial 2 ${formatSocketAddress(REFLEXIVE)}`]);
});

Deno.test("TcpPunch refuses to be begun with one's own description", () => {
  assertThrows(() => punchOf(FIRST, FIRST), RangeError, "tie breaker");
});

function punchOf(
  local: PunchDescription,
  remote: PunchDescription,
  options: { readonly family?: 4 | 6 } = {},
): TcpPunch {
  let drawn = 0;
  // Lots come out at their lowest, transaction ids differ
  const randomBytes = (length: number) => new Uint8Array(length).fill(length === 4 ? 0 : ++drawn);
  return new TcpPunch({ local, remote, randomBytes, ...options });
}

/** Wakes whenever it wants to be woken, up to a time; returns what it wanted done when. */
function runUntil(punch: TcpPunch, end: number, begin: number = 0): string[] {
  const done: string[] = [];
  for (let now = begin; now <= end; now = Math.max(now, punch.nextWake() ?? Infinity)) {
    done.push(...punch.wake(now).map((action) => `${now}: ${told(action)}`));
  }
  return done;
}

function told(action: TcpPunchAction): string {
  const { kind, connection } = action;
  switch (kind) {
    case "dial":
      return `dial ${connection} ${formatSocketAddress(action.to)}`;
    case "write":
      return `write ${connection} ${nameOf(action.bytes)}`;
    case "close":
      return `close ${connection}`;
  }
}

function nameOf(bytes: Uint8Array): string {
  const read = OTHER_CREDENTIALS.read(bytes);
  if (read?.kind === "request") return read.nominates ? "nomination" : "check";
  return read?.kind === "response" ? "answer" : "something";
}

type End = readonly [punch: TcpPunch, connection: number, actions: readonly TcpPunchAction[]];

/** Carries what the two write on one connection to the other; returns what else they want done. */
function converse(one: End, two: End, now: number): [string[], string[]] {
  const others: [string[], string[]] = [[], []];
  const queue = [one, two].flatMap(([, , actions], i) => actions.map((action) => ({ i, action })));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { i, action } = next;
    if (action.kind !== "write") {
      others[i]!.push(told(action));
      continue;
    }
    const [to, connection] = i === 0 ? two : one;
    const answers = to.received(connection, action.bytes, now);
    queue.push(...answers.map((action) => ({ i: i === 0 ? 1 : 0, action })));
  }
  return others;
}

const OTHER_CREDENTIALS = new PunchCredentials({ local: SECOND, remote: FIRST });

/** The controlled side at the other end of a connection. */
class OtherEnd {
  readonly link: TcpPunchLink;

  constructor(remote: SocketAddress) {
    let id = 50;
    this.link = new TcpPunchLink({
      credentials: OTHER_CREDENTIALS,
      remote,
      transactionId: () => new Uint8Array(12).fill(id++),
    });
  }

  /** Lets an attempt succeed, and says what there is to say until both are verified. */
  verify(punch: TcpPunch, connection: number, now: number): string[] {
    return this.#talk(punch, connection, { now, first: punch.connected(connection, now) });
  }

  /** The same for a connection that was accepted. */
  verifyAccepted(punch: TcpPunch, connection: number, now: number): string[] {
    return this.#talk(punch, connection, {
      now,
      first: punch.received(connection, this.link.begin(), now),
    });
  }

  #talk(
    punch: TcpPunch,
    connection: number,
    { now, first }: { readonly now: number; readonly first: readonly TcpPunchAction[] },
  ): string[] {
    const actions = [...first];
    for (const action of actions) {
      if (action.kind !== "write" || nameOf(action.bytes) === "nomination") continue;
      for (const bytes of this.link.receive(action.bytes).writes) {
        actions.push(...punch.received(connection, bytes, now));
      }
    }
    assert(this.link.isVerified);
    return actions.map(told);
  }
}
