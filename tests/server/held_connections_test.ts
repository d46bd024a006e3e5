import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import { libcIo } from "../../lib/transport/_libc.ts";
import { chooseStreamIo, type StreamIo } from "../../lib/transport/mod.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { raw, request } from "../protocol/binding_cases.ts";
import { bindingRequest, readMessage } from "../support/binding_request.ts";
import { leakTest } from "../support/leak_test.ts";
import { memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const WAYS = [
  await chooseStreamIo("deno"),
  ...libcIo().available ? [await chooseStreamIo("epoll")] : [],
];

everyWay("StunServer answers requests in order however the stream is cut", async (serve) => {
  const { server, connect } = serve();
  const requests = Array.from({ length: 40 }, (_, i) => numbered(i, 4 * (i % 7)));
  const stream = concat(requests);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(stream.length), { maxLength: 20 }),
      fc.boolean(),
      async (places, slow) => {
        const client = await connect();
        const at = [0, ...places.toSorted((a, b) => a - b), stream.length];
        const reading = readAll(client);
        for (const [i, end] of at.slice(1).entries()) {
          await writeAll(client, stream.subarray(at[i], end));
          // A turn of the event loop, so that the server may read what there is
          if (slow) await new Promise((resolve) => setTimeout(resolve, 0));
        }
        await client.closeWrite();
        assertEquals(idsOf(await reading), requests.map(idOf));
        client.close();
      },
    ),
    { numRuns: 15 },
  );
  await server.close();
});

everyWay(
  "StunServer answers what came before the client's FIN, then ends the stream",
  async (serve) => {
    const { server, connect } = serve();
    const client = await connect();
    await writeAll(client, concat([numbered(1), numbered(2), numbered(3).subarray(0, 11)]));
    await client.closeWrite();
    assertEquals(idsOf(await readAll(client)), [numbered(1), numbered(2)].map(idOf));
    client.close();
    await server.close();
  },
);

