import { assertEquals, assertMatch } from "@std/assert";
import {
  type HttpServer,
  openHttpServer,
  type OpenHttpServerOptions,
  type ServedWebSocket,
  type WebSocketCall,
  type WebSocketMessage,
  type WebSocketRoute,
} from "../../../lib/ops/http/mod.ts";
import { silentLogger } from "../../../lib/ops/mod.ts";
import { parseIpPrefix } from "../../../lib/protocol/mod.ts";
import { formatIp, formatSocketAddress } from "../../../lib/wire/mod.ts";
import { leakTest } from "../../support/leak_test.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { clientFrame, RawWebSocket } from "./websocket_client.ts";

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

leakTest("openHttpServer() upgrades, with the key of RFC 6455 answered as it says", async () => {
  await using echo = await Echo.open();
  using socket = await RawWebSocket.open(echo.server.address, "/ws/a");
  assertEquals(
    socket.answer,
    "HTTP/1.1 101 Switching Protocols\r\n" +
      "upgrade: websocket\r\nconnection: Upgrade\r\n" +
      "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
      "sec-websocket-protocol: echo\r\n\r\n",
  );
});

leakTest("openHttpServer() hands over what a client sends, and sends to it", async () => {
  await using echo = await Echo.open();
  const client = new WebSocket(`ws://${formatSocketAddress(echo.server.address)}/ws/a?b`, [
    "other",
    "echo",
  ]);
  await event(client, "open");
  assertEquals(client.protocol, "echo");
  const long = "ö".repeat(100);
  const replies: unknown[] = [];
  for (const text of ["", "a", long]) {
    const reply = event(client, "message");
    client.send(text);
    replies.push((await reply as MessageEvent).data);
  }
  assertEquals(replies, ["!", "a!", `${long}!`]);
  const [{ path, ip, isClient, protocols }] = echo.calls as [WebSocketCall];
  assertEquals({ path, ip: formatIp(ip), isClient, protocols }, {
    path: "/ws/a",
    ip: "127.0.0.1",
    isClient: true,
    protocols: ["other", "echo"],
  });
  const closed = event(client, "close");
  client.close(4001);
  assertEquals((await closed as CloseEvent).code, 1000);
  await echo.closed(1);
});

leakTest(
  "openHttpServer() says what could not be read, and closes what is no WebSocket",
  async () => {
    await using echo = await Echo.open();
    for (const [i, bytes] of [clientFrame(2, "x"), clientFrame(1, "x".repeat(1025))].entries()) {
      using socket = await RawWebSocket.open(echo.server.address, "/ws/a");
      await socket.send(bytes);
      await echo.received(i + 1);
    }
    assertEquals(echo.messages, [{ unreadable: "binary" }, { unreadable: "too-long" }]);
    using socket = await RawWebSocket.open(echo.server.address, "/ws/a");
    await socket.send(Uint8Array.of(0x81, 0));
    const frame = new Uint8Array(4);
    await socket.connection.read(frame);
    assertEquals(frame.toHex(), "880203ea");
  },
);

leakTest("openHttpServer() answers a ping with its payload", async () => {
  await using echo = await Echo.open();
  using socket = await RawWebSocket.open(echo.server.address, "/ws/a");
  await socket.send(clientFrame(9, "abc"));
  const pong = new Uint8Array(5);
  await socket.connection.read(pong);
  assertEquals(pong.toHex(), "8a03616263");
});

const REFUSED: readonly (readonly [string, string, Record<string, string>])[] = [
  ["another path", "404", {}],
  ["no key", "400", { "sec-websocket-key": "" }],
  ["another version", "400", { "sec-websocket-version": "8" }],
  ["no subprotocol", "400", { "sec-websocket-protocol": "other" }],
  ["a foreign origin", "403", { origin: "https://evil.example" }],
  ["an origin that is none", "403", { origin: "null" }],
  ["what the route refuses", "429", { "x-refuse": "1" }],
];
for (const [what, status, headers] of REFUSED) {
  leakTest(`openHttpServer() refuses ${what} with ${status}`, async () => {
    await using echo = await Echo.open();
    const path = what === "another path" ? "/other" : headers["x-refuse"] ? "/ws/full" : "/ws/a";
    using socket = await RawWebSocket.open(echo.server.address, path, headers);
    assertMatch(socket.answer, new RegExp(`^HTTP/1.1 ${status} [A-Z]`));
    await socket.rest();
    assertEquals(echo.calls, []);
  });
}

