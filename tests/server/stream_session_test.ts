import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import { StunResponder } from "../../lib/protocol/mod.ts";
import { AnswerRooms } from "../../lib/server/answer_room.ts";
import { LatencySampler } from "../../lib/server/latency_sampler.ts";
import { StreamSession } from "../../lib/server/stream_session.ts";
import { ConnectionError } from "../../lib/transport/mod.ts";
import { encodeMessage } from "../../lib/wire/mod.ts";
import { ID, raw, request } from "../protocol/binding_cases.ts";
import { type MemoryLogger, memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { FakeConnection } from "./fake_stream.ts";

const IDLE_MS = 600_000;
const PARTIAL_MS = 30_000;
const WRITE_MS = 20_000;

Deno.test("StreamSession.run() answers all messages of one read in order in one write", async () => {
  const { connection, running } = serve();
  const requests = [1, 2, 3, 4, 5].map(numbered);
  connection.give(concat(requests), undefined);
  await running;
  assertEquals(connection.events, ["write 160", "fin", "close"]);
  assertEquals(connection.written, answersTo(requests));
});

Deno.test("StreamSession.run() answers the same however the stream is cut", async () => {
  const requests = Array.from({ length: 12 }, (_, i) => numbered(i, 4 * (i % 5)));
  const stream = concat(requests);
  const cuts = fc.array(fc.nat(stream.length), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const { connection, running } = serve();
      const at = [0, ...places.toSorted((a, b) => a - b), stream.length];
      const chunks = at.slice(1).map((end, i) => stream.subarray(at[i], end));
      connection.give(...chunks.filter(({ length }) => length > 0), undefined);
      await running;
      assertEquals(connection.written, answersTo(requests));
      assertEquals(connection.events.slice(-2), ["fin", "close"]);
    }),
    { numRuns: 50 },
  );
});

Deno.test("StreamSession.run() answers what is plain and what is not in order, as handle() does", async () => {
  const { connection, running } = serve();
  const general = new StunResponder();
  const requests = Array.from({ length: 40 }, (_, i) => {
    if (i % 3 === 1) return request([raw(0x7777, "")], { transactionId: ID.with(11, i) });
    if (i % 5 === 2) return encodeMessage({ class: "indication", method: 1, transactionId: ID });
    return numbered(i);
  });
  connection.give(concat(requests), undefined);
  await running;
  const answers = requests.flatMap((bytes) => {
    const endpoint = { transport: "tcp", role: "primary" } as const;
    const source = connection.remoteAddress;
    const reply = general.handle({ bytes, source, endpoint, now: 0, wallTime: 0 });
    return reply === undefined ? [] : [reply.bytes];
  });
  assertEquals(connection.written, concat(answers).toHex());
  assertEquals(connection.events, [`write ${concat(answers).length}`, "fin", "close"]);
});

Deno.test("StreamSession.run() writes again when one read asks for more than 32 KiB", async () => {
  const { connection, running } = serve();
  const requests = Array.from({ length: 3000 }, (_, i) => numbered(i & 0xff));
  connection.give(concat(requests), undefined);
  await running;
  assertEquals(connection.events, [
    ...["write 32768", "write 32768", "write 30464"],
    ...["fin", "close"],
  ]);
  assertEquals(connection.written, answersTo(requests));
});

Deno.test("StreamSession.run() takes samples of how long answers take", async () => {
  const samples: number[] = [];
  const { connection, running } = serve({ observe: (seconds) => samples.push(seconds) });
  connection.give(concat([1, 2].map((id) => numbered(id))), numbered(3), undefined);
  await running;
  assertEquals(samples, [0]);
});

Deno.test("StreamSession.run() writes nothing when no message wants an answer", async () => {
  const { connection, running } = serve();
  connection.give(encodeMessage({ class: "indication", method: 1, transactionId: ID }), undefined);
  await running;
  assertEquals(connection.events, ["fin", "close"]);
});

Deno.test("StreamSession.run() answers what came before the FIN, then sends its own", async () => {
  const { connection, running } = serve();
  connection.give(numbered(1));
  connection.give(concat([numbered(2), numbered(3).subarray(0, 7)]), undefined);
  await running;
  assertEquals(connection.events, ["write 32", "write 32", "fin", "close"]);
  assertEquals(connection.written, answersTo([numbered(1), numbered(2)]));
});

