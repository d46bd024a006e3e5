import { assertEquals, assertRejects } from "@std/assert";
import {
  NatProbeRunner,
  type NatProbeRunnerOptions,
} from "../../../lib/client/discovery/nat_probe_runner.ts";
import { QueryError } from "../../../lib/client/mod.ts";
import { systemClock } from "../../../lib/ops/mod.ts";
import {
  bindingRequest,
  type NatProbe,
  PATIENT_TIMING,
} from "../../../lib/protocol/discovery/mod.ts";
import { decodeMessage, formatSocketAddress, type SocketAddress } from "../../../lib/wire/mod.ts";
import { leakTest } from "../../support/leak_test.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { answerWith, ScriptedUdpServer, socketAddressOf } from "../scripted_server.ts";

leakTest("NatProbeRunner tells what came back, from where, to which address", async () => {
  using server = new ScriptedUdpServer();
  using runner = new NatProbeRunner(options());
  const running = runner.run({ title: "Test", probes: [probe("one", at(server))] });
  const received = await server.receive();
  await server.send(answerWith("192.0.2.1:1000", received.request), received);
  const [result] = await running;
  const { port } = received.from;
  assertEquals(result, {
    answered: true,
    response: decoded(answerWith("192.0.2.1:1000", received.request)),
    source: at(server),
    rttMs: 0,
    attempts: 1,
    local: socketAddressOf(`127.0.0.1:${port}`),
  });
});

leakTest("NatProbeRunner keeps a socket by its name from step to step", async () => {
  using server = new ScriptedUdpServer();
  using runner = new NatProbeRunner(options());
  const ports = [];
  for (const sockets of [["one", "two"], ["two"], ["one"]]) {
    const probes = sockets.map((socket) => probe(socket, at(server)));
    const running = runner.run({ title: "Test", probes });
    const seen = new Map<string, number>();
    for (const _ of sockets) {
      const received = await server.receive();
      const id = received.request.transactionId.toHex();
      seen.set(id, received.from.port);
      await server.send(answerWith("192.0.2.1:1000", received.request), received);
    }
    await running;
    ports.push(probes.map(({ request }) => seen.get(decoded(request).transactionId.toHex())));
  }
  const [[one, two]] = ports as [[number, number]];
  assertEquals(ports, [[one, two], [two], [one]]);
  assertEquals(one !== two, true);
});

leakTest("NatProbeRunner takes an answer from anywhere, and says from where", async () => {
  using server = new ScriptedUdpServer();
  using other = new ScriptedUdpServer();
  using runner = new NatProbeRunner(options());
  const running = runner.run({ title: "Test", probes: [probe("one", at(server))] });
  const received = await server.receive();
  await other.send(answerWith("192.0.2.1:1000", received.request), received);
  const [result] = await running;
  assertEquals(result?.answered === true && result.source, at(other));
});

leakTest(
  "NatProbeRunner hears an answer on the socket where it is to arrive, and no other",
  async () => {
    using server = new ScriptedUdpServer();
    using runner = new NatProbeRunner(options());
    const opening = runner.run({ title: "Test", probes: [probe("rested", at(server))] });
    const rested = await server.receive();
    await server.send(answerWith("192.0.2.1:1000", rested.request), rested);
    await opening;
    const asked = { ...probe("asking", at(server)), arrivesOn: "rested" };
    const running = runner.run({ title: "Test", probes: [asked] });
    const received = await server.receive();
    await server.send(answerWith("192.0.2.1:1", received.request), received);
    await server.send(answerWith("192.0.2.1:2", received.request), {
      ...received,
      from: rested.from,
    });
    const [result] = await running;
    assertEquals(
      result?.answered === true && result.response,
      decoded(answerWith("192.0.2.1:2", received.request)),
    );
  },
);

leakTest(
  "NatProbeRunner sees a request itself arrive that one socket sends to another",
  async () => {
    using server = new ScriptedUdpServer();
    using runner = new NatProbeRunner(options());
    const names = ["one", "two"] as const;
    const opening = runner.run({
      title: "Test",
      probes: names.map((socket) => probe(socket, at(server))),
    });
    for (const _ of names) {
      const received = await server.receive();
      await server.send(answerWith("192.0.2.1:1000", received.request), received);
    }
    const [one, two] = await opening;
    const itself = { ...probe("one", two!.local), arrivesOn: "two", expects: "itself" } as const;
    const [result] = await runner.run({ title: "Test", probes: [itself] });
    assertEquals(
      result?.answered === true && formatSocketAddress(result.source),
      [
        formatSocketAddress(one!.local),
      ][0],
    );
  },
);

