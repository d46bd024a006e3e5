// The machine by itself: what it sends when, and what it makes of what comes in.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  PunchCredentials,
  type PunchDescription,
  UdpPunch,
  type UdpPunchOptions,
} from "../../../lib/protocol/punch/mod.ts";
import {
  equalSocketAddresses,
  formatSocketAddress,
  type SocketAddress,
} from "../../../lib/wire/mod.ts";
import { NAT_PRESETS, simAddress, SimRandom } from "../../sim/mod.ts";
import { otherDescription, punchDescription } from "./punch_description_cases.ts";
import { UdpPunchTrial } from "./udp_punch_trial.ts";

const PEER = simAddress("198.51.100.7:5000");
const ELSEWHERE = simAddress("198.51.100.7:5001");
const LOCAL = punchDescription();
const REMOTE = otherDescription();
const THERE = new PunchCredentials({ local: REMOTE, remote: LOCAL });

Deno.test("UdpPunch.wake() checks a candidate fast at first, and twice a second after a while", () => {
  const punch = makePunch();
  const times: number[] = [];
  run(punch, 6_000, (_, now) => times.push(Math.round(now)));
  assertEquals(times.slice(0, 7), [0, 100, 230, 399, 619, 904, 1276]);
  const waits = times.map((at, i) => at - (times[i - 1] ?? 0));
  assert(waits.slice(-5).every((wait) => wait === 500), `${waits}`);
});

Deno.test("UdpPunch.wake() sends one check in 20 ms, however many candidates there are", () => {
  const candidates = Array.from({ length: 16 }, (_, i) => {
    return { kind: "host", address: simAddress(`198.51.100.${i + 1}:5000`) } as const;
  });
  const times: number[] = [];
  run(makePunch({ remote: { ...REMOTE, candidates } }), 15_000, (_, now) => times.push(now));
  assert(times.every((at, i) => i === 0 || at - times[i - 1]! >= 20));
  assert(times.length <= 15_000 / 20, `${times.length}`);
});

Deno.test("UdpPunch.wake() passes over candidates of another family and the second of two alike", () => {
  const candidates = ["[2001:db8::1]:5000", "198.51.100.7:5000", "198.51.100.7:5000"]
    .map((text) => ({ kind: "host", address: simAddress(text) } as const));
  const places: string[] = [];
  const punch = makePunch({ remote: { ...REMOTE, candidates } });
  run(punch, 100, ({ peer }) => places.push(formatSocketAddress(peer)));
  assertEquals(places, ["198.51.100.7:5000", "198.51.100.7:5000"]);
});

Deno.test("UdpPunch.receive() answers an authentic check, and checks back at once", () => {
  const punch = makePunch();
  punch.wake(0);
  const receipt = punch.receive(checkFromThere(), ELSEWHERE, 50);
  assert(receipt.kind === "own" && receipt.answer !== undefined);
  assertEquals(receipt.answer.peer, ELSEWHERE);
  assertEquals(THERE.read(receipt.answer.bytes)?.kind, "response");
  assertEquals(punch.nextWake(), 50);
  assertEquals(punch.wake(50).map(({ peer }) => peer), [ELSEWHERE]);
});

Deno.test("UdpPunch.receive() answers a check once more that comes once more from the same source", () => {
  const punch = makePunch();
  punch.wake(0);
  const check = checkFromThere();
  const answers = [1, 2].map((now) => punch.receive(check, PEER, now));
  assertEquals(answers.map((one) => one.kind === "own" && one.answer !== undefined), [true, true]);
  assertEquals(punch.receive(check, ELSEWHERE, 3), { kind: "own" });
});

Deno.test("UdpPunch.receive() makes nothing of what comes before the beginning", () => {
  assertEquals(makePunch().receive(checkFromThere(), PEER, 0), { kind: "stray" });
});

