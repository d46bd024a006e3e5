import { assertEquals, assertThrows } from "@std/assert";
import {
  type TransactionAnswer,
  TransactionPair,
  type TransactionPairOptions,
} from "../../../lib/protocol/client/mod.ts";
import {
  attribute,
  BINDING,
  encodeMessage,
  type StunMessage,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { address } from "../binding_cases.ts";

const SERVER = address("198.51.100.1:3478");
const REFLEXIVE = address("192.0.2.1:1000");
const FIRST = request(1);
const SECOND = request(2);

const SCHEDULES: readonly {
  readonly when: string;
  readonly options: Partial<TransactionPairOptions>;
  readonly first: readonly number[];
  readonly second: readonly number[];
  readonly failsAt: number;
}[] = [
  {
    when: "all is as RFC 8489 section 6.2.1 has it",
    options: {},
    first: [0, 500, 1500, 3500, 7500, 15_500, 31_500],
    second: [5000, 5500, 6500, 8500, 12_500, 20_500, 36_500],
    failsAt: 39_500,
  },
  {
    when: "the RTO is 100 ms: the second has its last wait too",
    options: { rtoMs: 100 },
    first: [0, 100, 300, 700, 1500, 3100, 6300],
    second: [1000, 1100, 1300, 1700, 2500, 4100, 7300],
    failsAt: 8900,
  },
  {
    when: "the timeout comes before the second",
    options: { timeoutMs: 2000 },
    first: [0, 500, 1500],
    second: [],
    failsAt: 2000,
  },
  {
    when: "the timeout comes with the second",
    options: { timeoutMs: 5000 },
    first: [0, 500, 1500, 3500],
    second: [],
    failsAt: 5000,
  },
  {
    when: "the transport delivers by itself",
    options: { reliable: true },
    first: [0],
    second: [],
    failsAt: 39_500,
  },
];

for (const { when, options, first, second, failsAt } of SCHEDULES) {
  Deno.test(`TransactionPair sends and gives up in time when ${when}`, () => {
    const pair = makePair(options);
    const sent: Record<string, number[]> = { first: [], second: [] };
    let now = 0;
    for (; pair.outcome === undefined; now = Math.max(now, pair.nextWake() ?? now)) {
      const bytes = pair.wake(now);
      if (bytes !== undefined) sent[bytes === FIRST ? "first" : "second"]!.push(now);
    }
    assertEquals([sent, now], [{ first, second }, failsAt]);
    const attempts = first.length + second.length;
    assertEquals(pair.outcome, { kind: "timed-out", attempts, strays: 0 });
    assertEquals([pair.nextWake(), pair.wake(now)], [undefined, undefined]);
  });
}

Deno.test("TransactionPair ends with an answer to the first, and counts all requests", () => {
  const pair = makePair();
  runUntil(pair, 5500);
  assertEquals(pair.receive(answerTo(FIRST), SERVER, 5600), true);
  const { kind, attempts, rttMs } = pair.outcome as TransactionAnswer;
  // 0, 500, 1500, 3500 and 5000, 5500; the last of the first was at 3500
  assertEquals({ kind, attempts, rttMs }, { kind: "answered", attempts: 6, rttMs: 2100 });
  assertEquals([pair.nextWake(), pair.wake(7500)], [undefined, undefined]);
  assertEquals(pair.receive(answerTo(SECOND), SERVER, 5700), false);
});

Deno.test("TransactionPair ends with an answer to the second", () => {
  const pair = makePair();
  runUntil(pair, 5000);
  assertEquals(pair.receive(answerTo(SECOND), SERVER, 5040), true);
  const { kind, attempts, rttMs } = pair.outcome as TransactionAnswer;
  assertEquals({ kind, attempts, rttMs }, { kind: "answered", attempts: 5, rttMs: 40 });
});

Deno.test("TransactionPair takes no answer to a second that has not been sent", () => {
  const pair = makePair();
  runUntil(pair, 3500);
  assertEquals(pair.receive(answerTo(SECOND), SERVER, 3600), false);
  assertEquals(pair.outcome, undefined);
});

Deno.test("TransactionPair takes no answer before it has begun", () => {
  const pair = makePair();
  assertEquals(pair.receive(answerTo(FIRST), SERVER, 0), false);
  assertEquals([pair.outcome, pair.nextWake()], [undefined, -Infinity]);
});

for (const [which, request] of [["first", FIRST], ["second", SECOND]] as const) {
  Deno.test(`TransactionPair says so when only the ${which} had an answer, not to be believed`, () => {
    const pair = makePair({ accepts: () => false });
    runUntil(pair, 5000);
    assertEquals(pair.receive(answerTo(request), SERVER, 5040), false);
    runUntil(pair, 39_500);
    const { kind, attempts, response } = pair.outcome as {
      kind: string;
      attempts: number;
      response: StunMessage;
    };
    assertEquals([kind, attempts], ["unverified", 14]);
    assertEquals(response.transactionId, request.slice(8, 20));
  });
}

Deno.test("TransactionPair refuses what is no request", () => {
  assertThrows(() => makePair({ requests: [FIRST, answerTo(SECOND)] }), RangeError);
});

function makePair(options: Partial<TransactionPairOptions> = {}): TransactionPair {
  return new TransactionPair({
    requests: [FIRST, SECOND],
    server: SERVER,
    reliable: false,
    ...options,
  });
}

function runUntil(pair: TransactionPair, end: number): void {
  for (let now = 0; now <= end; now = pair.nextWake() ?? Infinity) {
    if (pair.wake(Math.max(0, now)) === undefined && pair.outcome !== undefined) return;
  }
}

function request(id: number): Uint8Array {
  const transactionId = new Uint8Array(12).fill(id);
  return encodeMessage({ class: "request", method: BINDING, transactionId });
}

function answerTo(request: Uint8Array): Uint8Array {
  return encodeMessage({
    class: "success",
    method: BINDING,
    transactionId: request.slice(8, 20),
    attributes: [attribute(XOR_MAPPED_ADDRESS, REFLEXIVE)],
  });
}
