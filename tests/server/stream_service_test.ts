import { assertEquals } from "@std/assert";
import { StunResponder } from "../../lib/protocol/mod.ts";
import { type StreamLimits, StreamService } from "../../lib/server/stream_service.ts";
import { AcceptError } from "../../lib/transport/mod.ts";
import { request } from "../protocol/binding_cases.ts";
import { type MemoryLogger, memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { FakeConnection, FakeListener } from "./fake_stream.ts";

Deno.test("StreamService refuses new connections at the cap and keeps the held ones", async () => {
  const { service, listener, logger } = serve({ maxConnections: 3 });
  const held = await admit(listener, ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]);
  const refused = await admit(listener, ["192.0.2.4:1", "192.0.2.5:1"]);
  assertEquals(refused.map(({ events }) => events), [["close"], ["close"]]);
  assertEquals(service.connections, 3);
  for (const connection of held) await answers(connection);
  assertEquals(logger.lines, [
    ["warn", "connection refused: too many connections", { limit: 3 }],
  ]);
  await service.close();
});

Deno.test("StreamService refuses new connections of one address at its cap", async () => {
  const { service, listener, logger } = serve({ maxConnectionsPerAddress: 2 });
  const held = await admit(listener, ["192.0.2.1:1", "192.0.2.1:2"]);
  const refused = await admit(listener, ["192.0.2.1:3"]);
  const others = await admit(listener, ["192.0.2.2:1", "[2001:db8::1]:1"]);
  assertEquals(refused.map(({ closed }) => closed), [true]);
  assertEquals(service.connections, 4);
  for (const connection of [...held, ...others]) await answers(connection);
  assertEquals(logger.lines, [
    ["warn", "connection refused: too many connections of one address", { limit: 2 }],
  ]);
  await service.close();
});

Deno.test("StreamService counts an IPv6 /64 as one address", async () => {
  const { service, listener } = serve({ maxConnectionsPerAddress: 2 });
  const connections = await admit(listener, [
    "[2001:db8:0:1::1]:1",
    "[2001:db8:0:1:ffff::2]:1",
    "[2001:db8:0:1::3]:1",
    "[2001:db8:0:2::1]:1",
  ]);
  assertEquals(connections.map(({ closed }) => closed), [false, false, true, false]);
  await service.close();
});

Deno.test("StreamService gives the place of a connection that has ended to the next", async () => {
  const { service, listener } = serve({ maxConnections: 2, maxConnectionsPerAddress: 1 });
  for (let i = 0; i < 10; i++) {
    const [first, second] = await admit(listener, ["192.0.2.1:1", "192.0.2.2:1"]);
    assertEquals([first!.closed, second!.closed, service.connections], [false, false, 2]);
    const ended = [first!, second!].map((connection) => connection.give(undefined));
    assertEquals(ended.length, 2);
    while (service.connections > 0) await Promise.resolve();
  }
  await service.close();
});

Deno.test("StreamService closes connections that do nothing, and only those", async () => {
  const { service, listener, clock } = serve();
  const [idle, busy] = await admit(listener, ["192.0.2.1:1", "192.0.2.2:1"]);
  clock.advance(9000);
  await answers(busy!);
  clock.advance(2000);
  assertEquals([idle!.closed, busy!.closed], [true, false]);
  clock.advance(9000);
  assertEquals(busy!.closed, true);
  await service.close();
});

Deno.test("StreamService closes a connection whose client takes no answers", async () => {
  const { service, listener, clock } = serve();
  const [deaf, other] = await admit(listener, ["192.0.2.1:1", "192.0.2.2:1"]);
  deaf!.stopTaking();
  deaf!.give(request());
  await deaf!.untilWriting();
  clock.advance(4000);
  assertEquals(deaf!.closed, false);
  await answers(other!);
  clock.advance(1000);
  assertEquals([deaf!.closed, other!.closed], [true, false]);
  await service.close();
});

Deno.test("StreamService accepts again a moment after it could not", async () => {
  const { service, listener, clock, logger } = serve();
  const [held] = await admit(listener, ["192.0.2.1:1"]);
  listener.give(
    new AcceptError("Cannot accept a connection: no file descriptor", {
      code: "EMFILE",
      transient: true,
    }),
  );
  await clock.untilTimer(100);
  const waiting = new FakeConnection("192.0.2.2:1");
  listener.give(waiting);
  await answers(held!);
  assertEquals(service.connections, 1);
  clock.advance(100);
  await waiting.untilReading();
  await answers(waiting);
  assertEquals(service.connections, 2);
  assertEquals(logger.lines, [[
    "warn",
    "cannot accept connections",
    { error: "Cannot accept a connection: no file descriptor" },
  ]]);
  await service.close();
});

