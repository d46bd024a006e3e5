import { assertEquals, assertMatch } from "@std/assert";
import { formatIp } from "../../lib/wire/mod.ts";
import { raw, request } from "../protocol/binding_cases.ts";
import { TcpClient, UdpClient } from "../server/loopback_client.ts";
import { TlsClient } from "../server/tls_client.ts";
import { SERVER } from "../support/certificate.ts";
import { freePort } from "../support/free_port.ts";
import { ServingProcess } from "./serving_process.ts";

const HTTP = ["--http-port", "0"];
const TLS = {
  args: ["--tls-port", "0", "--tls-cert", "FOLDER/cert.pem", "--tls-key", "FOLDER/key.pem"],
  files: { "cert.pem": SERVER.certificate, "key.pem": SERVER.key },
};

Deno.test("server.ts serves no HTTP unless it is told to", async () => {
  await using server = await ServingProcess.start();
  assertEquals(server.log.map(({ transport }) => transport), ["udp", "tcp", undefined]);
});

Deno.test("server.ts serves /healthz, /readyz and /metrics on 127.0.0.1 alone", async () => {
  await using server = await ServingProcess.start({ args: HTTP });
  const { port } = server.address("http");
  assertEquals(formatIp(server.address("http").ip), "127.0.0.1");
  assertEquals(await server.get("/healthz"), { status: 200, text: "ok\n" });
  const { status, text } = await server.get("/readyz");
  const { port: stun } = server.address("udp");
  assertEquals([status, JSON.parse(text)], [200, {
    ready: true,
    detail: [`udp 127.0.0.1:${stun}: answers`, `tcp 127.0.0.1:${stun}: answers`],
  }]);
  assertEquals((await server.get("/metrics")).status, 200);
  assertEquals((await server.get("/nothing")).status, 404);
  for (const hostname of ["127.0.0.2", "::1"]) {
    await Deno.connect({ hostname, port }).then(
      () => Promise.reject(new Error(`HTTP is served on ${hostname}`)),
      (error) => assertEquals(error.name, "ConnectionRefused"),
    );
  }
});

for (const hostname of ["127.0.0.2", "::1"]) {
  Deno.test(`server.ts serves HTTP on ${hostname} when it is told so`, async () => {
    await using server = await ServingProcess.start({
      args: [...HTTP, "--http-hostname", hostname],
    });
    const { port } = server.address("http");
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const response = await fetch(`http://${host}:${port}/healthz`);
    assertEquals([response.status, await response.text()], [200, "ok\n"]);
  });
}

const READY: readonly (readonly [args: readonly string[], detail: readonly string[]])[] = [
  [["--auth", "long-term", "--realm", "r", "--user", "a:b"], ["udp: answers", "tcp: answers"]],
  [["--auth", "short-term", "--user", "a:b"], ["udp: answers", "tcp: answers"]],
  [
    ["--proxy-protocol", "127.0.0.0/8"],
    ["udp: answers", "tcp: skipped, wants a PROXY header"],
  ],
  [TLS.args, ["udp: answers", "tcp: answers", "tls: skipped, the certificate is for others"]],
];
for (const [args, detail] of READY) {
  Deno.test(`server.ts is ready with ${args.join(" ")}`, async () => {
    await using server = await ServingProcess.start({ ...TLS, args: [...HTTP, ...args] });
    const { status, text } = await server.get("/readyz");
    const said = JSON.parse(text) as { ready: boolean; detail: readonly string[] };
    assertEquals(
      [status, said.ready, said.detail.map((line) => line.replace(/ 127\.0\.0\.1:[0-9]+/, ""))],
      [200, true, detail],
    );
  });
}

Deno.test("server.ts is alive and not ready while all of its connections are taken", async () => {
  await using server = await ServingProcess.start({ args: [...HTTP, "--max-connections", "1"] });
  {
    await using held = await TcpClient.connect(server.address("tcp"));
    await held.ask(request());
    const { status, text } = await server.get("/readyz");
    assertEquals([status, JSON.parse(text).ready], [503, false]);
    assertMatch(text, /udp \S+: answers.*tcp \S+: closed/);
    assertEquals((await server.get("/healthz")).status, 200);
    assertEquals((await held.ask(request())).kind, "success");
  }
  await untilMetrics(server, (metrics) => metrics['open_connections{transport="tcp"}'] === 0);
  assertEquals((await server.get("/readyz")).status, 200);
});

