import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect as connectNode } from "node:net";
import {
  ConnectionError,
  connectTcp,
  listenTcp,
  type StreamConnection,
} from "../../lib/transport/mod.ts";
import { StreamForward, type StreamForwardOptions } from "../../lib/traversal/mod.ts";
import { FakeConnection } from "../server/fake_stream.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

Deno.test("StreamForward carries bytes both ways and counts them", async () => {
  const [one, other, forward] = join();
  one.give(bytes(3));
  other.give(bytes(5), bytes(4));
  await Promise.all([one.untilReading(), other.untilReading()]);
  assertEquals([one.events, other.events], [["write 5", "write 4"], ["write 3"]]);
  assertEquals([forward.thereBytes, forward.backBytes], [3, 9]);
  one.close();
  other.close();
  await forward.ended;
});

for (const first of [0, 1] as const) {
  Deno.test(`StreamForward passes the FIN of side ${first} on, and carries what the other says afterwards`, async () => {
    const [one, other, forward] = join();
    const [early, late] = first === 0 ? [one, other] : [other, one];
    early.give(bytes(2), undefined);
    await late.untilReading();
    while (!late.events.includes("fin")) await Promise.resolve();
    assertEquals([late.events, early.events], [["write 2", "fin"], []]);
    late.give(bytes(7), undefined);
    assertEquals(await forward.ended, "finished");
    assertEquals(late.events, ["write 2", "fin", "close"]);
    assertEquals(early.events, ["write 7", "fin", "close"]);
  });
}

for (const side of [0, 1] as const) {
  Deno.test(`StreamForward closes both when side ${side} breaks`, async () => {
    const [one, other, forward] = join();
    [one, other][side]!.give(new ConnectionError("Cannot read: reset", { code: "reset" }));
    assertEquals(await forward.ended, "broken");
    assertEquals([one.events, other.events], [["close"], ["close"]]);
  });
}

Deno.test("StreamForward reads on only when what it has read is written", async () => {
  const [one, other, forward] = join();
  other.stopTaking();
  one.give(bytes(10), bytes(20));
  await other.untilWriting();
  // Long enough for a second write, were there one
  for (let turns = 0; turns < 50; turns++) await Promise.resolve();
  assertEquals([other.events, forward.thereBytes], [["write 10"], 0]);
  other.resumeTaking();
  await one.untilReading();
  assertEquals([other.events, forward.thereBytes], [["write 10", "write 20"], 30]);
  one.close();
  other.close();
  await forward.ended;
});

Deno.test("StreamForward delivers what one side had answered before it took no more", async () => {
  const [one, other, forward] = join();
  other.stopTaking();
  one.give(bytes(10));
  await other.untilWriting();
  other.breakWrite();
  other.give(bytes(6), undefined);
  assertEquals(await forward.ended, "broken");
  assertEquals(one.events, ["write 6", "fin", "close"]);
});

Deno.test("StreamForward waits for the first one as long as it speaks, once the second has said all", async () => {
  const clock = new VirtualClock();
  const [one, other, forward] = join({ linger: { ms: 60_000, clock } });
  other.give(undefined);
  await clock.untilTimer(60_000);
  clock.advance(50_000);
  one.give(bytes(5));
  await one.untilReading();
  clock.advance(10_000);
  assertEquals([one.events, clock.timers], [["fin"], [120_000]]);
  clock.advance(60_000);
  assertEquals(await forward.ended, "idle");
  assertEquals([one.events, other.events], [["fin", "close"], ["write 5", "close"]]);
  assertEquals(clock.timers, []);
});

Deno.test("StreamForward waits for the second one as long as it likes, once the first has said all", async () => {
  const clock = new VirtualClock();
  const [one, other, forward] = join({ linger: { ms: 60_000, clock } });
  one.give(undefined);
  while (!other.events.includes("fin")) await Promise.resolve();
  clock.advance(3_600_000);
  other.give(bytes(5), undefined);
  assertEquals([await forward.ended, one.events], ["finished", ["write 5", "fin", "close"]]);
  assertEquals(clock.timers, []);
});

Deno.test("StreamForward closes both when it is aborted, in whatever it is doing", async () => {
  const stop = new AbortController();
  const [one, other, forward] = join({ signal: stop.signal });
  other.stopTaking();
  one.give(bytes(10));
  await other.untilWriting();
  stop.abort();
  assertEquals(await forward.ended, "aborted");
  assertEquals([one.events, other.events], [["close"], ["write 10", "close"]]);
});

Deno.test("StreamForward closes both when it was aborted beforehand", async () => {
  const [one, other, forward] = join({ signal: AbortSignal.abort() });
  assertEquals(await forward.ended, "aborted");
  assertEquals([one.events, other.events], [["close"], ["close"]]);
});