Deno.test("UdpPunch nominates a path that works until that is answered, and is connected then", () => {
  const punch = makePunch();
  const [check] = punch.wake(0);
  punch.receive(answerFromThere(check!.bytes), PEER, 40);
  const nominations: number[] = [];
  run(punch, 400, ({ bytes }, now) => {
    const read = THERE.read(bytes);
    assert(read?.kind === "request" && read.nominates);
    nominations.push(now);
    if (nominations.length < 3) return;
    assertEquals(punch.outcome, undefined);
    punch.receive(answerFromThere(bytes), PEER, now);
  }, 40);
  assertEquals(nominations, [40, 190, 340]);
  assertEquals(punch.outcome, {
    kind: "connected",
    remote: PEER,
    pathKind: "host",
    elapsedMs: 340,
  });
});

Deno.test("UdpPunch, controlled, answers no nomination of a path that it does not know to work", () => {
  const punch = makePunch({ local: REMOTE, remote: LOCAL_AT_PEER });
  const there = new PunchCredentials({ local: LOCAL, remote: REMOTE });
  const nominate = (id: number) =>
    there.check({ transactionId: new Uint8Array(12).fill(id), nominates: true });
  const [check] = punch.wake(0);
  assertEquals(punch.receive(nominate(1), PEER, 10), { kind: "own" });
  assertEquals(punch.outcome, undefined);
  punch.receive(answerOf(there, check!.bytes), PEER, 20);
  assertEquals(punch.outcome, undefined);
  const receipt = punch.receive(nominate(2), PEER, 30);
  assert(receipt.kind === "own" && receipt.answer !== undefined);
  assertEquals(punch.outcome, {
    kind: "connected",
    remote: PEER,
    pathKind: "host",
    elapsedMs: 30,
  });
});

Deno.test("UdpPunch waits a moment for a better path than the first that works", () => {
  const candidates = [
    { kind: "host", address: PEER },
    { kind: "reflexive", address: ELSEWHERE },
  ] as const;
  const firstWorks = (hostAnswersAt: number) => {
    const punch = makePunch({ remote: { ...REMOTE, candidates } });
    const chosen: SocketAddress[] = [];
    run(punch, 800, ({ bytes, peer }, now) => {
      const read = THERE.read(bytes);
      assert(read?.kind === "request");
      if (read.nominates) chosen.push(peer);
      if (equalSocketAddresses(peer, PEER) && now < hostAnswersAt) return;
      punch.receive(answerFromThere(bytes), peer, now);
    });
    return chosen[0];
  };
  assertEquals(firstWorks(200), PEER);
  assertEquals(firstWorks(400), ELSEWHERE);
});

for (
  const [what, prepare, code] of [
    ["nothing was heard", () => {}, "unheard"],
    [
      "strangers were heard",
      (punch) => punch.receive(changed(checkFromThere()), ELSEWHERE, 1),
      "unauthentic",
    ],
    [
      "the other side was heard and never answered",
      (punch) => punch.receive(checkFromThere(), PEER, 1),
      "one-way",
    ],
  ] as const satisfies readonly (readonly [string, (punch: UdpPunch) => void, string])[]
) {
  Deno.test(`UdpPunch fails within its time and says that ${what}`, () => {
    const punch = makePunch();
    punch.wake(0);
    prepare(punch);
    run(punch, 20_000, () => {}, 1);
    assertEquals(punch.outcome?.kind === "failed" && punch.outcome.code, code);
    assertEquals(punch.nextWake(), undefined);
    assertEquals(punch.wake(20_000), []);
  });
}

Deno.test("UdpPunch fails where the other side answers checks and never a nomination", () => {
  const punch = makePunch();
  let last = 0;
  run(punch, 20_000, ({ bytes }, now) => {
    last = now;
    const read = THERE.read(bytes);
    assert(read?.kind === "request");
    if (!read.nominates) punch.receive(answerFromThere(bytes), PEER, now);
  });
  assertEquals(punch.outcome?.kind === "failed" && punch.outcome.code, "unagreed");
  assert(last > 14_000 && last < 15_000);
});

