import { assertEquals, assertRejects } from "@std/assert";
import { examineServer, type ExamineServerOptions } from "../../../lib/client/doctor/mod.ts";
import { QueryError } from "../../../lib/client/mod.ts";
import { type Clock, systemClock } from "../../../lib/ops/mod.ts";
import {
  doctorChecks,
  type DoctorReport,
  doctorVerdict,
} from "../../../lib/protocol/doctor/mod.ts";
import { StunServer, type StunServerOptions } from "../../../lib/server/mod.ts";
import { formatSocketAddress } from "../../../lib/wire/mod.ts";
import { AUTHORITY, EXPIRED, SERVER } from "../../support/certificate.ts";
import { freePort } from "../../support/free_port.ts";
import { leakTest } from "../../support/leak_test.ts";
import { LOOPBACKS } from "../../support/tool.ts";
import { ScriptedResolver } from "../scripted_resolver.ts";

const PLAIN: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };

leakTest("examineServer() has no complaint about our own server with all it can do", async () => {
  await using server = new StunServer({
    ...PLAIN,
    alternateHostnames: ["127.0.0.2"],
    tls: { ...SERVER, port: 0 },
  });
  const { uri, tlsPort } = start(server);
  const titles: string[] = [];
  const report = await examineServer(uri, {
    tlsPort,
    caCerts: [AUTHORITY],
    holdMs: 500,
    onProgress: (title) => titles.push(title),
  });
  assertEquals(unpassed(report), [
    ["other-family", "skip", "the server has an address of one family alone"],
  ]);
  assertEquals(doctorVerdict(report), "healthy");
  const { server: address, holdMs, amplification, latency } = report;
  assertEquals(`stun:${formatSocketAddress(address)}`, uri);
  assertEquals(holdMs! >= 500, true);
  assertEquals(amplification, { factor: 2.8, requestBytes: 20, answerBytes: 56 });
  assertEquals([latency?.requests, latency?.lost], [10, 0]);
  // In the order of the checks, those left out that have nothing to ask
  const order = ["Reaching the server", ...doctorChecks().map(({ title }) => title)];
  const places = titles.map((title) => order.indexOf(title));
  assertEquals(places, places.toSorted((a, b) => a - b));
  assertEquals(places.includes(-1), false);
});

leakTest("examineServer() has no complaint about our own server without RFC 5780", async () => {
  await using server = new StunServer(PLAIN);
  const report = await examineServer(start(server).uri, { holdMs: 0 });
  assertEquals(unpassed(report).filter(([, result]) => result !== "skip"), []);
  assertEquals([report.holdMs, doctorVerdict(report)], [undefined, "healthy"]);
});

const [, ipv6] = LOOPBACKS;
Deno.test({
  name: "examineServer() asks a server in both its families, and examines it in IPv4",
  ignore: ipv6.skip !== undefined,
  fn: async () => {
    const port = freePort();
    await using server = new StunServer({ hostnames: ["127.0.0.1", "::1"], port });
    server.start();
    const report = await examineServer(`stun:server.test:${port}`, {
      ...BOTH,
      transports: ["udp"],
    });
    const found = report.checks.find(({ id }) => id === "other-family");
    assertEquals(
      [formatSocketAddress(report.server), found?.result, found?.detail],
      [`127.0.0.1:${port}`, "pass", `[::1]:${port}: a success with XOR-MAPPED-ADDRESS`],
    );
  },
});

Deno.test({
  name: "examineServer() examines a server in IPv6 if it is told to",
  ignore: ipv6.skip !== undefined,
  fn: async () => {
    const port = freePort("::1");
    await using server = new StunServer({ hostnames: ["::1"], port });
    server.start();
    const report = await examineServer(`stun:server.test:${port}`, { ...BOTH, family: 6 });
    assertEquals(formatSocketAddress(report.server), `[::1]:${port}`);
    assertEquals(unpassed(report).filter(([, result]) => result !== "skip"), []);
  },
});

leakTest("examineServer() finds nobody where there is nobody", async () => {
  const port = freePort();
  const report = await examineServer(`stun:127.0.0.1:${port}`, { clock: HASTY });
  assertEquals(unpassed(report).filter(([, result]) => result !== "skip"), [
    ["rfc5389", "fail", "no answer"],
    [
      "tcp-binding",
      "fail",
      `Cannot connect to tcp 127.0.0.1:${port}: the peer refuses connections`,
    ],
  ]);
  assertEquals(doctorVerdict(report), "silent");
});

