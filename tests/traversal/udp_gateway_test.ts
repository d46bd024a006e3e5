import { assertEquals } from "@std/assert";
import { systemClock } from "../../lib/ops/mod.ts";
import { parseIpPrefix } from "../../lib/protocol/mod.ts";
import { type Datagram, ListenError } from "../../lib/transport/mod.ts";
import { openDenoDatagram } from "../../lib/transport/mod.ts";
import { type GatewayEvent, UdpGateway, type UdpGatewayOptions } from "../../lib/traversal/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { address } from "../protocol/binding_cases.ts";
import { FakeDatagrams } from "../server/fake_datagrams.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const SERVICE = address("127.0.0.1:53");

Deno.test("UdpGateway gives each visitor a port of its own, and each answer to its visitor", async () => {
  const { gateway, sockets, replies, events } = open();
  await gateway.take(datagram("192.0.2.1:1000", 3));
  await gateway.take(datagram("192.0.2.2:2000", 4));
  await gateway.take(datagram("192.0.2.1:1000", 5));
  const to = formatSocketAddress(SERVICE);
  assertEquals(sockets.map(({ sent }) => sent), [
    [{ bytes: 3, to }, { bytes: 5, to }],
    [{ bytes: 4, to }],
  ]);
  await sockets[1]!.give([{ bytes: new Uint8Array(70), peer: SERVICE }]);
  await sockets[0]!.give([{ bytes: new Uint8Array(60), peer: SERVICE }]);
  assertEquals(replies, [["192.0.2.2:2000", 70], ["192.0.2.1:1000", 60]]);
  assertEquals([gateway.receivedBytes, gateway.sentBytes], [12, 130]);
  assertEquals(events, [connection(1, "192.0.2.1:1000", 1), connection(2, "192.0.2.2:2000", 2)]);
  await gateway.close();
  assertEquals(sockets.map(({ closed }) => closed), [true, true]);
});

Deno.test("UdpGateway passes on what the service sends, and nobody else", async () => {
  const { gateway, sockets, replies } = open();
  await gateway.take(datagram("192.0.2.1:1000", 3));
  const others = ["127.0.0.1:54", "127.0.0.2:53", "[::1]:53"];
  await sockets[0]!.give(others.map((from) => datagram(from, 9)));
  assertEquals([replies, gateway.sentBytes], [[], 0]);
  await gateway.close();
});

Deno.test("UdpGateway forgets a visitor whom the service does not answer after 30 s", async () => {
  const { gateway, clock, sockets, events } = open();
  await gateway.take(datagram("192.0.2.1:1000", 3));
  clock.advance(20_000);
  await gateway.take(datagram("192.0.2.1:1000", 3));
  clock.advance(29_999);
  assertEquals(gateway.open, 1);
  clock.advance(1);
  assertEquals([gateway.open, sockets[0]!.closed, clock.timers], [0, true, []]);
  assertEquals(events.at(-1), {
    event: "closed",
    id: 1,
    from: address("192.0.2.1:1000"),
    outcome: "idle",
    receivedBytes: 6,
    sentBytes: 0,
    elapsedMs: 50_000,
    open: 0,
  });
});

Deno.test("UdpGateway keeps a visitor whom the service has answered for 120 s of silence", async () => {
  const { gateway, clock, sockets } = open();
  await gateway.take(datagram("192.0.2.1:1000", 3));
  clock.advance(10_000);
  await sockets[0]!.give([{ bytes: new Uint8Array(1), peer: SERVICE }]);
  clock.advance(119_999);
  assertEquals(gateway.open, 1);
  clock.advance(1);
  assertEquals([gateway.open, sockets[0]!.closed], [0, true]);
});

Deno.test("UdpGateway gives a visitor who comes again after that another port", async () => {
  const { gateway, clock, sockets, events } = open();
  await gateway.take(datagram("192.0.2.1:1000", 3));
  clock.advance(30_000);
  await gateway.take(datagram("192.0.2.1:1000", 3));
  assertEquals([sockets.length, events.at(-1)], [2, connection(2, "192.0.2.1:1000", 1)]);
  await gateway.close();
});

