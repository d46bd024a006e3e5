import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { QueryError } from "../../../lib/client/mod.ts";
import {
  TcpNatRunner,
  type TcpNatRunnerOptions,
} from "../../../lib/client/discovery/tcp_nat_runner.ts";
import { type Clock, systemClock } from "../../../lib/ops/mod.ts";
import {
  bindingRequest,
  discoverTcpNat,
  type TcpNatReport,
  type TcpNatStep,
} from "../../../lib/protocol/discovery/mod.ts";
import { StunServer, type StunServerOptions } from "../../../lib/server/mod.ts";
import {
  attribute,
  decodeMessage,
  DIAL_BACK_RESULT,
  formatSocketAddress,
  type SocketAddress,
  socketAddress,
} from "../../../lib/wire/mod.ts";
import { freePort } from "../../support/free_port.ts";
import { leakTest } from "../../support/leak_test.ts";
import { answerTo, answerWith, ScriptedTcpServer } from "../scripted_server.ts";

const SINGLE: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0, transports: ["tcp"] };
const PAIR: StunServerOptions = { ...SINGLE, alternateHostnames: ["127.0.0.2"] };

leakTest("TcpNatRunner finds no NAT and no filter on loopback", async () => {
  await using server = new StunServer(PAIR);
  const address = start(server);
  const { evidence, local, reflexive, ...report } = await discover([address]);
  assertEquals(report, {
    reachable: true,
    mapping: {
      value: "none",
      confidence: "high",
      reason: "every server sees this host's own address and port",
      depends: false,
    },
    filtering: {
      value: "endpoint-independent",
      confidence: "high",
      reason: "the server's other address, which had never been connected to, could connect",
    },
    classic: "open",
  });
  assertEquals(reflexive, local);
  assertEquals(
    evidence.map(({ socket, asks, attempts, note = "" }) => [
      socket,
      asks,
      attempts,
      note.replace(/:\d+$/, ""),
    ]),
    [
      ["filter", "binding", 1, ""],
      ...new Array(3).fill([
        "filter",
        "dial-back from another address",
        1,
        "connected from 127.0.0.2",
      ]),
      ...new Array(4).fill(["mapping", "binding", 1, ""]),
    ],
  );
  const mapping = evidence.slice(4);
  assertEquals(new Set(mapping.map(({ local }) => formatSocketAddress(local))).size, 1);
  assertEquals(new Set(mapping.map(({ to }) => formatSocketAddress(to))).size, 4);
  assertNotEquals(mapping[0]!.local, local);
  assertEquals(server.snapshot().dialBacks, { connected: 3 });
});

leakTest("TcpNatRunner finds the same over IPv6, but for what takes a second address", async () => {
  await using server = new StunServer({ ...SINGLE, hostnames: ["::1"] });
  const report = await discover([start(server)], { family: 6 });
  assertEquals(report.mapping.value, "none");
  assertEquals(
    report.filtering,
    cannot(
      "another port can connect, and the server has no other address to try from",
    ),
  );
});

leakTest("TcpNatRunner cannot tell the filtering when the server has one address", async () => {
  await using server = new StunServer(SINGLE);
  const report = await discover([start(server)]);
  assertEquals([report.reachable, report.mapping.value, report.classic], [true, "none", "unknown"]);
  assertEquals(
    report.filtering,
    cannot(
      "another port can connect, and the server has no other address to try from",
    ),
  );
});

leakTest("TcpNatRunner cannot tell the filtering when the server dials nobody back", async () => {
  await using server = new StunServer({ ...PAIR, dialBack: false });
  const report = await discover([start(server)]);
  assertEquals([report.reachable, report.mapping.value, report.classic], [true, "none", "unknown"]);
  assertEquals(report.filtering, cannot("the server dials nobody back"));
});

leakTest("TcpNatRunner is blocked when nobody listens", async () => {
  const servers = [dead(), dead()];
  const report = await discover(servers);
  assertEquals([report.reachable, report.classic, report.reflexive], [false, "blocked", undefined]);
  assertEquals(report.evidence.map(({ to, asks, note }) => [to, asks, note]), [
    [servers[0], "connect", "refused"],
    [servers[1], "connect", "refused"],
  ]);
});

leakTest("TcpNatRunner goes on with the next server when one does not answer", async () => {
  await using server = new StunServer(PAIR);
  const report = await discover([dead(), start(server)]);
  assertEquals([report.mapping.value, report.filtering.value], ["none", "endpoint-independent"]);
});

leakTest("TcpNatRunner gives each port that is named a port of its own, and keeps it", async () => {
  await using server = new StunServer(PAIR);
  const [one, two] = server.start().map(({ address }) => address);
  await using runner = open();
  const { connected } = await runner.run(connect(["a", one!], ["a", two!], ["b", one!]));
  const ports = connected!.map((found) => (found as SocketAddress).port);
  assertEquals([ports[0] === ports[1], ports[0] === ports[2]], [true, false]);
  const again = await runner.run(connect(["b", two!]));
  assertEquals((again.connected![0] as SocketAddress).port, ports[2]);
});