leakTest("NatProbeRunner sends as the timing says, and tells of silence", async () => {
  using silent = new ScriptedUdpServer();
  const clock = new VirtualClock();
  using runner = new NatProbeRunner(options({ clock }));
  const running = runner.run({ title: "Test", probes: [probe("one", at(silent))] });
  const times = [];
  let port = 0;
  for (let i = 0; i < PATIENT_TIMING.maxRequests; i++) {
    ({ from: { port } } = await silent.receive());
    times.push(clock.now());
    clock.advance(clock.timers[0]! - clock.now());
  }
  assertEquals(times, [0, ...Array.from({ length: 13 }, (_, i) => 250 + 500 * i)]);
  assertEquals(await running, [{
    answered: false,
    attempts: 14,
    local: socketAddressOf(`127.0.0.1:${port}`),
  }]);
  assertEquals(clock.now(), 250 + 500 * 12 + 1000);
});

leakTest("NatProbeRunner waits before it sends, where the step says so", async () => {
  using server = new ScriptedUdpServer();
  const clock = new VirtualClock();
  using runner = new NatProbeRunner(options({ clock }));
  const running = runner.run({ title: "Test", probes: [probe("one", at(server))], waitMs: 5000 });
  assertEquals(clock.timers, [5000]);
  clock.advance(5000);
  const received = await server.receive();
  await server.send(answerWith("192.0.2.1:1000", received.request), received);
  assertEquals((await running)[0]?.answered, true);
  assertEquals(clock.timers, []);
});

leakTest("NatProbeRunner leaves no listener on the signal after a wait", async () => {
  const signal = new AbortController().signal;
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListener, options?: unknown) => {
    listeners.add(listener);
    add(type, listener, options as AddEventListenerOptions);
  };
  signal.removeEventListener = (type: string, listener: EventListener) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  const clock = new VirtualClock();
  using runner = new NatProbeRunner(options({ clock, signal }));
  const running = runner.run({ title: "Test", probes: [], waitMs: 10 });
  assertEquals(listeners.size, 1);
  clock.advance(10);
  await running;
  assertEquals(listeners.size, 0);
});

for (const when of ["before the wait", "during the wait", "during the probe"] as const) {
  leakTest(`NatProbeRunner gives up at once when it is aborted ${when}`, async () => {
    using silent = new ScriptedUdpServer();
    const clock = new VirtualClock();
    const abort = new AbortController();
    const { signal } = abort;
    using runner = new NatProbeRunner(options({ clock, signal }));
    if (when === "before the wait") abort.abort();
    const waitMs = when === "during the probe" ? 0 : 60_000;
    const running = runner.run({ title: "Test", probes: [probe("one", at(silent))], waitMs });
    if (when === "during the probe") {
      clock.advance(0);
      await silent.receive();
    }
    abort.abort();
    const { code } = await assertRejects(() => running, QueryError);
    assertEquals([code, clock.timers], ["aborted", []]);
  });
}

leakTest("NatProbeRunner sends over IPv6 from sockets of 16 bytes", async () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "::1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  using runner = new NatProbeRunner(options({ ipBytes: 16, clock: systemClock }));
  const running = runner.run({
    title: "Test",
    probes: [probe("one", socketAddressOf(`[::1]:${port}`))],
  });
  const [bytes, from] = await socket.receive();
  await socket.send(answerWith("[2001:db8::1]:1000", decoded(bytes)), from);
  const [result] = await running;
  assertEquals(
    [result!.answered, formatSocketAddress(result!.local)],
    [true, `[::1]:${(from as Deno.NetAddr).port}`],
  );
  socket.close();
});

function options(other: Partial<NatProbeRunnerOptions> = {}): NatProbeRunnerOptions {
  return { ipBytes: 4, clock: new VirtualClock(), signal: undefined, ...other };
}

function probe(socket: string, to: SocketAddress): NatProbe {
  const request = bindingRequest(crypto.getRandomValues(new Uint8Array(12)));
  return { socket, to, request, timing: PATIENT_TIMING, asks: "binding" };
}

function at({ port }: ScriptedUdpServer): SocketAddress {
  return socketAddressOf(`127.0.0.1:${port}`);
}

function decoded(bytes: Uint8Array) {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new TypeError(message.reason);
  return message.value;
}