Deno.test("StreamService warns once a minute however often it cannot accept", async () => {
  const { service, listener, clock, logger } = serve();
  for (let i = 0; i < 700; i++) {
    await listener.untilAccepting();
    listener.give(new AcceptError("Cannot accept", { code: "EMFILE", transient: true }));
    await clock.untilTimer(clock.now() + 100);
    clock.advance(100);
  }
  assertEquals(logger.lines, [
    ["warn", "cannot accept connections", { error: "Cannot accept" }],
    ["warn", "cannot accept connections", { error: "Cannot accept", suppressed: 599 }],
  ]);
  await service.close();
});

Deno.test("StreamService holds its connections when the listener is gone for good", async () => {
  const { service, listener, clock } = serve();
  const [held] = await admit(listener, ["192.0.2.1:1"]);
  listener.give(new AcceptError("Cannot accept: gone", { code: "EBADF", transient: false }));
  await answers(held!);
  assertEquals(clock.timers, [1000], "no more than the sweep");
  await service.close();
});

Deno.test("StreamService.close() ends the wait for a better moment to accept", async () => {
  const { service, listener, clock } = serve();
  await listener.untilAccepting();
  listener.give(new AcceptError("Cannot accept", { code: "EMFILE", transient: true }));
  await clock.untilTimer(100);
  await service.close();
  assertEquals(clock.timers, []);
});

Deno.test("StreamService.close() closes the listener and idle connections, and leaves no timer", async () => {
  const { service, listener, clock } = serve();
  const held = await admit(listener, ["192.0.2.1:1", "192.0.2.2:1"]);
  await Promise.all([service.close(), service.close()]);
  await service.close();
  assertEquals(listener.closed, true);
  assertEquals(held.map(({ closed }) => closed), [true, true]);
  assertEquals(service.connections, 0);
  assertEquals(clock.timers, []);
});

Deno.test("StreamService.close() waits for answers that are under way", async () => {
  const { service, listener, clock } = serve();
  const [slow] = await admit(listener, ["192.0.2.1:1"]);
  slow!.stopTaking();
  slow!.give(request());
  await slow!.untilWriting();
  const closed = service.close();
  assertEquals(slow!.closed, false);
  slow!.resumeTaking();
  slow!.give(undefined);
  await closed;
  assertEquals(slow!.events, ["write 32", "fin", "close"]);
  assertEquals(clock.timers, []);
});

Deno.test("StreamService.close() waits five seconds for a client that takes no answer", async () => {
  const { service, listener, clock } = serve();
  const [deaf] = await admit(listener, ["192.0.2.1:1"]);
  deaf!.stopTaking();
  deaf!.give(request());
  await deaf!.untilWriting();
  const closed = service.close();
  clock.advance(4999);
  assertEquals(deaf!.closed, false);
  clock.advance(1);
  await closed;
  assertEquals(deaf!.events, ["write 32", "close"]);
});

interface Serving {
  readonly service: StreamService;
  readonly listener: FakeListener;
  readonly clock: VirtualClock;
  readonly logger: MemoryLogger;
}

function serve(limits: Partial<StreamLimits> = {}): Serving {
  const listener = new FakeListener();
  const clock = new VirtualClock();
  const logger = memoryLogger();
  const service = new StreamService({
    groups: [[{ transport: "tcp", role: "primary", socket: listener }]],
    policy: {
      responder: new StunResponder(),
      limits: {
        maxConnections: 100,
        maxConnectionsPerAddress: 100,
        maxMessageBytes: 2048,
        timeouts: { idleMs: 10_000, partialMs: 5000, writeMs: 5000 },
        ...limits,
      },
      proxies: [],
    },
    clock,
    logger,
  });
  service.start();
  return { service, listener, clock, logger };
}

/** Connects from these addresses, and waits until each is served or refused. */
async function admit(
  listener: FakeListener,
  addresses: readonly string[],
): Promise<FakeConnection[]> {
  const connections = addresses.map((text) => new FakeConnection(text));
  await listener.untilAccepting();
  listener.give(...connections);
  await listener.untilAccepting();
  return connections;
}

/** Asks on a connection and waits for the answer. */
async function answers(connection: FakeConnection): Promise<void> {
  const before = connection.writes.length;
  connection.give(request());
  while (connection.writes.length === before) await Promise.resolve();
  await connection.untilReading();
}
