import { assertEquals } from "@std/assert";
import { type IpPrefix, parseIpPrefix } from "../../lib/protocol/mod.ts";
import { ConnectionError, type StreamConnection } from "../../lib/transport/mod.ts";
import { type GatewayEvent, TcpGateway, type TcpGatewayOptions } from "../../lib/traversal/mod.ts";
import { address } from "../protocol/binding_cases.ts";
import { FakeConnection } from "../server/fake_stream.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

Deno.test("TcpGateway forwards a visitor to the service, and tells and counts it", async () => {
  const { gateway, clock, events, services } = open();
  const visitor = new FakeConnection("192.0.2.1:40000");
  gateway.take(visitor);
  assertEquals([gateway.open, events], [1, [connection(1, "192.0.2.1:40000", 1)]]);
  visitor.give(new Uint8Array(30), undefined);
  const service = await services.next();
  service.give(new Uint8Array(500));
  await service.untilReading();
  assertEquals([gateway.receivedBytes, gateway.sentBytes], [30, 500]);
  clock.advance(1500);
  service.give(undefined);
  await gateway.close(1000);
  assertEquals([service.events, visitor.events], [
    ["write 30", "fin", "close"],
    ["write 500", "fin", "close"],
  ]);
  assertEquals(events.slice(1), [{
    event: "closed",
    id: 1,
    from: address("192.0.2.1:40000"),
    outcome: "finished",
    receivedBytes: 30,
    sentBytes: 500,
    elapsedMs: 1500,
    open: 0,
  }]);
  assertEquals([gateway.open, gateway.receivedBytes, gateway.sentBytes], [0, 30, 500]);
  assertEquals(clock.timers, []);
});

Deno.test("TcpGateway closes a visitor whom the service refuses, and says why", async () => {
  const message = "Cannot connect to tcp 127.0.0.1:80: the peer refuses connections";
  const { gateway, clock, events } = open({
    dial: () => Promise.reject(new ConnectionError(message, { code: "refused" })),
  });
  const visitor = new FakeConnection();
  gateway.take(visitor);
  await gateway.close(1000);
  assertEquals(visitor.events, ["close"]);
  const { outcome, reason } = closedOf(events);
  assertEquals([outcome, reason, clock.timers], ["no-service", message, []]);
});

Deno.test("TcpGateway waits 10 s for the service", async () => {
  const signals: AbortSignal[] = [];
  const { gateway, clock, events } = open({
    dial: (signal) => {
      signals.push(signal);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
  });
  const visitor = new FakeConnection();
  gateway.take(visitor);
  clock.advance(9_999);
  assertEquals([visitor.closed, signals[0]!.aborted], [false, false]);
  clock.advance(1);
  await gateway.close(1000);
  assertEquals([visitor.closed, signals[0]!.reason.name], [true, "TimeoutError"]);
  assertEquals(closedOf(events).outcome, "no-service");
});

Deno.test("TcpGateway lets in whom it is told to allow alone", async () => {
  const { gateway, clock, events } = open({
    allow: [prefix("192.0.2.0/28"), prefix("2001:db8::/32")],
  });
  const visitors = ["192.0.2.15:1", "192.0.2.16:2", "[2001:db8::1]:3"].map((from) =>
    new FakeConnection(from)
  );
  for (const visitor of visitors) gateway.take(visitor);
  assertEquals(visitors.map(({ closed }) => closed), [false, true, false]);
  assertEquals(events, [
    connection(1, "192.0.2.15:1", 1),
    { event: "denied", from: address("192.0.2.16:2"), reason: "not-allowed", count: 1 },
    connection(2, "[2001:db8::1]:3", 2),
  ]);
  await close(gateway, clock);
});

Deno.test("TcpGateway turns away who is one too many, until another is gone", async () => {
  const { gateway, clock, events, services } = open({ maxConnections: 1 });
  const visitors = [1, 2, 3].map((port) => new FakeConnection(`192.0.2.1:${port}`));
  gateway.take(visitors[0]!);
  gateway.take(visitors[1]!);
  assertEquals(visitors.map(({ closed }) => closed), [false, true, false]);
  assertEquals(events.at(-1), {
    event: "denied",
    from: address("192.0.2.1:2"),
    reason: "too-many",
    count: 1,
  });
  const service = await services.next();
  visitors[0]!.give(undefined);
  service.give(undefined);
  while (gateway.open > 0) await Promise.resolve();
  gateway.take(visitors[2]!);
  assertEquals([visitors[2]!.closed, gateway.open], [false, 1]);
  await close(gateway, clock);
});

Deno.test("TcpGateway tells once a second at most that it turns away, and how many", async () => {
  const { gateway, clock, events } = open({ allow: [prefix("192.0.2.1")] });
  const knock = (times: number) => {
    for (let i = 0; i < times; i++) gateway.take(new FakeConnection("192.0.2.2:9"));
  };
  knock(5);
  clock.advance(999);
  knock(5);
  clock.advance(1);
  knock(5);
  assertEquals(events.map((event) => event.event === "denied" && event.count), [1, 10]);
  await close(gateway, clock);
});

Deno.test("TcpGateway gives visitors a moment at its end, then closes them, and takes no more", async () => {
  const { gateway, clock, events, services } = open();
  const visitor = new FakeConnection();
  gateway.take(visitor);
  await services.next();
  const closing = gateway.close(2000);
  const late = new FakeConnection();
  gateway.take(late);
  clock.advance(1999);
  assertEquals([visitor.closed, late.closed], [false, true]);
  clock.advance(1);
  await closing;
  assertEquals([visitor.closed, closedOf(events).outcome], [true, "aborted"]);
});

/** A gateway whose every service is a fake connection that the test gets. */
function open(options: Partial<TcpGatewayOptions> = {}) {
  const clock = new VirtualClock();
  const events: GatewayEvent[] = [];
  const services = new Queue<FakeConnection>();
  const dial = (): Promise<StreamConnection> => {
    const service = new FakeConnection("127.0.0.1:80");
    services.push(service);
    return Promise.resolve(service);
  };
  const onEvent = (event: GatewayEvent) => void events.push(event);
  const gateway = new TcpGateway({ dial, clock, onEvent, ...options });
  return { gateway, clock, events, services };
}

/** Ends a gateway without a moment for those who are there. */
async function close(gateway: TcpGateway, clock: VirtualClock): Promise<void> {
  const closing = gateway.close(0);
  clock.advance(0);
  await closing;
}

function connection(id: number, from: string, open: number): GatewayEvent {
  return { event: "connection", id, from: address(from), open };
}

function closedOf(events: readonly GatewayEvent[]) {
  const last = events.at(-1)!;
  if (last.event !== "closed") throw new Error(`The last event is ${last.event}`);
  return last;
}

function prefix(text: string): IpPrefix {
  const parsed = parseIpPrefix(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}

class Queue<T> {
  readonly #items: T[] = [];
  #wake = () => {};

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  async next(): Promise<T> {
    while (this.#items.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#items.shift()!;
  }
}