Deno.test("UdpPunch keeps the agreed path by a check every 5 s or so, for hours", () => {
  const { boxes } = NAT_PRESETS["port-restricted-cone"];
  const trial = new UdpPunchTrial({ boxes: [boxes, boxes], seed: 1 });
  trial.run();
  const begun = trial.network.now;
  trial.pass(2 * 3_600_000);
  for (const side of trial.sides) {
    assertEquals(side.outcome?.kind, "connected");
    const checks = side.sent.filter(({ at, bytes }) => at > begun && bytes[0] === 0);
    const waits = checks.slice(1).map(({ at }, i) => at - checks[i]!.at);
    assert(waits.length > 1_000);
    assert(waits.every((wait) => wait >= 4_000 && wait <= 6_000), `${Math.min(...waits)}`);
    assert(new Set(waits.map(Math.round)).size > 100, "the waits are not random");
  }
});

Deno.test("UdpPunch tells that the path is lost 30 s after the last answer", () => {
  const { boxes } = NAT_PRESETS["port-restricted-cone"];
  const trial = new UdpPunchTrial({ boxes: [boxes, boxes], seed: 2 });
  trial.run();
  trial.pass(60_000);
  const [one, two] = trial.sides;
  two.close();
  const closed = trial.network.now;
  trial.network.runUntil(() => one.outcome?.kind === "lost", closed + 60_000);
  assertEquals(one.outcome, {
    kind: "lost",
    reason: "the other side has not answered for 30 s",
  });
  const lostAfter = trial.network.now - closed;
  assert(lostAfter > 23_000 && lostAfter <= 30_000, `${lostAfter}`);
  const { length } = one.sent;
  trial.pass(14_000);
  assertEquals(one.sent.length, length);
});

for (
  const [what, options, message] of [
    ["a time of 0", { timeoutMs: 0 }, "Cannot punch: timeoutMs is 0, wanted more than 0"],
    [
      "a side over TCP",
      { local: punchDescription({ transport: "tcp" }) },
      "Cannot punch over UDP: wanted UDP sides",
    ],
    [
      "its own description",
      { remote: LOCAL },
      "Cannot punch: both sides have the same tie breaker; is it this side's own description?",
    ],
  ] as const satisfies readonly (readonly [string, Partial<UdpPunchOptions>, string])[]
) {
  Deno.test(`UdpPunch() throws at ${what}`, () => {
    assertThrows(() => makePunch(options), RangeError, message);
  });
}

/** The controlling side's description, with the address that the tests use. */
const LOCAL_AT_PEER: PunchDescription = {
  ...LOCAL,
  candidates: [{ kind: "host", address: PEER }],
};

function makePunch(options: Partial<UdpPunchOptions> = {}): UdpPunch {
  const random = new SimRandom(1);
  return new UdpPunch({
    local: LOCAL,
    remote: REMOTE,
    family: 4,
    randomBytes: (length) => random.bytes(length),
    ...options,
  });
}

/** Lets time go by, and hands over all that is sent. */
function run(
  punch: UdpPunch,
  untilMs: number,
  onSend: (
    datagram: { readonly bytes: Uint8Array; readonly peer: SocketAddress },
    now: number,
  ) => void,
  from = 0,
): void {
  let now = from;
  for (;;) {
    for (const datagram of punch.wake(now)) onSend(datagram, now);
    const next = punch.nextWake();
    if (next === undefined || next > untilMs) return;
    now = Math.max(now, next);
  }
}

function checkFromThere(): Uint8Array {
  return THERE.check({ transactionId: new Uint8Array(12).fill(7) });
}

/** With an end that does not fit the rest. */
function changed(bytes: Uint8Array): Uint8Array {
  return bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1);
}

function answerFromThere(check: Uint8Array): Uint8Array {
  return answerOf(THERE, check);
}

/** The answer of one side to a check of the other. */
function answerOf(from: PunchCredentials, check: Uint8Array): Uint8Array {
  const read = from.read(check);
  assert(read?.kind === "request");
  return from.answer(read, PEER);
}