leakTest("TcpNatRunner says how each connection failed", async () => {
  await using server = new StunServer(SINGLE);
  const there = start(server);
  await using runner = open();
  const first = await runner.run(connect(["a", there], ["b", dead()]));
  assertEquals([typeof first.connected![0], first.connected![1]], ["object", "refused"]);
  const second = await runner.run(connect(["a", there]));
  assertEquals(second, { connected: ["local port pair-in-use"] });
});

leakTest("TcpNatRunner gives a connection up when it takes too long", async () => {
  await using runner = open({ clock: hurried });
  // A peer whose queue is full does not answer on Linux
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const crowd: Deno.TcpConn[] = [];
  for (let full = false; !full;) {
    const options = { hostname: "127.0.0.1", port: silent.addr.port };
    const attempt = Deno.connect({ ...options, signal: AbortSignal.timeout(100) });
    await attempt.then((connection) => crowd.push(connection), () => full = true);
  }
  const to = socketAddress(LOOPBACK, silent.addr.port);
  assertEquals(await runner.run(connect(["a", to])), { connected: ["timed-out"] });
  for (const one of crowd) one.close();
});

leakTest("TcpNatRunner asks over all connections at once", async () => {
  using server = new ScriptedTcpServer();
  await using runner = open();
  const [conn1, conn2] = await acceptTwo(server, runner);
  const asking = runner.run(ask(["1", 1], ["2", 2], ["1", 3], ["nobody", 4]));
  // Both questions of the first, then the second's: nobody is answered before all have asked
  const first = await readRequests(conn1, 2);
  const [second] = await readRequests(conn2, 1);
  await conn2.write(answerWith("192.0.2.2:2", second!));
  await conn1.write(answerWith("192.0.2.3:3", first[1]!));
  await conn1.write(answerWith("192.0.2.1:1", first[0]!));
  const { answers, visits } = await asking;
  assertEquals(answers!.map((one) => one?.response.transactionId.at(-1)), [1, 2, 3, undefined]);
  assert(answers!.every((one) => one === undefined || one.rttMs >= 0));
  assertEquals(visits, []);
  conn1.close();
  conn2.close();
});

leakTest("TcpNatRunner has no answer when none comes in time", async () => {
  using server = new ScriptedTcpServer();
  await using runner = open({ askTimeoutMs: 30 });
  const [connection] = await acceptTwo(server, runner, 1);
  assertEquals(await runner.run(ask(["1", 1])), { answers: [undefined], visits: [] });
  connection.close();
});

for (
  const [what, act] of [
    ["closes the connection", (connection: Deno.TcpConn) => connection.close()],
    ["answers with garbage", (connection: Deno.TcpConn) => connection.write(new Uint8Array(99))],
  ] as const
) {
  leakTest(`TcpNatRunner has no answer, then or later, when the server ${what}`, async () => {
    using server = new ScriptedTcpServer();
    await using runner = open();
    const [connection] = await acceptTwo(server, runner, 1);
    const asking = runner.run(ask(["1", 1]));
    await readRequests(connection, 1);
    await act(connection);
    assertEquals(await asking, { answers: [undefined], visits: [] });
    assertEquals(await runner.run(ask(["1", 2])), { answers: [undefined], visits: [] });
    if (what === "answers with garbage") connection.close();
  });
}

leakTest("TcpNatRunner does not listen when somebody else does", async () => {
  await using server = new StunServer(SINGLE);
  await using runner = open();
  const { connected } = await runner.run(connect(["a", start(server)]));
  using _other = Deno.listen({ port: (connected![0] as SocketAddress).port, hostname: "0.0.0.0" });
  assertEquals(await runner.run(listen("a")), { listening: false });
});

leakTest(
  "TcpNatRunner tells who came, with and without a greeting, and waits for neither",
  async () => {
    using server = new ScriptedTcpServer();
    await using runner = open();
    const [connection] = await acceptTwo(server, runner, 1);
    const port = (connection.remoteAddr as Deno.NetAddr).port;
    assertEquals(await runner.run(listen("p")), { listening: true });
    const asking = runner.run(ask(["1", 1]));
    const [request] = await readRequests(connection, 1);
    const scanner = await visit(port, new Uint8Array(0));
    const garbler = await visit(port, new Uint8Array(40).fill(0xff));
    const mute = await Deno.connect({ hostname: "127.0.0.1", port });
    const friend = await visit(port, bindingRequest(new Uint8Array(12).fill(7)));
    await connection.write(answerTo(request!, [
      attribute(DIAL_BACK_RESULT, { outcome: "connected", elapsedMs: 1 }),
    ]));
    const { visits } = await asking;
    const seen = visits!.map(({ from, greeting }) => [from.port, greeting?.transactionId[0]])
      .toSorted(([a], [b]) => a! - b!);
    const expected = [[scanner, undefined], [garbler, undefined], [friend, 7]] as const;
    assertEquals(seen, expected.toSorted(([a], [b]) => a - b).map((one) => [...one]));
    // The mute one is sent away when all is over
    await runner[Symbol.asyncDispose]();
    assertEquals(await mute.read(new Uint8Array(1)), null);
    mute.close();
    connection.close();
  },
);

