// Several addresses of one server, and several servers (RFC 8305; RFC 8489 section 8).

import { assert, assertEquals, assertRejects } from "@std/assert";
import { query, QueryError } from "../../lib/client/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import { parseIp } from "../../lib/wire/mod.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { ScriptedResolver } from "./scripted_resolver.ts";
import { answerTo, answerWith, ScriptedUdpServer } from "./scripted_server.ts";

const BOTH = new ScriptedResolver({ hosts: { both: ["::1", "127.0.0.1"] } });

leakTest("query() asks the other family after 250 ms without an answer over UDP", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const { port } = server.start()[0]!.address;
  using silent = openUdp("::1", port);
  const clock = new VirtualClock();
  const answered = query(`stun:both:${port}`, { resolver: BOTH, clock });
  await silent.receive();
  assertEquals(clock.timers, [250, 500]);
  clock.advance(250);
  assertEquals((await answered).server, { ip: ipOf("127.0.0.1"), port });
  assertEquals(clock.timers, [], "the other attempt is over");
});

leakTest("query() keeps to the first family when it answers within 250 ms", async () => {
  await using server = new StunServer({ hostnames: ["::1"], port: 0 });
  const { port } = server.start()[0]!.address;
  using silent = openUdp("127.0.0.1", port);
  const result = await query(`stun:both:${port}`, { resolver: BOTH, clock: new VirtualClock() });
  assertEquals(result.server, { ip: ipOf("::1"), port });
  // Whatever had been sent to it would be there by now, in front of this
  using sender = openUdp("127.0.0.1", 0);
  await sender.send(Uint8Array.of(7), { transport: "udp", hostname: "127.0.0.1", port });
  assertEquals((await silent.receive())[0], Uint8Array.of(7));
});

leakTest(
  "query() lets the first family win when its answer comes after the other was asked",
  async () => {
    using late = openUdp("::1", 0);
    const { port } = late.addr as Deno.NetAddr;
    using silent = openUdp("127.0.0.1", port);
    const clock = new VirtualClock();
    const answered = query(`stun:both:${port}`, { resolver: BOTH, clock });
    const [bytes, from] = await late.receive();
    clock.advance(250);
    await silent.receive();
    await late.send(answerWith("192.0.2.1:1000", { transactionId: bytes.slice(8, 20) }), from);
    const { server, attempts } = await answered;
    assertEquals([server.ip, attempts, clock.timers], [ipOf("::1"), 1, []]);
  },
);

leakTest(
  "query() connects over TCP to the other family at once when the first refuses",
  async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const { port } = server.start()[0]!.address;
    const clock = new VirtualClock();
    const result = await query(`stun:both:${port}`, { transport: "tcp", resolver: BOTH, clock });
    assertEquals([result.server.ip, clock.now(), clock.timers], [ipOf("127.0.0.1"), 0, []]);
  },
);

for (const family of [4, 6] as const) {
  leakTest(`query() asks over IPv${family} alone when it is told to`, async () => {
    const error = await assertRejects(
      () => query(`stun:both:${freePort()}`, { transport: "tcp", resolver: BOTH, family }),
      QueryError,
    );
    assertEquals(error.failures.map(({ server }) => server?.ip.length), [family === 4 ? 4 : 16]);
  });
}

leakTest(
  "query() asks the second server after 1.5 s without an answer from the first",
  async () => {
    using silent = new ScriptedUdpServer();
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const { port } = server.start()[0]!.address;
    const clock = new VirtualClock();
    const answered = query([silent.uri, `stun:127.0.0.1:${port}`], { clock });
    for (const at of [500, 1500]) {
      await silent.receive();
      assertEquals(clock.timers, at === 500 ? [500, 1500] : [1500, 1500]);
      clock.advance(at - clock.now());
    }
    const result = await answered;
    assertEquals([result.server.port, clock.now(), clock.timers], [port, 1500, []]);
  },
);

leakTest(
  "query() asks the second server at once when the first answers with an error",
  async () => {
    using broken = new ScriptedUdpServer();
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const { port } = server.start()[0]!.address;
    const clock = new VirtualClock();
    const answered = query([broken.uri, { scheme: "stun", host: "127.0.0.1", port }], { clock });
    const received = await broken.receive();
    await broken.send(answerTo(received.request, [], { class: "error" }), received);
    assertEquals([(await answered).server.port, clock.timers], [port, []]);
  },
);

