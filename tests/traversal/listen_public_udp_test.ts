import { assertEquals, assertRejects } from "@std/assert";
import { bindingRequest } from "../../lib/protocol/discovery/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import {
  listenPublicUdp,
  PublicListenerError,
  type PublicUdpSocket,
} from "../../lib/traversal/mod.ts";
import { formatSocketAddress, type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";
import { answerTo, answerWith, ScriptedUdpServer } from "../client/scripted_server.ts";
import { leakTest } from "../support/leak_test.ts";
import { EventLog } from "./event_log.ts";
import { fastClock } from "./fast_clock.ts";

const ONE = "203.0.113.1:5000";
const TWO = "203.0.113.2:6000";

for (const hostname of ["127.0.0.1", "::1"]) {
  leakTest(`listenPublicUdp() learns its address from our server on ${hostname}`, async () => {
    await using server = new StunServer({ hostnames: [hostname], port: 0, transports: ["udp"] });
    const { address } = server.start()[0]!;
    const log = new EventLog();
    const servers = [`stun:${formatSocketAddress(address)}`];
    await using socket = await listenPublicUdp({ servers, onEvent: log.take });
    assertEquals([socket.publicAddress, socket.nat], [socket.localAddress, false]);
    assertEquals(socket.publicAddress!.ip, address.ip);
    assertEquals(log.lines, [
      `connected ${formatSocketAddress(address)}`,
      `refresh ${formatSocketAddress(socket.publicAddress!)} by ${formatSocketAddress(address)}`,
    ]);
  });
}

leakTest("listenPublicUdp() sends, and hands on all that is not an answer to it", async () => {
  await using world = new World();
  await using socket = await world.listen();
  using friend = new Friend();
  const request = bindingRequest(new Uint8Array(12).fill(3));
  const stray = answerWith(ONE, { transactionId: new Uint8Array(12).fill(4) });
  const sent = [Uint8Array.of(1, 2, 3), new Uint8Array(0), request, stray];
  for (const bytes of sent) await friend.send(bytes, socket);
  // Duplicates of answers are not of interest, an answer of the server's to a stranger's question is
  await world.server.send(world.lastAnswer!, world.last!);
  await world.server.send(stray, world.last!);
  const iterator = socket[Symbol.asyncIterator]();
  for (const bytes of sent) {
    assertEquals((await iterator.next()).value, { bytes, peer: friend.address });
  }
  assertEquals((await iterator.next()).value, {
    bytes: stray,
    peer: socketAddress(LOOPBACK, world.server.port),
  });
  await socket.send(Uint8Array.of(9), friend.address);
  assertEquals(await friend.receive(), [9]);
  assertEquals([socket.dropped, socket.sendFailures], [0, 0]);
});

leakTest("listenPublicUdp() throws away what comes when too many are waiting", async () => {
  await using world = new World();
  await using socket = await world.listen({ maxPending: 2 });
  using friend = new Friend();
  for (const i of [1, 2, 3, 4]) await friend.send(Uint8Array.of(i), socket);
  while (socket.dropped < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const iterator = socket[Symbol.asyncIterator]();
  assertEquals([...(await iterator.next()).value.bytes], [1]);
  assertEquals([...(await iterator.next()).value.bytes], [2]);
});

leakTest("listenPublicUdp() tells a NAT, and the new address when it has changed", async () => {
  await using world = new World({ reflexive: ONE });
  const log = new EventLog();
  await using socket = await world.listen({ keepAliveMs: 100, onEvent: log.take });
  assertEquals([formatSocketAddress(socket.publicAddress!), socket.nat], [ONE, true]);
  world.reflexive = TWO;
  await log.until(/^refresh 203.0.113.2/);
  assertEquals(formatSocketAddress(socket.publicAddress!), TWO);
});

leakTest(
  "listenPublicUdp() tells the loss when the server is silent, and when it is back",
  async () => {
    await using world = new World({ reflexive: ONE });
    const log = new EventLog();
    await using socket = await world.listen({ onEvent: log.take, clock: fastClock });
    world.answers = "never";
    assertEquals(await log.until(/^lost/), "lost: no answer within 5 s");
    assertEquals(socket.publicAddress, undefined);
    world.answers = "yes";
    await log.until(/^refresh/, log.lines.findIndex((line) => line.startsWith("lost")));
    assertEquals(formatSocketAddress(socket.publicAddress!), ONE);
    log.assertLines(/not-holding/, []);
  },
);

leakTest("listenPublicUdp() loses nothing when one of two servers falls silent", async () => {
  await using one = new World({ reflexive: ONE });
  await using two = new World({ reflexive: ONE });
  const log = new EventLog();
  await using socket = await listenPublicUdp({
    servers: [one.server.uri, two.server.uri],
    clock: fastClock,
    onEvent: log.take,
  });
  one.answers = "never";
  await log.until(/^closed/);
  assertEquals(formatSocketAddress(socket.publicAddress!), ONE);
  log.assertLines(/^lost/, []);
});

for (
  const [what, answers, code] of [
    ["nothing", "never", "timed-out"],
    ["an error", "error", "bad-response"],
  ] as const
) {
  leakTest(`listenPublicUdp() rejects when the server answers ${what}`, async () => {
    await using world = new World({ answers });
    const error = await assertRejects(
      () => world.listen({ clock: fastClock }),
      PublicListenerError,
    );
    assertEquals(error.code, code);
  });
}

leakTest("listenPublicUdp() rejects when two servers see two addresses", async () => {
  await using one = new World({ reflexive: ONE });
  await using two = new World({ reflexive: TWO });
  const error = await assertRejects(
    () => listenPublicUdp({ servers: [one.server.uri, two.server.uri] }),
    PublicListenerError,
  );
  assertEquals(error.code, "mapping-depends");
});

leakTest("listenPublicUdp() rejects when the local port is in use", async () => {
  await using world = new World();
  using other = new Friend("0.0.0.0");
  const localPort = other.address.port;
  const error = await assertRejects(() => world.listen({ localPort }), PublicListenerError);
  assertEquals(error.code, "port-in-use");
});

leakTest("listenPublicUdp() closes when it is given up, and ends the iteration", async () => {
  await using world = new World();
  const abort = new AbortController();
  const log = new EventLog();
  const socket = await world.listen({ signal: abort.signal, onEvent: log.take });
  const next = socket[Symbol.asyncIterator]().next();
  abort.abort();
  assertEquals(await next, { done: true, value: undefined });
  await log.until(/^close$/);
});

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

/** What a {@linkcode World} does with requests. */
interface WorldScript {
  readonly reflexive?: string;
  readonly answers?: "yes" | "error" | "never";
}

/** A STUN server that says what the test wants. */
class World implements AsyncDisposable {
  readonly server = new ScriptedUdpServer();
  reflexive: string | undefined;
  answers: "yes" | "error" | "never";
  last: Awaited<ReturnType<ScriptedUdpServer["receive"]>> | undefined;
  lastAnswer: Uint8Array | undefined;
  readonly #serving: Promise<void>;
  #isOver = false;

  constructor({ reflexive, answers = "yes" }: WorldScript = {}) {
    this.reflexive = reflexive;
    this.answers = answers;
    this.#serving = this.#serve();
  }

  listen(
    options: Partial<Parameters<typeof listenPublicUdp>[0]> = {},
  ): Promise<PublicUdpSocket> {
    return listenPublicUdp({ servers: [this.server.uri], ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.server[Symbol.dispose]();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    try {
      for (;;) {
        const received = this.last = await this.server.receive();
        const { hostname, port } = received.from;
        if (this.answers === "never") continue;
        const address = this.reflexive ?? `${hostname}:${port}`;
        this.lastAnswer = this.answers === "yes"
          ? answerWith(address, received.request)
          : answerTo(received.request, [], { class: "error" });
        await this.server.send(this.lastAnswer, received);
      }
    } catch (error) {
      if (!this.#isOver) throw error;
    }
  }
}

/** Somebody else. */
class Friend implements Disposable {
  readonly #socket: Deno.DatagramConn;

  constructor(hostname = "127.0.0.1") {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  }

  get address(): SocketAddress {
    return socketAddress(LOOPBACK, (this.#socket.addr as Deno.NetAddr).port);
  }

  async send(bytes: Uint8Array, { localAddress: { port } }: PublicUdpSocket): Promise<void> {
    await this.#socket.send(bytes, { transport: "udp", hostname: "127.0.0.1", port });
  }

  async receive(): Promise<number[]> {
    return [...(await this.#socket.receive())[0]];
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