Deno.test("UdpGateway lets in whom it is told to allow, and no more than it is told", async () => {
  const allowed = parseIpPrefix("192.0.2.0/24");
  const allow = allowed.ok ? [allowed.value] : [];
  const { gateway, sockets, events } = open({ allow, maxConnections: 1 });
  for (const from of ["198.51.100.1:9", "192.0.2.1:9", "192.0.2.2:9", "192.0.2.1:9"]) {
    await gateway.take(datagram(from, 1));
  }
  assertEquals(sockets.map(({ sent }) => sent.length), [2]);
  assertEquals(events, [
    { event: "denied", from: address("198.51.100.1:9"), reason: "not-allowed", count: 1 },
    connection(1, "192.0.2.1:9", 1),
    { event: "denied", from: address("192.0.2.2:9"), reason: "too-many", count: 1 },
  ]);
  await gateway.close();
});

Deno.test("UdpGateway turns a newcomer away for whom there is no socket", async () => {
  const cause = { code: "other", address: SERVICE, transport: "udp" } as const;
  const { gateway, events } = open({
    open: () => {
      throw new ListenError("Cannot bind", cause);
    },
  });
  await gateway.take(datagram("192.0.2.1:9", 1));
  assertEquals(events, [
    { event: "denied", from: address("192.0.2.1:9"), reason: "too-many", count: 1 },
  ]);
  await gateway.close();
});

Deno.test("UdpGateway tells of those whom its end cuts off, and takes nothing any more", async () => {
  const { gateway, clock, sockets, events } = open();
  await gateway.take(datagram("192.0.2.1:1000", 3));
  await gateway.close();
  await gateway.take(datagram("192.0.2.1:1000", 3));
  const last = events.at(-1)!;
  assertEquals([last.event === "closed" && last.outcome, sockets.length], ["aborted", 1]);
  assertEquals([events.length, clock.timers], [2, []]);
});

leakTest(
  "UdpGateway carries datagrams of two visitors to an echo on loopback and back",
  async () => {
    const bind = () => openDenoDatagram({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
    const [front, echo, ...visitors] = [bind(), bind(), bind(), bind()] as const;
    const gateway = new UdpGateway({
      service: echo.localAddress,
      open: bind,
      reply: (datagram) => front.send([datagram]),
      clock: systemClock,
    });
    const echoing = serve(echo, (datagram) => echo.send([datagram]));
    const taking = serve(front, (datagram) => gateway.take(datagram));
    for (const size of [1, 0, 9_000]) {
      for (const [i, visitor] of visitors.entries()) {
        const bytes = new Uint8Array(size).fill(i + 1);
        await visitor.send([{ bytes, peer: front.localAddress }]);
        const [answer] = await visitor.receive();
        assertEquals(answer, { bytes, peer: front.localAddress });
      }
    }
    assertEquals([gateway.open, gateway.receivedBytes, gateway.sentBytes], [2, 18_002, 18_002]);
    await gateway.close();
    for (const socket of [front, echo, ...visitors]) socket.close();
    await Promise.all([echoing, taking]);
  },
);

function open(options: Partial<UdpGatewayOptions> = {}) {
  const clock = new VirtualClock();
  const events: GatewayEvent[] = [];
  const sockets: FakeDatagrams[] = [];
  const replies: [to: string, bytes: number][] = [];
  const gateway = new UdpGateway({
    service: SERVICE,
    open: () => sockets[sockets.push(new FakeDatagrams()) - 1]!,
    reply: ({ bytes, peer }) => {
      replies.push([formatSocketAddress(peer), bytes.length]);
      return Promise.resolve();
    },
    clock,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  return { gateway, clock, events, sockets, replies };
}

function datagram(from: string, size: number): Datagram {
  return { bytes: new Uint8Array(size), peer: address(from) };
}

function connection(id: number, from: string, open: number): GatewayEvent {
  return { event: "connection", id, from: address(from), open };
}

async function serve(
  socket: ReturnType<typeof openDenoDatagram>,
  take: (datagram: Datagram) => Promise<void>,
): Promise<void> {
  for (let batch = await socket.receive(); batch.length > 0; batch = await socket.receive()) {
    for (const one of batch) await take(one);
  }
}