leakTest(
  "StreamForward carries 64 MB each way at a time over TCP, and ends with both FINs",
  async () => {
    await using relay = await TcpRelay.open();
    const { client, service, forward } = relay;
    const sizes = [64, 48].map((mb) => mb * 1024 * 1024) as [number, number];
    const [up, down, atService, atClient] = await Promise.all([
      sendPattern(client, sizes[0]),
      sendPattern(service, sizes[1]),
      digest(service),
      digest(client),
    ]);
    assertEquals([atService, atClient], [up, down]);
    assertEquals(await forward.ended, "finished");
    assertEquals([forward.thereBytes, forward.backBytes], sizes);
  },
);

leakTest(
  "StreamForward makes a writer wait for a reader over TCP, with memory that does not grow",
  async () => {
    await using relay = await TcpRelay.open();
    const { client, service, forward } = relay;
    const size = 64 * 1024 * 1024;
    let written = 0;
    const sending = (async () => {
      const chunk = new Uint8Array(1024 * 1024);
      for (; written < size; written += chunk.length) await client.write(chunk);
      await client.closeWrite();
    })();
    // The service reads nothing: what goes in is what the sockets on the way hold
    let before = -1;
    for (; before !== written; await turn()) before = written;
    assert(written < size, `${written} bytes were taken though nobody read them`);
    let found = 0;
    for (let chunk = await service.read(); chunk !== undefined; chunk = await service.read()) {
      found += chunk.length;
    }
    await sending;
    await service.closeWrite();
    assertEquals([found, await forward.ended], [size, "finished"]);
  },
);

leakTest("StreamForward passes a reset over TCP on as a close", async () => {
  await using relay = await TcpRelay.open({ reset: true });
  const { service, forward, reset } = relay;
  reset();
  assertEquals(await forward.ended, "broken");
  assertEquals(await service.read().catch((error) => error.code), undefined);
});

leakTest("StreamForward closes both ends over TCP when it is aborted", async () => {
  const stop = new AbortController();
  await using relay = await TcpRelay.open({ signal: stop.signal });
  const { client, service, forward } = relay;
  await client.write(bytes(3));
  assertEquals((await service.read())?.length, 3);
  stop.abort();
  assertEquals(await forward.ended, "aborted");
  assertEquals([await client.read(), await service.read()], [undefined, undefined]);
});

function join(
  options: StreamForwardOptions = {},
): [FakeConnection, FakeConnection, StreamForward] {
  const [one, other] = [new FakeConnection(), new FakeConnection("127.0.0.1:8080")];
  return [one, other, new StreamForward(one, other, options)];
}

function bytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(length);
}

/** A client and a service on loopback, joined by the forward under test. */
class TcpRelay implements AsyncDisposable {
  private constructor(
    readonly client: StreamConnection,
    readonly service: StreamConnection,
    readonly forward: StreamForward,
    readonly reset: () => void,
  ) {}

  static async open(
    { signal, reset = false }: { signal?: AbortSignal; reset?: boolean } = {},
  ): Promise<TcpRelay> {
    const ip = Uint8Array.of(127, 0, 0, 1);
    const [front, back] = [listenTcp({ ip, port: 0 }), listenTcp({ ip, port: 0 })];
    const socket = reset ? connectNode(front.localAddress.port, "127.0.0.1") : undefined;
    const [client, accepted, dialled, service] = await Promise.all([
      socket === undefined ? connectTcp(front.localAddress) : once(socket, "connect"),
      front.accept(),
      connectTcp(back.localAddress),
      back.accept(),
    ]);
    front.close();
    back.close();
    return new TcpRelay(
      client as StreamConnection,
      service!,
      new StreamForward(accepted!, dialled, { signal }),
      () => socket?.resetAndDestroy(),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if ("close" in this.client) this.client.close();
    this.service.close();
    await this.forward.ended;
  }
}

/** Sends bytes that do not repeat themselves, and FIN; gives their checksum. */
async function sendPattern(to: StreamConnection, size: number): Promise<string> {
  const chunk = new Uint8Array(65_536);
  const words = new Uint32Array(chunk.buffer);
  const hash = createHash("sha256");
  for (let sent = 0; sent < size; sent += chunk.length) {
    for (let i = 0; i < words.length; i++) words[i] = Math.imul(sent + i, 0x9e3779b1);
    hash.update(chunk);
    await to.write(chunk);
  }
  await to.closeWrite();
  return hash.digest("hex");
}

async function digest(from: StreamConnection): Promise<string> {
  const hash = createHash("sha256");
  for (let chunk = await from.read(); chunk !== undefined; chunk = await from.read()) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}

/** A turn of the event loop, with time for the sockets. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}