everyWay("StunServer closes the connection that sends garbage, and no other", async (serve) => {
  const { server, connect } = serve();
  const [bad, good] = [await connect(), await connect()];
  await writeAll(bad, concat([numbered(1), new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")]));
  assertEquals(idsOf(await readAll(bad)), [idOf(numbered(1))]);
  assertEquals(idsOf([await exchange(good, numbered(2))]), [idOf(numbered(2))]);
  bad.close();
  good.close();
  await server.close();
});

everyWay("StunServer goes on when a client vanishes in the middle of a message", async (serve) => {
  const { server, connect } = serve();
  const good = await connect();
  for (let i = 0; i < 20; i++) {
    const gone = await connect();
    await writeAll(gone, concat([numbered(i), numbered(i).subarray(0, 13)]));
    gone.close();
  }
  assertEquals(idsOf([await exchange(good, numbered(99))]), [idOf(numbered(99))]);
  good.close();
  await server.close();
});

everyWay("StunServer holds a connection that is used, whatever its age", async (serve) => {
  const { server, connect, clock } = serve({ idleTimeoutMs: 10_000 });
  const client = await connect();
  for (let i = 0; i < 50; i++) {
    assertEquals(idsOf([await exchange(client, numbered(i))]), [idOf(numbered(i))]);
    clock.advance(9000);
  }
  assertEquals(server.connections, 1);
  clock.advance(2000);
  assertEquals(await readAll(client), []);
  client.close();
  await server.close();
});

everyWay(
  "StunServer holds an idle connection for ten minutes unless it is told otherwise",
  async (serve) => {
    const { server, connect, clock } = serve();
    const client = await connect();
    await exchange(client, numbered(1));
    clock.advance(599_000);
    await exchange(client, numbered(2));
    clock.advance(599_000);
    await exchange(client, numbered(3));
    clock.advance(601_000);
    assertEquals(await readAll(client), []);
    client.close();
    await server.close();
  },
);

everyWay("StunServer gives a message that comes byte by byte half a minute", async (serve) => {
  const { server, connect, clock } = serve();
  const client = await connect();
  await exchange(client, numbered(0));
  // So long a message that a byte a second would keep the connection for a quarter of an hour
  const bytes = numbered(1, 1000);
  const begun = clock.now();
  for (const byte of bytes) {
    if (server.connections === 0) break;
    await client.write(Uint8Array.of(byte)).catch(() => {});
    // A turn of the event loop, so that the server reads it
    await new Promise((resolve) => setTimeout(resolve, 0));
    clock.advance(1000);
    // Another, so that it can close
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const lasted = clock.now() - begun;
  assert(lasted >= 30_000 && lasted < 40_000, `it lasted ${lasted} ms`);
  client.close();
  await server.close();
});

everyWay("StunServer closes a client that asks and never reads", async (serve) => {
  const { server, connect, clock } = serve();
  const client = await connect();
  const many = concat(Array.from({ length: 800 }, (_, i) => numbered(i % 256)));
  const writing = assertRejects(async () => {
    for (;;) await client.write(many);
  });
  let over = false;
  writing.finally(() => over = true).catch(() => {});
  // Real time fills the buffers, virtual time runs out: each write that succeeds starts it anew
  while (!over) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    clock.advance(1000);
  }
  await writing;
  client.close();
  while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await server.close();
});

everyWay("StunServer refuses connections at the cap and serves the held ones", async (serve) => {
  const { server, connect, logger } = serve({ maxConnections: 3 });
  const held = [await connect(), await connect(), await connect()];
  for (const client of held) await exchange(client, numbered(1));
  const refused = await connect();
  assertEquals(await readAll(refused), []);
  assertEquals(server.connections, 3);
  for (const client of held) await exchange(client, numbered(2));
  held[0]!.close();
  while (server.connections > 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const next = await connect();
  await exchange(next, numbered(3));
  assertEquals(logger.lines.filter(([level]) => level === "warn"), [
    ["warn", "connection refused: too many connections", { limit: 3 }],
  ]);
  for (const client of [...held.slice(1), refused, next]) client.close();
  await server.close();
});

everyWay("StunServer refuses connections of one address at its cap", async (serve) => {
  const { server, connect } = serve({ maxConnectionsPerAddress: 1, hostnames: ["::"] });
  const ipv4 = await connect("127.0.0.1");
  await exchange(ipv4, numbered(1));
  const refused = await connect("127.0.0.1");
  assertEquals(await readAll(refused), []);
  const ipv6 = await connect("::1");
  await exchange(ipv6, numbered(2));
  await exchange(ipv4, numbered(3));
  for (const client of [ipv4, ipv6, refused]) client.close();
  await server.close();
});

everyWay("StunServer.close() ends every held connection", async (serve) => {
  const { server, connect, clock } = serve();
  const clients = [await connect(), await connect(), await connect()];
  for (const client of clients) await exchange(client, numbered(1));
  await server.close();
  assertEquals(server.connections, 0);
  assertEquals(clock.timers, []);
  for (const client of clients) {
    assertEquals(await readAll(client), []);
    client.close();
  }
});

everyWay("StunServer counts what comes over TCP message by message", async (serve) => {
  const { server, connect } = serve();
  const client = await connect();
  const indication = numbered(1);
  indication[1] = 0x11;
  await writeAll(
    client,
    concat([bindingRequest(), request([raw(0x7001)]), indication, bindingRequest()]),
  );
  for (let i = 0; i < 3; i++) await readMessage(client);
  assertEquals([...server.statistics!.counts()], [
    { transport: "tcp", family: 4, outcome: "success", count: 2 },
    { transport: "tcp", family: 4, outcome: "error-420", count: 1 },
    { transport: "tcp", family: 4, outcome: "drop-not-a-request", count: 1 },
  ]);
  client.close();
  await server.close();
});

/** Registers a test for each way of doing TCP that there is here. */
function everyWay(name: string, fn: (serve: Serve) => Promise<void>): void {
  for (const streamIo of WAYS) {
    const serve: Serve = (options) => serveThrough(streamIo, options);
    leakTest(`${name}, TCP through ${streamIo.io}`, () => fn(serve));
  }
}

type Serve = (options?: StunServerOptions) => ReturnType<typeof serveThrough>;

function serveThrough(streamIo: StreamIo, options: StunServerOptions = {}) {
  const clock = new VirtualClock();
  const logger = memoryLogger();
  const server = new StunServer({
    hostnames: ["127.0.0.1"],
    port: 0,
    transports: ["tcp"],
    streamIo,
    clock,
    logger,
    ...options,
  });
  const port = server.start()[0]!.address.port;
  const connect = (hostname = "127.0.0.1") => Deno.connect({ hostname, port });
  return { server, connect, clock, logger };
}

/** A request whose id ends in this byte, with so many bytes of SOFTWARE. */
function numbered(number: number, softwareBytes = 0): Uint8Array<ArrayBuffer> {
  const transactionId = new Uint8Array(12).fill(number);
  const attributes = softwareBytes === 0 ? [] : [raw(0x8022, "61".repeat(softwareBytes))];
  return new Uint8Array(request(attributes, { transactionId }));
}

async function exchange(client: Deno.TcpConn, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  await writeAll(client, bytes);
  return await readMessage(client);
}

async function writeAll(client: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await client.write(bytes.subarray(at));
}

/** All messages until the end of the stream. */
async function readAll(client: Deno.TcpConn): Promise<Uint8Array[]> {
  const stream: number[] = [];
  const buffer = new Uint8Array(16_384);
  for (let n = await client.read(buffer); n !== null; n = await client.read(buffer)) {
    stream.push(...buffer.subarray(0, n));
  }
  assertEquals(stream.length % 32, 0, "answers of 32 bytes");
  return Array.from(
    { length: stream.length / 32 },
    (_, i) => Uint8Array.from(stream.slice(32 * i, 32 * i + 32)),
  );
}

function idsOf(answers: readonly Uint8Array[]): string[] {
  return answers.map(idOf);
}

function idOf(bytes: Uint8Array): string {
  return bytes.subarray(8, 20).toHex();
}