leakTest("examineServer() examines TLS alone at a stuns: URI", async () => {
  await using server = new StunServer({ ...PLAIN, tls: { ...SERVER, port: 0 } });
  const { tlsPort } = start(server);
  const report = await examineServer(`stuns:localhost:${tlsPort}`, {
    ...BOTH,
    family: 4,
    caCerts: [AUTHORITY],
    holdMs: 200,
  });
  const made = report.checks.filter(({ result }) => result !== "skip");
  assertEquals(made.map(({ id, result }) => [id, result]), [
    ["tls-binding", "pass"],
    ["tls-mapped-address", "pass"],
    ["tls-pieces", "pass"],
    ["tls-pipelining", "pass"],
    ["tls-alpn", "pass"],
    ["tls-hold", "pass"],
  ]);
  assertEquals(made.find(({ id }) => id === "tls-alpn")?.detail, "stun.turn");
});

leakTest("examineServer() says what is the matter with a certificate", async () => {
  await using server = new StunServer({ ...PLAIN, tls: { ...EXPIRED, port: 0 } });
  const { tlsPort } = start(server);
  const report = await examineServer(`stuns:127.0.0.1:${tlsPort}`, { caCerts: [AUTHORITY] });
  const [[id, result, detail] = []] = unpassed(report).filter(([, one]) => one !== "skip");
  assertEquals([id, result, detail?.split(": ")[1]], [
    "tls-binding",
    "fail",
    "the peer's certificate is not trusted",
  ]);
  assertEquals(doctorVerdict(report), "silent");
});

leakTest("examineServer() says that a name leads nowhere", async () => {
  const resolver = new ScriptedResolver({});
  const error = await assertRejects(
    () => examineServer("stun:nowhere.test", { resolver }),
    QueryError,
    'Cannot resolve "nowhere.test": no such host',
  );
  assertEquals(error.code, "not-found");
});

leakTest("examineServer() leaves nothing behind when it is given up", async () => {
  await using server = new StunServer(PLAIN);
  const { uri } = start(server);
  const wanted = [doctorChecks()[1]!.title, "Answers a request that comes over TCP byte by byte"];
  for (const title of wanted) {
    const giveUp = new AbortController();
    const error = await assertRejects(
      () =>
        examineServer(uri, {
          signal: giveUp.signal,
          onProgress: (one) => one === title && giveUp.abort(),
        }),
      QueryError,
    );
    assertEquals(error.code, "aborted");
  }
});

for (
  const [server, options, message] of [
    ["stun:", {}, "it has no host"],
    ["turn:127.0.0.1", {}, "it is a TURN URI, wanted stun: or stuns:"],
    ["stun:127.0.0.1", { holdMs: -1 }, "holdMs is -1, wanted 0 to 86400000"],
    ["stun:127.0.0.1", { holdMs: NaN }, "holdMs is NaN, wanted 0 to 86400000"],
    ["stun:127.0.0.1", { requests: 0 }, "requests is 0, wanted 1 to 1000"],
    ["stun:127.0.0.1", { requests: 1.5 }, "requests is 1.5, wanted 1 to 1000"],
  ] as const satisfies readonly (readonly [string, ExamineServerOptions, string])[]
) {
  Deno.test(`examineServer() refuses ${server} with ${Deno.inspect(options)}`, async () => {
    await assertRejects(() => examineServer(server, options), RangeError, message);
  });
}

/** Starts a server; where it is. */
function start(server: StunServer): { readonly uri: string; readonly tlsPort: number | undefined } {
  const listeners = server.start();
  const tls = listeners.find(({ transport }) => transport === "tls");
  return { uri: `stun:${formatSocketAddress(listeners[0]!.address)}`, tlsPort: tls?.address.port };
}

function unpassed({ checks }: DoctorReport): readonly (readonly [string, string, string])[] {
  return checks.filter(({ result }) => result !== "pass")
    .map(({ id, result, detail }) => [id, result, detail] as const);
}

/** A host with an address in each family. */
const BOTH: ExamineServerOptions = {
  resolver: new ScriptedResolver({
    hosts: { "server.test": ["127.0.0.1", "::1"], "localhost": ["127.0.0.1"] },
  }),
  holdMs: 0,
};

/** Time that passes twenty times as fast, for what has to be waited for in vain. */
const HASTY: Clock = {
  ...systemClock,
  setTimer: (ms, callback) => systemClock.setTimer(ms / 20, callback),
};
