import { assert, assertEquals, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { once } from "node:events";
import { DoctorRunner } from "../../../lib/client/doctor/doctor_runner.ts";
import { QueryError } from "../../../lib/client/mod.ts";
import { type Clock, systemClock } from "../../../lib/ops/mod.ts";
import { bindingRequest } from "../../../lib/protocol/discovery/mod.ts";
import type {
  DoctorDatagramResult,
  DoctorDatagramStep,
  DoctorStreamResult,
  DoctorStreamStep,
} from "../../../lib/protocol/doctor/mod.ts";
import { formatSocketAddress, type SocketAddress } from "../../../lib/wire/mod.ts";
import { freePort } from "../../support/free_port.ts";
import { leakTest } from "../../support/leak_test.ts";
import { ResettingPeer } from "../../transport/difficult_peers.ts";
import { ScriptedTcpServer, ScriptedUdpServer, socketAddressOf } from "../scripted_server.ts";

leakTest("DoctorRunner sends datagrams in order and collects what comes", async () => {
  using server = new ScriptedUdpServer();
  using runner = open();
  const datagrams = [request(1), request(2)];
  const running = runner.run(datagramStep({ to: at(server.port), datagrams, until: atLeast(2) }));
  const first = await server.receive();
  const second = await server.receive();
  assertEquals([first.request.bytes, second.request.bytes], datagrams);
  await server.send(Uint8Array.of(1), first);
  await server.send(Uint8Array.of(2), first);
  const { arrivals, failure, local, sentAt } = await running as DoctorDatagramResult;
  assertEquals(arrivals.map(({ bytes, from, socket }) => ({ bytes, from, socket })), [
    { bytes: Uint8Array.of(1), from: at(server.port), socket: "a" },
    { bytes: Uint8Array.of(2), from: at(server.port), socket: "a" },
  ]);
  assertEquals([failure, sentAt.length], [undefined, 2]);
  assertEquals(formatSocketAddress(local), `127.0.0.1:${first.from.port}`);
  assert(sentAt[0]! <= sentAt[1]! && sentAt[1]! <= arrivals[0]!.at);
});

leakTest("DoctorRunner sends all again, as often as it is told, when nothing comes", async () => {
  using server = new ScriptedUdpServer();
  using runner = open({ clock: HASTY });
  const datagrams = [request(1), request(2)];
  const running = runner.run(datagramStep({ to: at(server.port), datagrams, attempts: 3 }));
  const received = [];
  for (let i = 0; i < 6; i++) received.push((await server.receive()).request.bytes);
  assertEquals(received, [...datagrams, ...datagrams, ...datagrams]);
  const { arrivals, failure } = await running as DoctorDatagramResult;
  assertEquals([arrivals, failure], [[], undefined]);
});

leakTest("DoctorRunner collects from sockets that are watched, and from no others", async () => {
  using server = new ScriptedUdpServer();
  using runner = open();
  const ports: Deno.NetAddr[] = [];
  for (const socket of ["a", "b", "c"]) {
    const to = at(server.port);
    const running = runner.run(datagramStep({ to, socket, until: atLeast(1) }));
    const received = await server.receive();
    ports.push(received.from);
    await server.send(Uint8Array.of(0), received);
    await running;
  }
  const step = datagramStep({ to: at(server.port), watch: ["b"], until: atLeast(2) });
  const running = runner.run(step);
  const received = await server.receive();
  for (const from of [ports[2]!, ports[1]!, ports[0]!]) {
    await server.send(Uint8Array.of(1), { ...received, from });
  }
  const { arrivals } = await running as DoctorDatagramResult;
  assertEquals(arrivals.map(({ socket }) => socket).sort(), ["a", "b"]);
});

leakTest("DoctorRunner keeps no more datagrams than it has a use for", async () => {
  using server = new ScriptedUdpServer();
  using runner = open();
  let seen = 0;
  const until = (arrivals: readonly unknown[]) => (seen = arrivals.length) >= 2000;
  const step = datagramStep({ to: at(server.port), until, waitMs: 60_000, lingerMs: 100 });
  const running = runner.run(step);
  const received = await server.receive();
  let ended = false;
  void running.then(() => ended = true);
  // The system may drop some of them, which the next make up for
  while (seen < 2000 && !ended) await server.send(Uint8Array.of(1), received);
  for (let i = 0; i < 50; i++) await server.send(Uint8Array.of(1), received);
  assertEquals((await running as DoctorDatagramResult).arrivals.length, 2000);
});

leakTest("DoctorRunner says when this host cannot send", async () => {
  using runner = open({ clock: HASTY });
  // No system sends to port 0
  const result = await runner.run(datagramStep({ to: at(0) }));
  const { failure, arrivals } = result as DoctorDatagramResult;
  assertEquals([failure, arrivals], ["this host cannot send to it", []]);
});

leakTest(
  "DoctorRunner acts on a connection and collects what comes until that is enough",
  async () => {
    using server = new ScriptedTcpServer();
    using runner = open();
    const running = runner.run(streamStep({
      to: toAddress(server.uri),
      actions: [
        { kind: "write", bytes: Uint8Array.of(1) },
        { kind: "wait", ms: 1 },
        { kind: "write", bytes: Uint8Array.of(2) },
        { kind: "finish" },
      ],
      until: (received) => received.length >= 3,
    }));
    const connection = await server.accept();
    assertEquals(await readAll(connection), [1, 2]);
    await connection.write(Uint8Array.of(7, 8));
    await connection.write(Uint8Array.of(9));
    const result = await running as DoctorStreamResult;
    const { failure, end, received, local, applicationProtocol } = result;
    assertEquals({ failure, end, received: [...received], applicationProtocol }, {
      failure: undefined,
      end: "open",
      received: [7, 8, 9],
      applicationProtocol: undefined,
    });
    assertEquals(local?.port, connection.remoteAddr.port);
    connection.close();
  },
);

leakTest("DoctorRunner stops acting when the server ends the connection", async () => {
  using server = new ScriptedTcpServer();
  using runner = open();
  const running = runner.run(patientStep(toAddress(server.uri)));
  const connection = await server.accept();
  await connection.read(new Uint8Array(20));
  connection.close();
  const { failure, end, received, openMs } = await running as DoctorStreamResult;
  assertEquals([failure, end, [...received]], [undefined, "closed", []]);
  assertGreaterOrEqual(openMs, 0);
});

leakTest("DoctorRunner stops acting when the server resets the connection", async () => {
  await using server = await ResettingPeer.open();
  using runner = open();
  const running = runner.run(patientStep(server.address));
  const connection = await server.accepted;
  await once(connection, "data");
  connection.resetAndDestroy();
  const { failure, end, received } = await running as DoctorStreamResult;
  assertEquals([failure, end, [...received]], [undefined, "reset", []]);
});

leakTest("DoctorRunner reads no more than it has a use for", async () => {
  using server = new ScriptedTcpServer();
  using runner = open();
  const running = runner.run(streamStep({ to: toAddress(server.uri), waitMs: 3_600_000 }));
  const connection = await server.accept();
  const writing = (async () => {
    for (;;) await connection.write(new Uint8Array(16_384));
  })().catch(() => {});
  const { received, end } = await running as DoctorStreamResult;
  assertEquals([received.length >= 262_144, received.length < 300_000, end], [true, true, "open"]);
  await writing;
  connection.close();
});

leakTest("DoctorRunner says why there is no connection", async () => {
  using runner = open();
  const to = at(freePort());
  const result = await runner.run(streamStep({ to }));
  const { failure, local, received } = result as DoctorStreamResult;
  const message = `Cannot connect to tcp ${formatSocketAddress(to)}: the peer refuses connections`;
  assertEquals([failure, local, received.length], [message, undefined, 0]);
});

for (const kind of ["datagrams", "stream"] as const) {
  leakTest(`DoctorRunner gives up ${kind} when it is told to`, async () => {
    using udp = new ScriptedUdpServer();
    using tcp = new ScriptedTcpServer();
    const giveUp = new AbortController();
    using runner = open({ signal: giveUp.signal });
    const step = kind === "datagrams"
      ? datagramStep({ to: at(udp.port), waitMs: 3_600_000 })
      : streamStep({ to: toAddress(tcp.uri), waitMs: 3_600_000 });
    const running = runner.run(step);
    const connection = kind === "stream" ? await tcp.accept() : undefined;
    if (kind === "datagrams") await udp.receive();
    giveUp.abort();
    const error = await assertRejects(() => running, QueryError);
    assertEquals(error.code, "aborted");
    connection?.close();
  });
}

function open(
  { clock = systemClock, signal }: { readonly clock?: Clock; readonly signal?: AbortSignal } = {},
): DoctorRunner {
  return new DoctorRunner({ hostname: "localhost", caCerts: undefined, clock, signal });
}

function datagramStep(
  step: Partial<DoctorDatagramStep> & Pick<DoctorDatagramStep, "to">,
): DoctorDatagramStep {
  return {
    kind: "datagrams",
    socket: "a",
    datagrams: [request(0)],
    attempts: 1,
    waitMs: 10_000,
    until: () => false,
    ...step,
  };
}

function streamStep(
  step: Partial<DoctorStreamStep> & Pick<DoctorStreamStep, "to">,
): DoctorStreamStep {
  return {
    kind: "stream",
    transport: "tcp",
    actions: [],
    until: () => false,
    waitMs: 10_000,
    ...step,
  };
}

/** Writes twice, an hour apart. */
function patientStep(to: SocketAddress): DoctorStreamStep {
  const write = { kind: "write", bytes: new Uint8Array(20) } as const;
  const actions = [write, { kind: "wait", ms: 3_600_000 }, write] as const;
  return streamStep({ to, actions, waitMs: 3_600_000 });
}

function atLeast(count: number): (arrivals: readonly unknown[]) => boolean {
  return (arrivals) => arrivals.length >= count;
}

function request(id: number): Uint8Array {
  return bindingRequest(new Uint8Array(12).fill(id)).slice();
}

function at(port: number): SocketAddress {
  return socketAddressOf(`127.0.0.1:${port}`);
}

function toAddress(uri: string): SocketAddress {
  return socketAddressOf(uri.slice("stun:".length));
}

async function readAll(connection: Deno.TcpConn): Promise<number[]> {
  const bytes: number[] = [];
  const buffer = new Uint8Array(64);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return bytes;
    bytes.push(...buffer.subarray(0, count));
  }
}

/** Time that passes a hundred times as fast, for what has to be waited for in vain. */
const HASTY: Clock = {
  ...systemClock,
  setTimer: (ms, callback) => systemClock.setTimer(ms / 100, callback),
};
