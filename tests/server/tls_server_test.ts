import { assertEquals, assertLess } from "@std/assert";
import { query } from "../../lib/client/mod.ts";
import type { TransportSnapshot } from "../../lib/ops/mod.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { formatIp, formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { outcomes, raw, request } from "../protocol/binding_cases.ts";
import { AUTHORITY, SERVER } from "../support/certificate.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { readVisit, until } from "./loopback_client.ts";
import { connect, readToEnd, TlsClient } from "./tls_client.ts";

const LOOPBACK: StunServerOptions = {
  hostnames: ["127.0.0.1"],
  port: 0,
  tls: { ...SERVER, port: 0 },
};
const NAT_DISCOVERY: StunServerOptions = {
  ...LOOPBACK,
  alternateHostnames: ["127.0.0.2"],
  alternatePort: 0,
  tls: { ...SERVER, port: 0, alternatePort: 0 },
};

for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
  leakTest(`StunServer answers a query of stuns:${host}`, async () => {
    const bound = host === "[::1]" ? "::1" : "127.0.0.1";
    await using server = new StunServer({ ...LOOPBACK, hostnames: [bound] });
    const { port } = start(server);
    const result = await query(`stuns:${host}:${port}`, { caCerts: [AUTHORITY] });
    assertEquals([result.transport, formatIp(result.reflexive.ip)], ["tls", bound]);
    assertEquals([result.reflexive, result.nat], [result.local, false]);
    const family = bound === "::1" ? 6 : 4;
    assertEquals(outcomes({ statistics: server.statistics! }), [`tls ${family} success 1`]);
  });
}

leakTest(
  "StunServer.start() tells its TLS sockets after UDP and TCP of the same host",
  async () => {
    await using server = new StunServer({ ...LOOPBACK, hostnames: ["127.0.0.1", "::1"] });
    const listeners = server.start();
    assertEquals(
      listeners.map(({ transport, address, role, io }) => [
        ...[transport, formatIp(address.ip), role, io],
      ]),
      [
        ["udp", "127.0.0.1", "primary", "deno"],
        ["tcp", "127.0.0.1", "primary", "deno"],
        ["tls", "127.0.0.1", "primary", "deno"],
        ["udp", "::1", "primary", "deno"],
        ["tcp", "::1", "primary", "deno"],
        ["tls", "::1", "primary", "deno"],
      ],
    );
  },
);

leakTest("StunServer holds the four roles of RFC 5780 over TLS, on ports of TLS", async () => {
  await using server = new StunServer(NAT_DISCOVERY);
  const listeners = server.start().filter(({ transport }) => transport === "tls");
  const [primary, alternatePort, alternateAddress, alternateBoth] = listeners
    .map(({ address }) => formatSocketAddress(address));
  assertEquals(listeners.map(({ role }) => role), [
    ...["primary", "alternate-port", "alternate-address", "alternate-both"] as const,
  ]);
  const ports = listeners.map(({ address }) => address.port);
  assertEquals(ports.slice(2), ports.slice(0, 2), "two addresses, the same two ports on each");
  const said: unknown[] = [];
  for (const { address } of listeners) {
    await using client = await TlsClient.connect(address);
    const { ["XOR-MAPPED-ADDRESS"]: mapped, ...rest } = Object.fromEntries(
      await client.ask(request()),
    );
    assertEquals(mapped, formatSocketAddress(client.address));
    said.push(rest);
  }
  // OTHER-ADDRESS differs from where the request came in, in both address and port
  assertEquals(said, [
    { "RESPONSE-ORIGIN": primary, "OTHER-ADDRESS": alternateBoth },
    { "RESPONSE-ORIGIN": alternatePort, "OTHER-ADDRESS": alternateAddress },
    { "RESPONSE-ORIGIN": alternateAddress, "OTHER-ADDRESS": alternatePort },
    { "RESPONSE-ORIGIN": alternateBoth, "OTHER-ADDRESS": primary },
  ]);
});

for (
  const [from, flags] of [["127.0.0.1", "00000000"], ["127.0.0.2", "00000004"]] as const
) {
  leakTest(`StunServer dials a TLS client back from ${from}, over plain TCP`, async () => {
    await using server = new StunServer(NAT_DISCOVERY);
    await using client = await TlsClient.connect(start(server));
    using listening = client.listen();
    const visiting = listening.accept().then(readVisit);
    const answer = Object.fromEntries(await client.ask(dialBack(flags)));
    const [greeting, ...more] = await visiting;
    assertEquals((answer["DIAL-BACK-RESULT"] as { outcome: string }).outcome, "connected");
    assertEquals([greeting!.kind, greeting!.from.split(":")[0], more], ["indication", from, []]);
    assertEquals(Object.keys(greeting!.attributes), ["DIAL-BACK"]);
    assertEquals((greeting!.attributes["DIAL-BACK"] as { token: string }).token, TOKEN);
    assertEquals(server.snapshot().dialBacks, { connected: 1 });
  });
}

leakTest("StunServer tells a TLS client that nobody takes its dial-back, and goes on", async () => {
  await using server = new StunServer(LOOPBACK);
  await using client = await TlsClient.connect(start(server));
  const answer = Object.fromEntries(await client.ask(dialBack("00000000")));
  assertEquals((answer["DIAL-BACK-RESULT"] as { outcome: string }).outcome, "refused");
  assertEquals(await client.ask(request()), client.mapped);
});