Deno.test("server.ts counts in /metrics what was asked, byte by byte", async () => {
  await using server = await ServingProcess.start({ ...TLS, args: [...HTTP, ...TLS.args] });
  assertEquals(nonZero(await readMetrics(server)), {});

  const udp = server.address("udp");
  using socket = new UdpClient();
  // 1 byte that is no STUN, 20 of an indication, 20 of an unknown method: silence
  await socket.send(Uint8Array.of(0xff), udp);
  await socket.send(request([], { class: "indication" }), udp);
  await socket.send(request([], { method: 3 }), udp);
  // 20 -> 32, twice; 24 -> 420 without words: 20 + 8 + 8
  for (let i = 0; i < 2; i++) await socket.ask(request(), udp);
  await socket.ask(request([raw(0x7001)]), udp);

  // 20 -> 32; 24 -> 420 with its words: 20 + 28 + 8; 36 -> 44: DIAL-BACK-RESULT adds 12
  await using tcp = await TcpClient.connect(server.address("tcp"));
  await tcp.ask(request());
  await tcp.ask(request([raw(0x7001)]));
  const dialBack = await tcp.ask(request([raw(0xc0d1, "00000000" + "0102030405060708")]));
  assertEquals((dialBack.attributes["DIAL-BACK-RESULT"] as { outcome: string }).outcome, "refused");

  await using first = await TlsClient.connect(server.address("tls"));
  await using second = await TlsClient.connect(server.address("tls"));
  await first.ask(request());
  await second.ask(request());

  assertEquals(nonZero(await readMetrics(server)), {
    'requests_total{transport="udp",family="ipv4",outcome="success"}': 2,
    'requests_total{transport="udp",family="ipv4",outcome="error-420"}': 1,
    'dropped_total{transport="udp",family="ipv4",reason="not-stun"}': 1,
    'dropped_total{transport="udp",family="ipv4",reason="not-a-request"}': 1,
    'dropped_total{transport="udp",family="ipv4",reason="unknown-method"}': 1,
    'requests_total{transport="tcp",family="ipv4",outcome="success"}': 2,
    'requests_total{transport="tcp",family="ipv4",outcome="error-420"}': 1,
    'requests_total{transport="tls",family="ipv4",outcome="success"}': 2,
    'received_bytes_total{transport="udp"}': 1 + 20 + 20 + 2 * 20 + 24,
    'sent_bytes_total{transport="udp"}': 2 * 32 + 36,
    'received_bytes_total{transport="tcp"}': 20 + 24 + 36,
    'sent_bytes_total{transport="tcp"}': 32 + 56 + 44,
    'received_bytes_total{transport="tls"}': 2 * 20,
    'sent_bytes_total{transport="tls"}': 2 * 32,
    'open_connections{transport="tcp"}': 1,
    'open_connections{transport="tls"}': 2,
    'dial_backs_total{outcome="refused"}': 1,
  });

  await second[Symbol.asyncDispose]();
  await tcp[Symbol.asyncDispose]();
  await untilMetrics(
    server,
    (metrics) =>
      metrics['open_connections{transport="tcp"}'] === 0 &&
      metrics['open_connections{transport="tls"}'] === 1,
  );
});

Deno.test("server.ts counts in /metrics what a rate limit met with silence", async () => {
  const args = [...HTTP, "--rate-limit", "1", "--rate-burst", "2"];
  await using server = await ServingProcess.start({ args });
  const udp = server.address("udp");
  await using tcp = await TcpClient.connect(server.address("tcp"));
  using socket = new UdpClient();
  await socket.ask(request(), udp);
  await tcp.ask(request());
  tcp.send(request());
  await socket.send(request(), udp);
  const metrics = await untilMetrics(
    server,
    (one) =>
      one['rate_limited_total{transport="udp",family="ipv4",limit="requests"}'] === 1 &&
      one['rate_limited_total{transport="tcp",family="ipv4",limit="requests"}'] === 1,
  );
  assertEquals(metrics['sent_bytes_total{transport="udp"}'], 32);
  assertEquals(metrics['sent_bytes_total{transport="tcp"}'], 32);
});

Deno.test("server.ts fails in one line, with no socket left, when the HTTP port is in use", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = freePort();
  await using server = await ServingProcess.spawn({
    args: [
      ...["--hostname", "127.0.0.1", "--port", `${port}`, "--http-port", `${taken.addr.port}`],
    ],
  });
  const { code, stdout, stderr } = await server.child.result(20_000);
  assertEquals([code, / ready$/m.test(stdout), stderr], [
    1,
    false,
    `error: Cannot listen on http 127.0.0.1:${taken.addr.port}: the address is in use by another ` +
    "program\n",
  ]);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
  Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port }).close();
});

type Metrics = Readonly<Record<string, number>>;

/** The samples by name and labels, `pinhole_` left out. */
async function readMetrics(server: ServingProcess): Promise<Metrics> {
  const { status, text } = await server.get("/metrics");
  assertEquals(status, 200);
  const lines = [...text.matchAll(/^pinhole_(\S+) (\S+)$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name, Number(value)]));
}

/** Those that are about traffic and are not 0. */
function nonZero(metrics: Metrics): Metrics {
  return Object.fromEntries(
    Object.entries(metrics).filter(([name, value]) =>
      value !== 0 && !/^(build_info|start_time|uptime|request_duration)/.test(name)
    ),
  );
}

async function untilMetrics(
  server: ServingProcess,
  condition: (metrics: Metrics) => boolean,
): Promise<Metrics> {
  let metrics = await readMetrics(server);
  const deadline = performance.now() + 5000;
  while (!condition(metrics)) {
    if (performance.now() > deadline) throw new Error(`Cannot see ${condition} come true`);
    metrics = await readMetrics(server);
  }
  return metrics;
}
