import { assertEquals } from "@std/assert";
import type { NoticeOutcome } from "../../lib/cli/change_hook.ts";
import type { ExposeEvent } from "../../lib/cli/expose_event.ts";
import { expose, type ExposeWorld } from "../../lib/cli/expose_session.ts";
import type { ExposeSettings } from "../../lib/cli/expose_settings.ts";
import {
  type DialBackFinding,
  HoldingEvent,
  ListeningGapEvent,
  type ListenPublicTcpOptions,
  PublicAddressEvent,
  PublicListenerError,
} from "../../lib/traversal/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { listenTcp, openDenoDatagram, type StreamConnection } from "../../lib/transport/mod.ts";
import { address } from "../protocol/binding_cases.ts";
import { FakeConnection } from "../server/fake_stream.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import {
  dialBackConnected,
  dialBackTimedOut,
  FAKE_SERVER,
  FakePublicTcpListener,
  FakePublicUdpSocket,
} from "./fake_public_listener.ts";

const LOCAL = address("192.168.1.2:40000");
const FIRST = address("203.0.113.11:40000");
const SECOND = address("203.0.113.99:41000");

leakTest(
  "expose() tells where it listens, the public address, and that it is verified",
  async () => {
    await using session = new Session();
    await session.until("verified");
    assertEquals(session.events, [
      {
        event: "listening",
        transport: "tcp",
        service: "127.0.0.1:8080",
        local: LOCAL,
        nat: true,
        sharing: "turns",
      },
      { event: "refresh", public: FIRST, previous: undefined, local: LOCAL },
      { event: "traffic", open: 0, receivedBytes: 0, sentBytes: 0 },
      {
        event: "verified",
        public: FIRST,
        reachable: true,
        reason: "a connection came in from 198.51.100.1:50001, never contacted before",
        dialBack: [dialBackConnected(false), dialBackConnected(true)],
      },
    ]);
  },
);

leakTest("expose() opens the listener as it is told to", async () => {
  await using session = new Session({
    settings: {
      servers: ["stun:one.example", "stun:two.example"],
      family: 6,
      localPort: 4321,
      keepAliveMs: 9_000,
      keepAliveUrl: "http://www.example/",
    },
  });
  await session.until("verified");
  const { signal: _, clock: _clock, onEvent: _onEvent, ...options } = session.options!;
  assertEquals(options, {
    servers: ["stun:one.example", "stun:two.example"],
    family: 6,
    localPort: 4321,
    keepAliveMs: 9_000,
    keepAliveUrl: "http://www.example/",
  });
});

leakTest(
  "expose() says that it is not verified, and why, when a dial-back does not arrive",
  async () => {
    await using session = new Session({ answer: dialBackTimedOut });
    assertEquals(await session.until("unverified"), {
      event: "unverified",
      public: FIRST,
      reachable: false,
      reason: "a connection from another port of the server gets no answer",
      dialBack: [dialBackTimedOut(false), dialBackTimedOut(true)],
    });
  },
);

leakTest("expose() forwards visitors to the service, and tells of them", async () => {
  await using service = new Echo();
  await using session = new Session({ settings: { service: service.target } });
  const visitor = new FakeConnection("198.51.100.7:1234");
  session.listener.give(visitor);
  visitor.give(new Uint8Array(300), undefined);
  const closed = await session.until("closed");
  assertEquals(visitor.writes.reduce((sum, { length }) => sum + length, 0), 300);
  assertEquals(visitor.events.slice(-2), ["fin", "close"]);
  const from = address("198.51.100.7:1234");
  assertEquals(session.find("connection"), { event: "connection", id: 1, from, open: 1 });
  assertEquals(closed, {
    ...{ event: "closed", id: 1, from, outcome: "finished" },
    ...{ receivedBytes: 300, sentBytes: 300, elapsedMs: 0, open: 0 },
  });
  session.clock.advance(10_000);
  assertEquals(session.events.at(-1), {
    event: "traffic",
    open: 0,
    receivedBytes: 300,
    sentBytes: 300,
  });
});

