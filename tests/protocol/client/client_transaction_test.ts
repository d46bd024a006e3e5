import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ClientTransaction,
  type ClientTransactionOptions,
  type TransactionOutcome,
} from "../../../lib/protocol/client/mod.ts";
import {
  attribute,
  decodeMessage,
  encodeMessage,
  ERROR_CODE,
  type MessageInit,
  type StunMessage,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { address, CLASSIC_ID, ID, raw, request } from "../binding_cases.ts";

const SERVER = address("198.51.100.1:3478");
const REQUEST = request();
const SUCCESS = answer();
const SCHEDULES: readonly {
  readonly when: string;
  readonly options: Partial<ClientTransactionOptions>;
  readonly sends: readonly number[];
  readonly failsAt: number;
}[] = [
  {
    when: "all is as RFC 8489 section 6.2.1 has it",
    options: {},
    sends: [0, 500, 1500, 3500, 7500, 15_500, 31_500],
    failsAt: 39_500,
  },
  {
    when: "the RTO is 100 ms",
    options: { rtoMs: 100 },
    sends: [0, 100, 300, 700, 1500, 3100, 6300],
    failsAt: 7900,
  },
  {
    when: "Rc is 3 and Rm is 4",
    options: { maxRequests: 3, lastWaitFactor: 4 },
    sends: [0, 500, 1500],
    failsAt: 3500,
  },
  { when: "Rc is 1", options: { maxRequests: 1 }, sends: [0], failsAt: 8000 },
  {
    when: "the timeout comes first",
    options: { timeoutMs: 1600 },
    sends: [0, 500, 1500],
    failsAt: 1600,
  },
  {
    when: "the timeout comes with a retransmission",
    options: { timeoutMs: 1500 },
    sends: [0, 500],
    failsAt: 1500,
  },
  {
    when: "the RTO is so long that the timeout comes first",
    options: { rtoMs: 50_000 },
    sends: [0],
    failsAt: 39_500,
  },
  {
    when: "the transport is reliable",
    options: { reliable: true },
    sends: [0],
    failsAt: 39_500,
  },
  {
    when: "the transport is reliable and the timeout given",
    options: { reliable: true, timeoutMs: 3000, rtoMs: 10, maxRequests: 5 },
    sends: [0],
    failsAt: 3000,
  },
];

for (const { when, options, sends, failsAt } of SCHEDULES) {
  for (const start of [0, 1_234_567.25]) {
    Deno.test(`ClientTransaction sends and fails at its times when ${when}, from ${start} ms`, () => {
      const transaction = transact(options);
      assertEquals(runToEnd(transaction, start), {
        sends: sends.map((at) => start + at),
        end: start + failsAt,
        outcome: { kind: "timed-out", attempts: sends.length, strays: 0 },
      });
    });
  }
}

Deno.test("ClientTransaction.wake() sends nothing before its time", () => {
  const transaction = transact();
  assertEquals(transaction.wake(0), REQUEST);
  for (const now of [0, 1, 499, 499.999]) assertEquals(transaction.wake(now), undefined);
  assertEquals(transaction.nextWake(), 500);
  assertEquals(transaction.wake(500), REQUEST);
});

Deno.test("ClientTransaction.wake() waits from when it was woken, however late that was", () => {
  const transaction = transact();
  transaction.wake(0);
  assertEquals(transaction.wake(700), REQUEST);
  assertEquals(transaction.nextWake(), 1700);
  assertEquals(transaction.wake(1699), undefined);
  assertEquals(transaction.wake(1700), REQUEST);
});

Deno.test("ClientTransaction.wake() gives up at once when it is woken after the timeout", () => {
  const transaction = transact();
  transaction.wake(0);
  assertEquals(transaction.wake(100_000), undefined);
  assertEquals(transaction.outcome, { kind: "timed-out", attempts: 1, strays: 0 });
});

Deno.test("ClientTransaction.nextWake() is in the past before the first wake", () => {
  assertEquals(transact().nextWake(), -Infinity);
});

Deno.test("ClientTransaction.receive() takes a success response", () => {
  const transaction = transact();
  transaction.wake(1000);
  assertEquals(transaction.receive(SUCCESS, SERVER, 1040), true);
  assertEquals(transaction.outcome, {
    kind: "answered",
    response: read(SUCCESS),
    source: SERVER,
    rttMs: 40,
    attempts: 1,
  });
  assertEquals(transaction.nextWake(), undefined);
});

Deno.test("ClientTransaction.receive() takes an error response", () => {
  const transaction = transact();
  transaction.wake(0);
  const bytes = answer({
    class: "error",
    attributes: [attribute(ERROR_CODE, { code: 420, reason: "" })],
  });
  assertEquals(transaction.receive(bytes, SERVER, 7), true);
  assertEquals(transaction.outcome, {
    kind: "answered",
    response: read(bytes),
    source: SERVER,
    rttMs: 7,
    attempts: 1,
  });
});

Deno.test("ClientTransaction.receive() counts the round trip from the last sending", () => {
  const transaction = transact();
  for (const now of [0, 500, 1500]) transaction.wake(now);
  assertEquals(transaction.receive(SUCCESS, SERVER, 1530), true);
  const { outcome } = transaction;
  assert(outcome?.kind === "answered");
  assertEquals([outcome.rttMs, outcome.attempts], [30, 3]);
});

Deno.test("ClientTransaction.receive() takes the answer until the very end", () => {
  const transaction = transact();
  for (const now of [0, 500, 1500, 3500, 7500, 15_500, 31_500]) transaction.wake(now);
  assertEquals(transaction.receive(SUCCESS, SERVER, 39_499), true);
  assertEquals(transaction.wake(39_500), undefined);
  assertEquals(transaction.outcome?.kind, "answered");
});

Deno.test("ClientTransaction.receive() takes an answer with a good FINGERPRINT", () => {
  const transaction = transact();
  transaction.wake(0);
  const bytes = encodeMessage({ class: "success", method: 1, transactionId: ID }, {
    fingerprint: true,
  });
  assertEquals(transaction.receive(bytes, SERVER, 1), true);
});

Deno.test("ClientTransaction.receive() pairs the 16 bytes of an RFC 3489 id", () => {
  const transaction = transact({ request: request([], { classic: true }) });
  transaction.wake(0);
  assertEquals(transaction.receive(answer({ transactionId: ID }), SERVER, 1), false);
  assertEquals(transaction.receive(answer({ transactionId: CLASSIC_ID }), SERVER, 1), true);
});

const badFingerprint = encodeMessage({ class: "success", method: 1, transactionId: ID }, {
  fingerprint: true,
});
badFingerprint[27]! ^= 1;
const STRAYS: readonly (readonly [what: string, bytes: Uint8Array, from?: string])[] = [
  ["is from another address", answer(), "198.51.100.2:3478"],
  ["is from another port", answer(), "198.51.100.1:3479"],
  ["is from IPv6", answer(), "[2001:db8::1]:3478"],
  ["has another id", answer({ transactionId: ID.map((byte) => byte ^ 1) })],
  ["has an id of RFC 3489", answer({ transactionId: CLASSIC_ID })],
  ["has a bad FINGERPRINT", badFingerprint],
  ["is the request itself", REQUEST],
  ["is an indication", answer({ class: "indication" })],
  ["is not STUN", Uint8Array.of(0x80, 1, 2, 3)],
  ["is empty", new Uint8Array(0)],
  ["has an attribute that overruns", overrunning()],
];

for (const [what, bytes, from] of STRAYS) {
  Deno.test(`ClientTransaction.receive() ignores and counts what ${what}`, () => {
    const transaction = transact({ timeoutMs: 100 });
    transaction.wake(0);
    const source = from === undefined ? SERVER : address(from);
    assertEquals(transaction.receive(bytes, source, 1), false);
    assertEquals(transaction.receive(bytes, source, 2), false);
    assertEquals(transaction.outcome, undefined);
    assertEquals(transaction.nextWake(), 100);
    transaction.wake(100);
    assertEquals(transaction.outcome, { kind: "timed-out", attempts: 1, strays: 2 });
  });

  Deno.test(`ClientTransaction.receive() takes the answer after what ${what}`, () => {
    const transaction = transact();
    transaction.wake(0);
    transaction.receive(bytes, from === undefined ? SERVER : address(from), 1);
    assertEquals(transaction.receive(SUCCESS, SERVER, 2), true);
  });
}

Deno.test("ClientTransaction.receive() takes nothing before the request was sent", () => {
  const transaction = transact();
  assertEquals(transaction.receive(SUCCESS, SERVER, 0), false);
  assertEquals(transaction.outcome, undefined);
  assertEquals(transaction.wake(0), REQUEST);
});

Deno.test("ClientTransaction does nothing after the answer", () => {
  const transaction = transact();
  transaction.wake(0);
  transaction.receive(SUCCESS, SERVER, 1);
  const { outcome } = transaction;
  assertEquals(transaction.wake(500), undefined);
  assertEquals(transaction.receive(answer({ class: "error" }), SERVER, 501), false);
  assertEquals(transaction.wake(50_000), undefined);
  assertEquals(transaction.outcome, outcome);
  assertEquals(transaction.nextWake(), undefined);
});

Deno.test("ClientTransaction does nothing after it has given up", () => {
  const transaction = transact();
  runToEnd(transaction, 0);
  const { outcome } = transaction;
  assertEquals(transaction.receive(SUCCESS, SERVER, 39_501), false);
  assertEquals(transaction.wake(40_000), undefined);
  assertEquals(transaction.outcome, outcome);
  assertEquals(transaction.nextWake(), undefined);
});

Deno.test("ClientTransaction keeps its answer when the buffer that it came in is used again", () => {
  const transaction = transact();
  transaction.wake(0);
  const buffer = new Uint8Array(2048);
  buffer.set(SUCCESS);
  assertEquals(transaction.receive(buffer.subarray(0, SUCCESS.length), SERVER, 1), true);
  buffer.fill(0xff);
  const { outcome } = transaction;
  assert(outcome?.kind === "answered");
  assertEquals(outcome.response, read(SUCCESS));
});

Deno.test("new ClientTransaction() throws when it is given no request", () => {
  for (
    const bytes of [new Uint8Array(0), SUCCESS, answer({ class: "indication" }), overrunning()]
  ) {
    assertThrows(
      () => transact({ request: bytes }),
      RangeError,
      "Cannot start a transaction: the bytes are not a STUN request",
    );
  }
});

Deno.test("new ClientTransaction() throws when a number is not above 0", () => {
  for (const name of ["rtoMs", "maxRequests", "lastWaitFactor", "timeoutMs"] as const) {
    for (const value of [0, -1, NaN]) {
      assertThrows(
        () => transact({ [name]: value }),
        RangeError,
        `Cannot start a transaction: ${name} is ${value}, wanted more than 0`,
      );
    }
  }
});

function transact(options: Partial<ClientTransactionOptions> = {}): ClientTransaction {
  return new ClientTransaction({ request: REQUEST, server: SERVER, reliable: false, ...options });
}

/** Wakes it at exactly the times that it names. */
function runToEnd(transaction: ClientTransaction, start: number): {
  readonly sends: readonly number[];
  readonly end: number;
  readonly outcome: TransactionOutcome | undefined;
} {
  const sends: number[] = [];
  let now = start;
  while (transaction.outcome === undefined) {
    const bytes = transaction.wake(now);
    if (bytes !== undefined) {
      assertEquals(bytes, REQUEST);
      sends.push(now);
    }
    const next = transaction.nextWake();
    if (next === undefined) break;
    assert(next > now, "time goes on");
    now = next;
  }
  return { sends, end: now, outcome: transaction.outcome };
}

function answer(message: Partial<MessageInit> = {}): Uint8Array {
  return encodeMessage({
    class: "success",
    method: 1,
    transactionId: ID,
    attributes: [attribute(XOR_MAPPED_ADDRESS, address("192.0.2.1:32853"))],
    ...message,
  });
}

function overrunning(): Uint8Array {
  const bytes = answer({ attributes: [raw(0x8022, "61616161")] });
  bytes[23] = 5;
  return bytes;
}

function read(bytes: Uint8Array): StunMessage {
  const message = decodeMessage(bytes);
  assert(message.ok);
  return message.value;
}