leakTest("TcpNatRunner tells that nobody came when the server says otherwise", async () => {
  using server = new ScriptedTcpServer();
  await using runner = open({ clock: hurried });
  const [connection] = await acceptTwo(server, runner, 1);
  await runner.run(listen("p"));
  const asking = runner.run(ask(["1", 1]));
  const [request] = await readRequests(connection, 1);
  await connection.write(answerTo(request!, [
    attribute(DIAL_BACK_RESULT, { outcome: "connected", elapsedMs: 1 }),
  ]));
  const { answers, visits } = await asking;
  assertEquals([answers![0]?.response.class, visits], ["success", []]);
  connection.close();
});

leakTest("TcpNatRunner.run() rejects when it was given up before", async () => {
  await using runner = open({ signal: AbortSignal.abort() });
  const error = await assertRejects(() => runner.run(connect(["a", dead()])), QueryError);
  assertEquals(error.code, "aborted");
});

leakTest(
  "TcpNatRunner.run() rejects when it is given up while it waits for an answer",
  async () => {
    using server = new ScriptedTcpServer();
    const controller = new AbortController();
    await using runner = open({ signal: controller.signal });
    const [connection] = await acceptTwo(server, runner, 1);
    const asking = assertRejects(() => runner.run(ask(["1", 1])), QueryError);
    await readRequests(connection, 1);
    controller.abort();
    assertEquals((await asking).code, "aborted");
    connection.close();
  },
);

/** A clock on which no wait is longer than 50 ms. */
const hurried: Clock = {
  ...systemClock,
  setTimer: (ms, callback) => systemClock.setTimer(Math.min(ms, 50), callback),
};

function open(options: Partial<TcpNatRunnerOptions> = {}): TcpNatRunner {
  return new TcpNatRunner({ family: 4, clock: systemClock, signal: undefined, ...options });
}

async function discover(
  servers: readonly SocketAddress[],
  options: Partial<TcpNatRunnerOptions> = {},
): Promise<TcpNatReport> {
  await using runner = open(options);
  const transactionId = () => crypto.getRandomValues(new Uint8Array(12));
  const steps = discoverTcpNat({ servers, transactionId });
  let next = steps.next();
  while (!next.done) next = steps.next(await runner.run(next.value));
  return next.value;
}

/** Connects once or twice, from port "p", as connections "1" and "2". */
async function acceptTwo(
  server: ScriptedTcpServer,
  runner: TcpNatRunner,
  count: 1 | 2 = 2,
): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  const accepted: Deno.TcpConn[] = [];
  const port = Number(server.uri.split(":").at(-1));
  for (let i = 1; i <= count; i++) {
    const [, connection] = await Promise.all([
      runner.run({
        kind: "connect",
        title: "",
        connections: [{
          connection: `${i}`,
          port: i === 1 ? "p" : "q",
          to: socketAddress(LOOPBACK, port),
        }],
      }),
      server.accept(),
    ]);
    accepted.push(connection);
  }
  return accepted as [Deno.TcpConn, Deno.TcpConn];
}

function connect(...targets: readonly (readonly [port: string, to: SocketAddress])[]): TcpNatStep {
  const connections = targets.map(([port, to], i) => ({ connection: `${port}${i}`, port, to }));
  return { kind: "connect", title: "", connections };
}

function ask(...questions: readonly (readonly [connection: string, id: number])[]): TcpNatStep {
  return {
    kind: "ask",
    title: "",
    questions: questions.map(([connection, id]) => ({ connection, request: requestOf(id) })),
  };
}

function listen(port: string): TcpNatStep {
  return { kind: "listen", title: "", port };
}

function requestOf(id: number): Uint8Array {
  return bindingRequest(new Uint8Array(12).fill(id, -1));
}

async function readRequests(
  connection: Deno.TcpConn,
  count: number,
): Promise<{ readonly transactionId: Uint8Array }[]> {
  const bytes = new Uint8Array(20 * count);
  for (let have = 0; have < bytes.length;) {
    const length = await connection.read(bytes.subarray(have));
    if (length === null) throw new Error("Cannot read a request: the connection has ended");
    have += length;
  }
  return Array.from({ length: count }, (_, i) => {
    const message = decodeMessage(bytes.slice(i * 20, i * 20 + 20));
    if (!message.ok) throw new TypeError(message.reason);
    return message.value;
  });
}

/** Connects, writes, ends, and waits until it is closed; the port that it came from. */
async function visit(port: number, bytes: Uint8Array): Promise<number> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  if (bytes.length > 0) await connection.write(bytes);
  await connection.closeWrite();
  assertEquals(await connection.read(new Uint8Array(1)), null);
  connection.close();
  return (connection.localAddr as Deno.NetAddr).port;
}

function start(server: StunServer): SocketAddress {
  return server.start()[0]!.address;
}

function dead(): SocketAddress {
  return socketAddress(LOOPBACK, freePort());
}

function cannot(why: string): TcpNatReport["filtering"] {
  return { value: "unknown", confidence: "none", reason: `this cannot be told: ${why}` };
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
