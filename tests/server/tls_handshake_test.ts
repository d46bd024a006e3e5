import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { query, QueryError } from "../../lib/client/mod.ts";
import { StunResponder } from "../../lib/protocol/mod.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { StreamService } from "../../lib/server/stream_service.ts";
import { readLimits } from "../../lib/server/stun_server_options.ts";
import { CertificateError, type CertifiedKey, listenTls } from "../../lib/transport/mod.ts";
import type { SocketAddress } from "../../lib/wire/mod.ts";
import { outcomes, request } from "../protocol/binding_cases.ts";
import { RENEWED, SERVER } from "../support/certificate.ts";
import { leakTest } from "../support/leak_test.ts";
import { memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { until } from "./loopback_client.ts";
import { connect, readToEnd, TlsClient } from "./tls_client.ts";

const LOOPBACK: StunServerOptions = {
  hostnames: ["127.0.0.1"],
  port: 0,
  tls: { ...SERVER, port: 0 },
};
/** Fatal alerts in a TLS record of their own (RFC 8446 section 6). */
const DECODE_ERROR = "15030300020232";
const HANDSHAKE_FAILURE = "15030300020228";

leakTest("StunServer is refused by a client that does not trust its certificate", async () => {
  const logger = memoryLogger();
  await using server = new StunServer({ ...LOOPBACK, logger });
  const { port } = start(server);
  const error = await assertRejects(() => query(`stuns:127.0.0.1:${port}`), QueryError);
  assertEquals(error.code, "untrusted");
  await until(() => server.connections === 0);
  assertEquals(outcomes({ statistics: server.statistics! }), []);
  assertEquals(graver(logger), []);
});

leakTest("StunServer.start() opens nothing when the certificate cannot be used", () => {
  const tls = { ...SERVER, key: RENEWED.key, port: 0 };
  const server = new StunServer({ ...LOOPBACK, tls });
  const error = assertThrows(() => server.start(), CertificateError);
  assertEquals([error.code, server.statistics], ["mismatch", undefined]);
});

leakTest("StunServer counts who connects to TLS and never shakes hands in its caps", async () => {
  const logger = memoryLogger();
  await using server = new StunServer({ ...LOOPBACK, maxConnections: 2, logger });
  const target = start(server);
  {
    using silent = await connect(target);
    await until(() => server.connections === 1);
    await using held = await TlsClient.connect(target);
    await held.ask(request());
    using refused = await connect(target);
    assertEquals(await readToEnd(refused), ["", "fin"]);
    assertEquals(server.connections, 2);
    assertEquals(await held.ask(request()), held.mapped);
    void silent;
  }
  // Whoever leaves makes room
  await until(() => server.connections === 0);
  await using late = await TlsClient.connect(target);
  assertEquals(await late.ask(request()), late.mapped);
  assertEquals(graver(logger), [
    ["warn", "connection refused: too many connections", { limit: 2 }],
  ]);
});

leakTest("StreamService closes a TLS client that does not shake hands in time", async () => {
  const logger = memoryLogger();
  const responder = new StunResponder();
  const socket = listenTls({
    ...SERVER,
    ip: Uint8Array.of(127, 0, 0, 1),
    port: 0,
    handshakeTimeoutMs: 50,
  });
  const service = new StreamService({
    groups: [[{ transport: "tls", role: "primary", socket }]],
    policy: { responder, limits: readLimits({}), proxies: [] },
    clock: new VirtualClock(),
    logger,
  });
  service.start();
  using silent = await connect(socket.localAddress);
  assertEquals(await readToEnd(silent), ["", "fin"]);
  await until(() => service.connections === 0);
  assertEquals([service.usage.tls.received, service.usage.tls.connections], [0, 0]);
  assertEquals(logger.lines.map(([level, message]) => [level, message]), [
    ["debug", "connection lost"],
  ]);
  assertMatch(`${logger.lines[0]![2]["error"]}`, /no TLS handshake within 50 ms$/);
  await service.close();
});

for (
  const [what, bytes, alert] of [
    ["garbage", new Uint8Array(600).fill(0xff), DECODE_ERROR],
    ["a plain STUN request", request(), DECODE_ERROR],
    [
      "an HTTP request",
      new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
      DECODE_ERROR,
    ],
    ["a TLS record that is no ClientHello", Uint8Array.of(23, 3, 3, 0, 2, 1, 2), HANDSHAKE_FAILURE],
    ["a TLS record of more than 16 KiB", Uint8Array.of(22, 3, 1, 0xff, 0xff, 1, 0), DECODE_ERROR],
  ] as const
) {
  leakTest(`StunServer closes a connection to TLS on ${what}, and goes on`, async () => {
    const logger = memoryLogger();
    await using server = new StunServer({ ...LOOPBACK, logger });
    const target = start(server);
    await using held = await TlsClient.connect(target);
    using stranger = await connect(target);
    await stranger.write(bytes);
    assertEquals((await readToEnd(stranger))[0], alert);
    await until(() => server.connections === 1);
    assertEquals(await held.ask(request()), held.mapped);
    assertEquals(outcomes({ statistics: server.statistics! }), ["tls 4 success 1"]);
    assertEquals(graver(logger), []);
  });
}

for (
  const [offered, chosen] of [
    [["stun.turn"], "stun.turn"],
    [["stun.nat-discovery"], "stun.nat-discovery"],
    [["h2", "stun.nat-discovery"], "stun.nat-discovery"],
    [[], false],
  ] as const
) {
  leakTest(`StunServer serves a TLS client that offers [${offered}]`, async () => {
    await using server = new StunServer(LOOPBACK);
    await using client = await TlsClient.connect(start(server), { alpn: offered });
    assertEquals(client.alpn, chosen);
    assertEquals(await client.ask(request()), client.mapped);
  });
}

leakTest("StunServer refuses a TLS client that offers other protocols alone", async () => {
  await using server = new StunServer(LOOPBACK);
  const target = start(server);
  await assertRejects(() => TlsClient.connect(target, { alpn: ["h2", "http/1.1"] }));
  await until(() => server.connections === 0);
  await using other = await TlsClient.connect(target, { alpn: ["stun.turn"] });
  assertEquals(await other.ask(request()), other.mapped);
});

leakTest(
  "StunServer.replaceCertificate() is for new connections on all sockets, held ones go on",
  async () => {
    await using server = new StunServer({ ...LOOPBACK, hostnames: ["127.0.0.1", "127.0.0.2"] });
    const targets = server.start().filter(({ transport }) => transport === "tls");
    await using held = await TlsClient.connect(targets[0]!.address);
    assertEquals(held.peerName, "Test server");
    server.replaceCertificate(RENEWED);
    for (const { address } of targets) {
      await using later = await TlsClient.connect(address);
      assertEquals(later.peerName, "Renewed test server");
    }
    assertEquals(await held.ask(request()), held.mapped);
  },
);

leakTest(
  "StunServer.replaceCertificate() before the start is what the server starts with",
  async () => {
    await using server = new StunServer(LOOPBACK);
    server.replaceCertificate(RENEWED);
    await using client = await TlsClient.connect(start(server));
    assertEquals(client.peerName, "Renewed test server");
  },
);

const BAD: readonly (readonly [what: string, CertifiedKey, code: string])[] = [
  ["no certificate", { ...SERVER, certificate: "" }, "no-certificate"],
  [
    "a damaged certificate",
    { ...SERVER, certificate: SERVER.certificate.replace("MIIB", "AAAA") },
    "bad-certificate",
  ],
  ["no key", { ...SERVER, key: SERVER.certificate }, "no-key"],
  ["another's key", { ...SERVER, key: RENEWED.key }, "mismatch"],
];
for (const [what, certified, code] of BAD) {
  leakTest(`StunServer.replaceCertificate() changes nothing when given ${what}`, async () => {
    await using server = new StunServer(LOOPBACK);
    const refused = () =>
      assertThrows(() => server.replaceCertificate(certified), CertificateError).code;
    assertEquals(refused(), code);
    const target = start(server);
    await using held = await TlsClient.connect(target);
    assertEquals(refused(), code);
    await using later = await TlsClient.connect(target);
    assertEquals(later.peerName, "Test server");
    assertEquals(await held.ask(request()), held.mapped);
  });
}

leakTest("StunServer.replaceCertificate() of a server without TLS opens nothing", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  assertEquals(server.start().length, 2);
  server.replaceCertificate(SERVER);
  assertEquals([...server.snapshot().transports].map(({ transport }) => transport), ["udp", "tcp"]);
});

/** The address of the first TLS socket. */
function start(server: StunServer): SocketAddress {
  return server.start().find(({ transport }) => transport === "tls")!.address;
}

/** The lines that an operator sees at the usual level, but for the sockets. */
function graver({ lines }: ReturnType<typeof memoryLogger>): unknown[] {
  return lines.filter(([level]) => level === "error" || level === "warn");
}