Deno.test("StreamSession.run() answers what came before garbage, then closes", async () => {
  const { connection, running, logger } = serve();
  connection.give(concat([numbered(1), numbered(2), Uint8Array.of(0x47, 0x45, 0x54)]));
  await running;
  assertEquals(connection.events, ["write 64", "fin", "close"]);
  assertEquals(connection.written, answersTo([numbered(1), numbered(2)]));
  assertEquals(logger.lines.filter(([level]) => level !== "debug"), []);
});

Deno.test("StreamSession.run() closes when a message is longer than the cap", async () => {
  const { connection, running } = serve();
  connection.give(request([raw(0x8022, "00".repeat(2048 - 24))]));
  await connection.untilReading();
  assertEquals(connection.events, ["write 32"]);
  connection.give(request([raw(0x8022, "00".repeat(2048 - 20))]).subarray(0, 4));
  await running;
  assertEquals(connection.events, ["write 32", "fin", "close"]);
});

Deno.test("StreamSession.run() reads no more while the client takes no answer", async () => {
  const { connection, running } = serve();
  connection.stopTaking();
  connection.give(numbered(1), numbered(2), undefined);
  await connection.untilWriting();
  assertEquals(connection.events, ["write 32"]);
  connection.resumeTaking();
  await running;
  assertEquals(connection.events, ["write 32", "write 32", "fin", "close"]);
  assertEquals(connection.written, answersTo([numbered(1), numbered(2)]));
});

Deno.test("StreamSession.run() ends quietly when the connection breaks", async () => {
  const { connection, running, logger } = serve();
  connection.give(new ConnectionError("Cannot read: reset", { code: "reset" }));
  await running;
  assertEquals(connection.events, ["close"]);
  assertEquals(logger.lines, [["debug", "connection lost", { error: "Cannot read: reset" }]]);
});

Deno.test("StreamSession.run() closes when its FIN cannot be sent", async () => {
  const { connection, running, logger } = serve();
  connection.breakAtFin();
  connection.give(undefined);
  await running;
  assertEquals(connection.events, ["fin", "close"]);
  assertEquals(logger.lines, [["debug", "connection lost", { error: "Cannot end: reset" }]]);
});

Deno.test("StreamSession.run() closes and says so when the responder throws", async () => {
  const { connection, running, logger } = serve({ responder: new BrokenResponder() });
  connection.give(numbered(1));
  await running;
  assertEquals(connection.events, ["close"]);
  assertEquals(logger.lines, [["error", "connection failed", { error: "a mistake of ours" }]]);
});

Deno.test("StreamSession.expire() closes when nothing came within the idle timeout", async () => {
  const { connection, session, running, clock } = serve();
  clock.advance(IDLE_MS - 1);
  assertEquals(session.expire(clock.now()), false);
  assertEquals(connection.closed, false);
  clock.advance(1);
  assertEquals(session.expire(clock.now()), true);
  await running;
  assertEquals(connection.closed, true);
});

for (
  const [what, message] of [
    ["request", numbered(1)],
    ["indication", encodeMessage({ class: "indication", method: 1, transactionId: ID })],
  ] as const
) {
  Deno.test(`StreamSession.expire() counts the idle timeout from the last ${what}, at any age`, async () => {
    const { connection, session, running, clock } = serve();
    for (let i = 0; i < 100; i++) {
      clock.advance(IDLE_MS - 1);
      assertEquals(session.expire(clock.now()), false);
      connection.give(message);
      await connection.untilReading();
    }
    clock.advance(IDLE_MS - 1);
    assertEquals(session.expire(clock.now()), false);
    clock.advance(1);
    assertEquals(session.expire(clock.now()), true);
    await running;
  });
}

Deno.test("StreamSession.expire() gives a message that has begun one partial timeout", async () => {
  const { connection, session, running, clock } = serve();
  const bytes = numbered(1);
  clock.advance(1000);
  for (let i = 0; i < 10; i++) {
    connection.give(bytes.subarray(i, i + 1));
    await connection.untilReading();
    assertEquals(session.expire(clock.now()), false);
    clock.advance(PARTIAL_MS / 10);
  }
  assertEquals(session.expire(clock.now() - 1), false);
  assertEquals(session.expire(clock.now()), true);
  await running;
  assertEquals(connection.events, ["close"]);
});

Deno.test("StreamSession.expire() gives the next message a partial timeout of its own", async () => {
  const { connection, session, running, clock } = serve();
  for (let i = 0; i < 20; i++) {
    // The end of one message and the beginning of the next, ten seconds after the last
    connection.give(concat([numbered(i).subarray(i === 0 ? 0 : 5), numbered(i).subarray(0, 5)]));
    await connection.untilReading();
    clock.advance(PARTIAL_MS - 1);
    assertEquals(session.expire(clock.now()), false);
  }
  clock.advance(1);
  assertEquals(session.expire(clock.now()), true);
  await running;
});

