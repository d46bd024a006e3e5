import { assertEquals } from "@std/assert";
import type { NoticeOutcome } from "../../lib/cli/change_hook.ts";
import { listenTcp, openDenoDatagram } from "../../lib/transport/mod.ts";
import {
  type DialBackFinding,
  HoldingEvent,
  ListeningGapEvent,
  PublicAddressEvent,
  PublicListenerError,
} from "../../lib/traversal/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { address } from "../protocol/binding_cases.ts";
import { FakeConnection } from "../server/fake_stream.ts";
import { leakTest } from "../support/leak_test.ts";
import { Echo, Session, UdpSession } from "./expose_drill.ts";
import { dialBackConnected, dialBackTimedOut, FAKE_SERVER } from "./fake_public_listener.ts";

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

leakTest("expose() tells what happens to the servers, and of gaps", async () => {
  await using session = new Session();
  const news = { holder: "203.0.113.1:3478", state: "closed", afterMs: 3000.4 } as const;
  const more = { reason: "the server closed the connection", redialMs: 500 };
  await session.until("verified");
  session.options!.onEvent!(new HoldingEvent({ ...news, ...more }));
  session.options!.onEvent!(new ListeningGapEvent(1.5));
  assertEquals(session.events.slice(-2), [
    { event: "server", ...news, ...more },
    { event: "gap", ms: 1.5 },
  ]);
});

leakTest("expose() verifies nothing while the address is lost", async () => {
  await using session = new Session({
    answer: () => Promise.reject(new PublicListenerError("Cannot: lost", { code: "lost" })),
  });
  await session.until("traffic");
  session.listener.answer = dialBackConnected;
  session.listener.lose("no server answers");
  session.listener.refresh("203.0.113.99:41000");
  await session.until("verified");
  assertEquals(session.events.filter(({ event }) => /verified/.test(event)).length, 1);
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

function taken(detail: string): Promise<NoticeOutcome> {
  return Promise.resolve({ ok: true, detail });
}