leakTest("query() tells of every server when all have failed", async () => {
  using broken = new ScriptedUdpServer();
  using silent = new ScriptedUdpServer();
  const clock = new VirtualClock();
  using last = new ScriptedUdpServer();
  const servers = [silent.uri, "stun:nowhere", broken.uri, last.uri];
  const failed = assertRejects(
    () => query(servers, { clock, timeoutMs: 4000, resolver: new ScriptedResolver({}) }),
    QueryError,
  );
  await silent.receive();
  // The name that does not exist costs no time: the server after it is asked at once
  clock.advance(1500);
  const received = await broken.receive();
  await broken.send(answerTo(received.request, [], { class: "error" }), received);
  await last.receive();
  clock.advance(2500);
  const error = await failed;
  const message = `Cannot query 127.0.0.1:${broken.port}: the server answered an error`;
  assertEquals([error.code, error.message], ["error-response", message]);
  assertEquals(error.failures.map(({ uri, server, code }) => [uri, server?.port, code]), [
    [silent.uri, silent.port, "timed-out"],
    ["stun:nowhere", undefined, "not-found"],
    [broken.uri, broken.port, "error-response"],
    [last.uri, last.port, "timed-out"],
  ]);
  assertEquals(error.failures[2]!.message, message);
  assertEquals([clock.now(), clock.timers], [4000, []]);
});

leakTest("query() tells of the one server too when it has failed", async () => {
  const port = freePort();
  const uri = `stun:127.0.0.1:${port}`;
  const error = await assertRejects(() => query(uri, { transport: "tcp" }), QueryError);
  const { code, message, errorCode } = error;
  assertEquals(error.failures, [
    { uri, server: { ip: ipOf("127.0.0.1"), port }, code, errorCode, message },
  ]);
});

leakTest("query() gives all servers up when it is given up", async () => {
  using first = new ScriptedUdpServer();
  using second = new ScriptedUdpServer();
  const clock = new VirtualClock();
  const stop = new AbortController();
  const failed = assertRejects(
    () => query([first.uri, second.uri], { clock, signal: stop.signal }),
    QueryError,
  );
  await first.receive();
  clock.advance(1500);
  await second.receive();
  const reason = new Error("enough");
  stop.abort(reason);
  const error = await failed;
  assertEquals([error.code, error.cause, clock.timers], ["aborted", reason, []]);
});

leakTest("query() looks up a name until it is given up", async () => {
  const resolver = new ScriptedResolver({ services: { "_stun._udp.example.org": "silent" } });
  const stop = new AbortController();
  const clock = new VirtualClock();
  const failed = assertRejects(
    () => query("stun:example.org", { resolver, clock, signal: stop.signal }),
    QueryError,
  );
  await clock.untilTimer(1000);
  stop.abort();
  assertEquals([(await failed).code, clock.timers], ["aborted", []]);
});

Deno.test({
  name: "query() says so when this host cannot send to the server",
  // Enough to bind, too little to send
  permissions: { net: ["0.0.0.0"] },
  fn: async () => {
    const error = await assertRejects(() => query("stun:127.0.0.1", { rtoMs: 10 }), QueryError);
    assertEquals([error.code, error.message], [
      "unreachable",
      "Cannot query 127.0.0.1:3478 over UDP: this host cannot send to it",
    ]);
  },
});

leakTest("query() rejects with a RangeError when it is given no server", async () => {
  await assertRejects(() => query([]), RangeError, "found no server, wanted one or more");
  await assertRejects(() => query(["stun:127.0.0.1", "127.0.0.1"]), RangeError);
  await assertRejects(() => query([{ scheme: "stun", host: "a b" }]), RangeError);
});

function openUdp(hostname: string, port: number): Deno.DatagramConn & Disposable {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port });
  return Object.assign(socket, { [Symbol.dispose]: () => socket.close() });
}

function ipOf(text: string): Uint8Array {
  const parsed = parseIp(text);
  assert(parsed.ok);
  return parsed.value;
}