for (
  const origin of [undefined, "http://board.example", "https://board.example", "https://ok.example"]
) {
  leakTest(`openHttpServer() takes the origin ${origin}`, async () => {
    await using echo = await Echo.open();
    using socket = await RawWebSocket.open(
      echo.server.address,
      "/ws/a",
      origin === undefined ? {} : { origin },
    );
    assertMatch(socket.answer, /^HTTP\/1.1 101 /);
  });
}

leakTest("ServedWebSocket.close() gives a client two seconds to agree", async () => {
  const clock = new VirtualClock();
  await using echo = await Echo.open({ clock });
  using socket = await RawWebSocket.open(echo.server.address, "/ws/a");
  echo.sockets[0]!.close(4400);
  assertEquals(clock.timers, [2000]);
  clock.advance(2000);
  assertEquals((await socket.rest()).toHex(), "88021130");
  await echo.closed(1);
});

leakTest("ServedWebSocket.bufferedAmount grows for a client that does not read", async () => {
  await using echo = await Echo.open();
  using _socket = await RawWebSocket.open(echo.server.address, "/ws/a");
  const [served] = echo.sockets as [ServedWebSocket];
  const text = "x".repeat(100_000);
  // What the system itself buffers on loopback is some 4 MB
  for (let i = 0; i < 200; i++) served.send(text);
  await new Promise((resolve) => setTimeout(resolve, 0));
  const { bufferedAmount } = served;
  assertEquals(bufferedAmount > 5_000_000 && bufferedAmount < 20_100_000, true);
  served.abort();
  await echo.closed(1);
});

leakTest("openHttpServer() refuses more connections of one address than it may have", async () => {
  await using echo = await Echo.open({ maxConnectionsPerAddress: 2 });
  using first = await RawWebSocket.open(echo.server.address, "/ws/a");
  {
    using second = await RawWebSocket.open(echo.server.address, "/ws/a");
    using third = await RawWebSocket.open(echo.server.address, "/ws/a").catch(() => NOTHING);
    assertEquals([first, second, third].map(({ answer }) => answer.slice(9, 12)), [
      "101",
      "101",
      "",
    ]);
  }
  await echo.closed(1);
  using fourth = await RawWebSocket.open(echo.server.address, "/ws/a");
  assertEquals(fourth.answer.slice(9, 12), "101");
});

leakTest(
  "openHttpServer() knows the client behind a trusted proxy, and counts no proxy",
  async () => {
    const trusted = parseIpPrefix("127.0.0.0/8");
    await using echo = await Echo.open({
      maxConnectionsPerAddress: 1,
      trustedProxies: trusted.ok ? [trusted.value] : [],
    });
    const headers = { "x-forwarded-for": "203.0.113.9, 2001:db8::1" };
    using first = await RawWebSocket.open(echo.server.address, "/ws/a", headers);
    using second = await RawWebSocket.open(echo.server.address, "/ws/a", headers);
    assertEquals([first, second].map(({ answer }) => answer.slice(9, 12)), ["101", "101"]);
    assertEquals(echo.calls.map(({ ip }) => formatIp(ip)), ["2001:db8::1", "2001:db8::1"]);
  },
);

const NOTHING = { answer: "", [Symbol.dispose]() {} };

/** A server that answers each text with the same and an exclamation mark. */
class Echo implements AsyncDisposable {
  readonly calls: WebSocketCall[] = [];
  readonly sockets: ServedWebSocket[] = [];
  readonly messages: WebSocketMessage[] = [];
  server!: HttpServer;
  #closed = 0;
  #changed: (() => void)[] = [];

  static async open(options: Partial<OpenHttpServerOptions> = {}): Promise<Echo> {
    const echo = new Echo();
    echo.server = await openHttpServer({
      ip: LOOPBACK,
      port: 0,
      routes: new Map(),
      webSockets: new Map([["/ws/*", echo.#route()]]),
      logger: silentLogger,
      ...options,
    });
    return echo;
  }

  async closed(count: number): Promise<void> {
    while (this.#closed < count) await this.#change();
  }

  async received(count: number): Promise<void> {
    while (this.messages.length < count) await this.#change();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }

  #route(): WebSocketRoute {
    return {
      subprotocol: "echo",
      maxMessageBytes: 1024,
      origins: ["https://ok.example"],
      refuse: ({ path }) => path === "/ws/full" ? { status: 429, text: "full" } : undefined,
      accept: (call, socket) => {
        this.calls.push(call);
        this.sockets.push(socket);
        return {
          onMessage: (message) => {
            this.messages.push(message);
            if ("text" in message) socket.send(`${message.text}!`);
            this.#wake();
          },
          onClose: () => {
            this.#closed++;
            this.#wake();
          },
        };
      },
    };
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }
}

function event(target: EventTarget, name: string): Promise<Event> {
  return new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
}