leakTest("StunServer answers pipelined requests over TLS, all of them and in order", async () => {
  await using server = new StunServer(LOOPBACK);
  await using client = await TlsClient.connect(start(server));
  client.send(request(), request([raw(0x7001)]), request());
  assertEquals(await client.receive(), client.mapped);
  assertEquals((await client.receive()).map(([name]) => name), [
    "ERROR-CODE",
    "UNKNOWN-ATTRIBUTES",
  ]);
  assertEquals(await client.receive(), client.mapped);
});

leakTest("StunServer puts a request together from many TLS records", async () => {
  await using server = new StunServer(LOOPBACK);
  await using client = await TlsClient.connect(start(server));
  await client.sendByteByByte(request([raw(0xffff, "01020304")]));
  assertEquals(await client.receive(), client.mapped);
});

leakTest("StunServer answers what a TLS client sent before it ended its side", async () => {
  await using server = new StunServer(LOOPBACK);
  await using client = await TlsClient.connect(start(server));
  client.send(request(), request());
  client.closeWrite();
  assertEquals(await client.end(), 2);
  assertEquals([await client.receive(), await client.receive()], [
    client.mapped,
    client.mapped,
  ]);
  await until(() => server.connections === 0);
});

leakTest("StunServer closes a TLS connection whose client says nothing for too long", async () => {
  const clock = new VirtualClock();
  await using server = new StunServer({ ...LOOPBACK, clock, idleTimeoutMs: 60_000 });
  await using client = await TlsClient.connect(start(server));
  for (let i = 0; i < 3; i++) {
    clock.advance(59_000);
    assertEquals(await client.ask(request()), client.mapped);
  }
  clock.advance(60_000);
  assertEquals(await client.end(), 0);
});

leakTest("StunServer closes a TLS connection whose client begins a message and stops", async () => {
  const clock = new VirtualClock();
  await using server = new StunServer({ ...LOOPBACK, clock });
  await using client = await TlsClient.connect(start(server));
  client.send(request().subarray(0, 19));
  await until(() => tlsOf(server).receivedBytes === 19);
  clock.advance(30_000);
  assertEquals(await client.end(), 0);
});

leakTest("StunServer closes a TLS connection whose client does not take its answers", async () => {
  const clock = new VirtualClock();
  await using server = new StunServer({ ...LOOPBACK, clock });
  const target = start(server);
  await using other = await TlsClient.connect(target);
  const { ip, port } = target;
  using greedy = await Deno.connectTls({ hostname: formatIp(ip), port, caCerts: [AUTHORITY] });
  const question = request();
  const many = new Uint8Array(20 * 500_000);
  for (let at = 0; at < many.length; at += 20) many.set(question, at);
  // Deno takes it all, and then sends what the server is willing to read
  await greedy.write(many);
  // Answers fill the buffers of the system; then the server must not go on reading
  for (let before = -1; before !== tlsOf(server).receivedBytes;) {
    before = tlsOf(server).receivedBytes;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assertLess(tlsOf(server).receivedBytes, many.length);
  assertEquals(await other.ask(request()), other.mapped);
  clock.advance(31_000);
  await until(() => server.connections === 1);
  assertEquals(await other.ask(request()), other.mapped);
});

leakTest("StunServer drops a TLS connection on garbage in place of a message", async () => {
  await using server = new StunServer(LOOPBACK);
  await using client = await TlsClient.connect(start(server));
  client.send(new Uint8Array(40).fill(0xff));
  assertEquals(await client.end(), 0);
});

leakTest("StunServer.snapshot() counts TLS by itself, and in bytes of STUN", async () => {
  await using server = new StunServer(LOOPBACK);
  const target = start(server);
  await using first = await TlsClient.connect(target);
  await using second = await TlsClient.connect(target);
  for (const client of [first, second]) await client.ask(request());
  await first.ask(request([raw(0x7001)]));
  assertEquals([...server.snapshot().transports], [
    { transport: "udp", receivedBytes: 0, sentBytes: 0 },
    { transport: "tcp", receivedBytes: 0, sentBytes: 0, openConnections: 0 },
    // An error 420 has its words over TLS: 20 + 4 + 21 + 3 + 8
    { transport: "tls", receivedBytes: 64, sentBytes: 2 * 32 + 56, openConnections: 2 },
  ]);
});

leakTest("StunServer.close() ends TLS connections in every state", async () => {
  const server = new StunServer(LOOPBACK);
  const target = start(server);
  using silent = await connect(target);
  using halfway = await connect(target);
  await halfway.write(Uint8Array.of(22, 3, 1, 1, 0, 1));
  await using held = await TlsClient.connect(target);
  await held.ask(request());
  await using partial = await TlsClient.connect(target);
  await partial.ask(request());
  partial.send(request().subarray(0, 10));
  await until(() => server.connections === 4);
  await server.close();
  assertEquals([await readToEnd(silent), await readToEnd(halfway)], [["", "fin"], ["", "fin"]]);
  assertEquals([await held.end(), await partial.end()], [0, 0]);
  assertEquals(server.connections, 0);
});

/** The address of the first TLS socket. */
function start(server: StunServer): SocketAddress {
  return server.start().find(({ transport }) => transport === "tls")!.address;
}

function tlsOf(server: StunServer): TransportSnapshot {
  return [...server.snapshot().transports].find(({ transport }) => transport === "tls")!;
}

function dialBack(flags: string): Uint8Array {
  return request([raw(0xc0d1, flags + TOKEN)]);
}

const TOKEN = "0102030405060708";