leakTest("expose() closes a visitor whom the service refuses, and says so", async () => {
  const listener = listenTcp({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  const { port } = listener.localAddress;
  listener.close();
  await using session = new Session({ settings: { service: { host: "127.0.0.1", port } } });
  const visitor = new FakeConnection("198.51.100.7:1234");
  session.listener.give(visitor);
  const closed = await session.until("closed");
  assertEquals(visitor.events, ["close"]);
  assertEquals(closed.event === "closed" && [closed.outcome, closed.reason], [
    "no-service",
    `Cannot connect to tcp 127.0.0.1:${port}: the peer refuses connections`,
  ]);
});

leakTest(
  "expose() follows a change: tells it, runs the hook, posts it, verifies again",
  async () => {
    const hooks: unknown[] = [];
    const posts: unknown[] = [];
    await using session = new Session({
      hook: ({ publicAddress, localAddress }) => {
        hooks.push([publicAddress, localAddress].map(formatSocketAddress));
        return taken("exit code 0");
      },
      webhook: ({ event, public: address }) => {
        posts.push([event, address]);
        return taken("status 200");
      },
    });
    await session.until("verified");
    session.listener.refresh("203.0.113.99:41000");
    await session.until("verified", 2);
    await session.until("webhook", 4);
    assertEquals(session.events.filter(({ event }) => event === "refresh"), [
      { event: "refresh", public: FIRST, previous: undefined, local: LOCAL },
      { event: "refresh", public: SECOND, previous: FIRST, local: LOCAL },
    ]);
    assertEquals(hooks, [
      ["203.0.113.11:40000", "192.168.1.2:40000"],
      ["203.0.113.99:41000", "192.168.1.2:40000"],
    ]);
    assertEquals(posts, [
      ["refresh", "203.0.113.11:40000"],
      ["verified", "203.0.113.11:40000"],
      ["refresh", "203.0.113.99:41000"],
      ["verified", "203.0.113.99:41000"],
    ]);
    assertEquals(session.listener.dialBacks, [false, true, false, true]);
    assertEquals(session.find("hook"), { event: "hook", ok: true, detail: "exit code 0" });
  },
);

leakTest("expose() tells that the address is lost, and of its return", async () => {
  await using session = new Session();
  await session.until("verified");
  session.listener.lose("no server answers");
  assertEquals(session.events.at(-1), { event: "lost", reason: "no server answers" });
  session.listener.refresh("203.0.113.11:40000");
  await session.until("verified", 2);
  assertEquals(session.events.filter(({ event }) => event === "refresh").length, 2);
});

leakTest("expose() tells the address that it begins with once", async () => {
  await using session = new Session();
  const { listener } = session;
  await session.until("listening");
  listener.dispatchEvent(
    new PublicAddressEvent({
      publicAddress: FIRST,
      previous: undefined,
      localAddress: LOCAL,
      server: FAKE_SERVER,
    }),
  );
  await session.until("verified");
  assertEquals(session.events.filter(({ event }) => event === "refresh").length, 1);
});

leakTest(
  "expose() passes over what was found of an address that has changed meanwhile",
  async () => {
    const late = Promise.withResolvers<DialBackFinding>();
    await using session = new Session({ answer: () => late.promise });
    await session.until("refresh");
    session.listener.answer = dialBackConnected;
    session.listener.refresh("203.0.113.99:41000");
    late.resolve(dialBackTimedOut(false));
    await session.until("verified");
    assertEquals(session.events.filter(({ event }) => /verified/.test(event)).length, 1);
  },
);

leakTest("expose() ends when it is told to, with a moment for those who are there", async () => {
  await using service = new Echo();
  await using session = new Session({ settings: { service: service.target } });
  const visitor = new FakeConnection("198.51.100.7:1234");
  session.listener.give(visitor);
  visitor.give(new Uint8Array(3));
  await session.until("verified");
  while (visitor.writes.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  session.stop.abort("SIGINT");
  await session.clock.untilTimer(2_000);
  assertEquals([session.listener.closed, visitor.closed], [true, false]);
  session.clock.advance(2_000);
  await session.ended;
  assertEquals(visitor.events, ["write 3", "close"]);
  assertEquals(session.events.slice(-3).map(({ event }) => event), [
    "closed",
    "traffic",
    "stopped",
  ]);
  assertEquals(session.events.at(-1), { event: "stopped", reason: "SIGINT" });
  assertEquals(session.clock.timers, []);
});

leakTest("expose() says so when the listener ends by itself", async () => {
  await using session = new Session();
  await session.until("verified");
  await session.listener.close();
  await session.ended;
  assertEquals(session.events.at(-1), {
    event: "stopped",
    reason: "the public listener has ended",
  });
});

leakTest("expose() does not begin when it is told to end beforehand", async () => {
  await using session = new Session({ stopped: true });
  await session.ended;
  assertEquals(session.listener.closed, true);
  assertEquals(session.events.at(-1), { event: "stopped", reason: "SIGTERM" });
});

leakTest("expose() forwards UDP, and verifies nothing", async () => {
  const service = openDenoDatagram({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  const { port } = service.localAddress;
  const session = new UdpSession({ host: "127.0.0.1", port });
  const peer = address("198.51.100.7:1234");
  session.socket.give({ bytes: Uint8Array.of(1, 2, 3), peer });
  const [asked] = await service.receive();
  assertEquals(asked!.bytes, Uint8Array.of(1, 2, 3));
  await service.send([{ bytes: Uint8Array.of(4, 5), peer: asked!.peer }]);
  while (session.socket.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(session.socket.sent, [{ bytes: Uint8Array.of(4, 5), peer }]);
  session.stop.abort("SIGINT");
  await session.ended;
  service.close();
  assertEquals(session.events.map(({ event }) => event), [
    ...["listening", "refresh", "traffic", "connection", "closed", "traffic", "stopped"],
  ]);
  assertEquals(session.events[0], {
    event: "listening",
    transport: "udp",
    service: `127.0.0.1:${port}`,
    local: LOCAL,
    nat: true,
  });
});

const SETTINGS: ExposeSettings = {
  service: { host: "127.0.0.1", port: 8080 },
  servers: ["stun:stun.example"],
  transport: "tcp",
  family: undefined,
  localPort: undefined,
  keepAliveMs: undefined,
  keepAliveUrl: undefined,
  allow: [],
  maxConnections: undefined,
  onChange: undefined,
  webhook: undefined,
  json: true,
};

/** `expose()` of a TCP service at work, with a fake listener and a clock that stands still. */
class Session implements AsyncDisposable {
  readonly listener = new FakePublicTcpListener<StreamConnection>();
  readonly clock = new VirtualClock();
  readonly stop = new AbortController();
  readonly events: ExposeEvent[] = [];
  readonly ended: Promise<void>;
  options: ListenPublicTcpOptions | undefined;
  #onEvent = () => {};

  constructor(
    { settings = {}, answer, hook, webhook, stopped = false }: {
      readonly settings?: Partial<ExposeSettings>;
      readonly answer?: FakePublicTcpListener<StreamConnection>["answer"];
      readonly hook?: ExposeWorld["hook"];
      readonly webhook?: ExposeWorld["webhook"];
      readonly stopped?: boolean;
    } = {},
  ) {
    if (answer !== undefined) this.listener.answer = answer;
    if (stopped) this.stop.abort("SIGTERM");
    this.ended = expose({ ...SETTINGS, ...settings }, {
      listenTcp: (options) => {
        this.options = options;
        return Promise.resolve(this.listener);
      },
      listenUdp: () => Promise.reject(new TypeError("not asked for")),
      clock: this.clock,
      signal: this.stop.signal,
      tell: (event) => {
        this.events.push(event);
        this.#onEvent();
      },
      hook,
      webhook,
    });
  }

  find(name: ExposeEvent["event"]): ExposeEvent | undefined {
    return this.events.find(({ event }) => event === name);
  }

  /** The `count`-th event of a name, told already or yet to come. */
  async until(name: ExposeEvent["event"], count = 1): Promise<ExposeEvent> {
    for (;;) {
      const found = this.events.filter(({ event }) => event === name)[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#onEvent = resolve);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort("SIGINT");
    await this.ended;
  }
}

/** The same for UDP. */
class UdpSession {
  readonly socket = new FakePublicUdpSocket();
  readonly stop = new AbortController();
  readonly events: ExposeEvent[] = [];
  readonly ended: Promise<void>;

  constructor(service: ExposeSettings["service"]) {
    this.ended = expose({ ...SETTINGS, service, transport: "udp" }, {
      listenTcp: () => Promise.reject(new TypeError("not asked for")),
      listenUdp: () => Promise.resolve(this.socket),
      clock: new VirtualClock(),
      signal: this.stop.signal,
      tell: (event) => void this.events.push(event),
    });
  }
}

/** A service on loopback that sends back what it is sent. */
class Echo implements AsyncDisposable {
  readonly #listener = listenTcp({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  readonly #serving: Promise<void>;

  constructor() {
    this.#serving = this.#serve();
  }

  get target(): ExposeSettings["service"] {
    return { host: "127.0.0.1", port: this.#listener.localAddress.port };
  }

  async #serve(): Promise<void> {
    const connections: Promise<void>[] = [];
    for (;;) {
      const connection = await this.#listener.accept();
      if (connection === undefined) break;
      connections.push(this.#echo(connection));
    }
    await Promise.all(connections);
  }

  async #echo(connection: StreamConnection): Promise<void> {
    for (let bytes = await connection.read(); bytes; bytes = await connection.read()) {
      await connection.write(bytes);
    }
    connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }
}

function taken(detail: string): Promise<NoticeOutcome> {
  return Promise.resolve({ ok: true, detail });
}