Deno.test("StreamSession.expire() goes back to the idle timeout when a message is complete", async () => {
  const { connection, session, running, clock } = serve();
  connection.give(numbered(1).subarray(0, 3));
  await connection.untilReading();
  clock.advance(PARTIAL_MS - 1);
  connection.give(numbered(1).subarray(3));
  await connection.untilReading();
  clock.advance(IDLE_MS - 1);
  assertEquals(session.expire(clock.now()), false);
  clock.advance(1);
  assertEquals(session.expire(clock.now()), true);
  await running;
});

Deno.test("StreamSession.expire() closes when the client takes no answer in time", async () => {
  const { connection, session, running, clock, logger } = serve();
  connection.stopTaking();
  connection.give(numbered(1));
  await connection.untilWriting();
  clock.advance(WRITE_MS - 1);
  assertEquals(session.expire(clock.now()), false);
  clock.advance(1);
  assertEquals(session.expire(clock.now()), true);
  await running;
  assertEquals(connection.events, ["write 32", "close"]);
  assertEquals(logger.lines, [["debug", "connection lost", { error: "Cannot write: closed" }]]);
});

Deno.test("StreamSession.stop() closes at once when nothing is to be answered", async () => {
  const { connection, session, running } = serve();
  await connection.untilReading();
  session.stop();
  await running;
  assert(connection.closed);
  assertEquals(connection.writes, []);
});

Deno.test("StreamSession.stop() lets what was read be answered, and answers no more", async () => {
  const { connection, session, running } = serve();
  connection.stopTaking();
  connection.give(numbered(1), numbered(2));
  await connection.untilWriting();
  session.stop();
  assertEquals(connection.closed, false);
  connection.resumeTaking();
  connection.give(undefined);
  await running;
  assertEquals(connection.events, ["write 32", "fin", "close"]);
  assertEquals(connection.written, answersTo([numbered(1)]));
});

Deno.test("StreamSession.stop() waits half a second for a client that goes on asking", async () => {
  const { connection, session, running, clock } = serve();
  connection.stopTaking();
  connection.give(numbered(1), numbered(2));
  await connection.untilWriting();
  session.stop();
  connection.resumeTaking();
  await clock.untilTimer(500);
  assertEquals(connection.closed, false);
  clock.advance(500);
  await running;
  assertEquals(connection.events, ["write 32", "fin", "close"]);
  assertEquals(clock.timers, []);
});

interface Serving {
  readonly connection: FakeConnection;
  readonly session: StreamSession;
  readonly running: Promise<void>;
  readonly clock: VirtualClock;
  readonly logger: MemoryLogger;
}

function serve(
  { responder = new StunResponder(), observe = () => {} }: {
    responder?: StunResponder;
    observe?: (seconds: number) => void;
  } = {},
): Serving {
  const connection = new FakeConnection();
  const clock = new VirtualClock();
  const logger = memoryLogger();
  const session = new StreamSession({ connection }, {
    endpoint: { transport: "tcp", role: "primary" },
    responder,
    timeouts: { idleMs: IDLE_MS, partialMs: PARTIAL_MS, writeMs: WRITE_MS },
    maxMessageBytes: 2048,
    dialBack: () => Promise.resolve("unsupported"),
    rooms: new AnswerRooms(),
    traffic: { received: 0, sent: 0 },
    latency: new LatencySampler({ observe, clock }),
    clock,
    logger,
  });
  return { connection, session, running: session.run(), clock, logger };
}

/** A request whose id ends in this byte, with so many bytes of SOFTWARE. */
function numbered(number: number, softwareBytes = 0): Uint8Array {
  const transactionId = ID.slice();
  transactionId[11] = number;
  const attributes = softwareBytes === 0 ? [] : [raw(0x8022, "61".repeat(softwareBytes))];
  return request(attributes, { transactionId });
}

function answersTo(requests: readonly Uint8Array[]): string {
  return requests.map((bytes) =>
    // The id is XOR'ed into no IPv4 address, so only the header differs
    `0101000c${bytes.subarray(4, 20).toHex()}00200008` + "0001a147e112a643"
  ).join("");
}

class BrokenResponder extends StunResponder {
  override answerPlain(): number {
    throw new TypeError("a mistake of ours");
  }
}
