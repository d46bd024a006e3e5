import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BoardClient,
  BoardClientError,
  type BoardClientOptions,
} from "../../../lib/board/client/mod.ts";
import {
  BOARD_LIMITS,
  type BoardPost,
  type ServerMessage,
} from "../../../lib/protocol/board/mod.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { BoardEvents } from "../board_peer_client.ts";

const URL = "wss://board.example/board/room";
const FIRST = "first-first-firs";
const SECOND = "second-second-se";

Deno.test("BoardClient offers the protocol and the secret, joins, and yields what it hears", async () => {
  const world = new World({ secret: "s" });
  const [socket] = world.sockets as [FakeWebSocket];
  assertEquals([socket.url, socket.protocols], [URL, ["pinhole.board.v1", "pinhole.secret.cw"]]);
  socket.open();
  assertEquals(socket.sent(), [{ type: "join" }]);
  socket.hear(welcome(FIRST));
  socket.hear({ type: "board", posts: [] });
  assertEquals([(await world.events.any()).type, (await world.events.any()).type], [
    "welcome",
    "board",
  ]);
  assertEquals(world.client.peer, FIRST);
});

Deno.test("BoardClient answers pings, and passes over what it does not know", async () => {
  const world = new World();
  const socket = world.connected(FIRST);
  socket.hear({ type: "ping", id: "7" });
  socket.hearText('{"type":"future"}');
  socket.hearText("{");
  socket.hear({ type: "signal", from: SECOND, data: "x" });
  assertEquals(socket.sent(), [{ type: "pong", id: "7" }]);
  assertEquals((await world.events.next("board")).posts, []);
  assertEquals((await world.events.any()).type, "signal");
});

Deno.test("BoardClient says what it is told to, once it is in", () => {
  const world = new World();
  world.client.post({ id: "a", data: "early" });
  const { client } = world;
  assertEquals([client.signal(SECOND, "x"), client.sync(SECOND), client.list()], [
    false,
    false,
    false,
  ]);
  const socket = world.connected(FIRST);
  client.post({ id: "b", candidates: [{ address: "192.0.2.1:7", transport: "tcp" }] });
  client.remove("b");
  assertEquals([client.signal(SECOND, "x"), client.sync(SECOND), client.list()], [
    true,
    true,
    true,
  ]);
  const common = { type: "post", lifetimeMs: 60_000 };
  assertEquals(socket.sent(), [
    { ...common, id: "a", candidates: [], data: "early" },
    { ...common, id: "b", candidates: [{ address: "192.0.2.1:7", transport: "tcp" }], data: "" },
    { type: "remove", id: "b" },
    { type: "signal", to: SECOND, data: "x" },
    { type: "sync", with: SECOND },
    { type: "board" },
  ]);
});

Deno.test("BoardClient connects again with jitter and ever more patience, up to thirty seconds", async () => {
  const world = new World({ random: () => 0.5 });
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    world.sockets.at(-1)!.end(1006);
    const { retryInMs } = await world.events.next("disconnected");
    waits.push(retryInMs);
    assertEquals(world.clock.timers, [world.clock.now() + retryInMs]);
    world.clock.advance(retryInMs);
  }
  assertEquals(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assertEquals(world.sockets.length, 8);
  world.connected(FIRST).end(1006);
  await world.events.next("disconnected", ({ retryInMs }) => retryInMs === 500);
});

Deno.test("BoardClient posts again what it had posted, with the life that is left to it", () => {
  const world = new World({ random: () => 0 });
  const first = world.connected(FIRST);
  world.client.post({ id: "long", lifetimeMs: 10_000 });
  world.client.post({ id: "short", lifetimeMs: 3000 });
  world.client.post({ id: "gone", lifetimeMs: 10_000 });
  world.client.remove("gone");
  first.sent();
  world.clock.advance(2500);
  first.end(1006);
  world.clock.advance(0);
  const second = world.connected(SECOND);
  assertEquals(second.sent(), [
    { type: "post", id: "long", candidates: [], data: "", lifetimeMs: 7500 },
  ]);
});

Deno.test("BoardClient posts again what a recovered board lacks, or has dropped before its time", () => {
  const world = new World();
  const socket = world.connected(FIRST);
  for (const id of ["a", "b"]) world.client.post({ id, lifetimeMs: 10_000 });
  socket.sent();
  const again = (id: string) => ({
    type: "post",
    id,
    candidates: [],
    data: "",
    lifetimeMs: 10_000,
  });
  socket.hear({ type: "board", posts: [post(FIRST, "a"), post(SECOND, "b")] });
  assertEquals(socket.sent(), [again("b")]);
  socket.hear({ type: "expired", peer: SECOND, id: "a" });
  socket.hear({ type: "expired", peer: FIRST, id: "a" });
  assertEquals(socket.sent(), [again("a")]);
  world.clock.advance(9500);
  socket.hear({ type: "expired", peer: FIRST, id: "a" });
  socket.hear({ type: "board", posts: [] });
  assertEquals(socket.sent(), []);
});

Deno.test("BoardClient gives up a connection that does not open, or falls silent", async () => {
  const world = new World({ random: () => 0 });
  world.clock.advance(10_000);
  assertEquals((await world.events.next("disconnected")).code, 1006);
  world.clock.advance(0);
  const socket = world.connected(FIRST);
  world.clock.advance(49_999);
  assertEquals(world.client.peer, FIRST);
  world.clock.advance(1);
  assertEquals((await world.events.next("disconnected")).code, 1006);
  // What comes late from a connection that was given up
  socket.hear({ type: "signal", from: SECOND, data: "late" });
  socket.end(1006);
  world.clock.advance(0);
  world.connected(SECOND);
  assertEquals((await world.events.any()).type, "welcome");
});

Deno.test("BoardClient ends with the board's error when trying again is no use", async () => {
  const world = new World();
  const socket = world.sockets[0]!;
  socket.open();
  socket.hear({ type: "error", code: "wrong_secret", message: "no" });
  socket.end(4403);
  assertEquals((await world.events.any()).type, "error");
  const error = await assertRejects(
    () => world.events.any(),
    BoardClientError,
    "Cannot stay on the board: no",
  );
  assertEquals([error.code, world.clock.timers, world.sockets.length], ["wrong_secret", [], 1]);
});

Deno.test("BoardClient ends when nobody takes its events", async () => {
  const world = new World();
  const socket = world.connected(FIRST);
  for (let i = 0; i < 4095; i++) socket.hear({ type: "signal", from: SECOND, data: `${i}` });
  let seen = 0;
  const error = await assertRejects(async () => {
    for await (const _ of world.client) seen++;
  }, BoardClientError);
  assertEquals([error.code, seen, socket.closed], ["too_slow", 4096, true]);
});

for (const how of ["close()", "its signal"]) {
  Deno.test(`BoardClient ends without an error by ${how}, and leaves no timer`, async () => {
    const stop = new AbortController();
    const world = new World({ signal: stop.signal });
    const socket = world.connected(FIRST);
    const closing = how === "close()" ? world.client.close() : stop.abort();
    socket.end(1000);
    await closing;
    const types: string[] = [];
    for await (const { type } of world.client) types.push(type);
    assertEquals(types, ["welcome", "board"]);
    assertEquals([socket.closed, world.client.peer, world.clock.timers], [true, undefined, []]);
  });
}

Deno.test("BoardClient does not begin when its signal has been given already", async () => {
  const world = new World({ signal: AbortSignal.abort() });
  for await (const event of world.client) throw new Error(event.type);
  assertEquals(world.sockets, []);
});

for (
  const [url, reason] of [
    ["board.example", "wanted ws:// or wss:// and a host"],
    ["https://board.example/board/room", "wanted ws:// or wss:// and a host"],
    ["wss://board.example/", "Cannot read the name of the room"],
    ["wss://board.example/board/a%20b", "Cannot read the name of the room"],
  ] as const
) {
  Deno.test(`BoardClient throws when it is given ${url}`, () => {
    assertThrows(() => new BoardClient(url), RangeError, reason);
  });
}

/** A client, its clock and the sockets that it has opened. */
class World {
  readonly clock = new VirtualClock();
  readonly sockets: FakeWebSocket[] = [];
  readonly client: BoardClient;
  readonly events: BoardEvents;

  constructor(options: BoardClientOptions = {}) {
    this.client = new BoardClient(URL, {
      clock: this.clock,
      connect: (url, protocols) => {
        const socket = new FakeWebSocket(url, protocols);
        this.sockets.push(socket);
        return socket as unknown as WebSocket;
      },
      ...options,
    });
    this.events = new BoardEvents(this.client);
  }

  /** Lets the newest socket in, as a peer of this name, in an empty room. */
  connected(peer: string): FakeWebSocket {
    const socket = this.sockets.at(-1)!;
    socket.open();
    socket.sent();
    socket.hear(welcome(peer));
    socket.hear({ type: "board", posts: [] });
    return socket;
  }
}

/** As much of a WebSocket as a client uses. */
class FakeWebSocket extends EventTarget {
  readonly url: string;
  readonly protocols: readonly string[];
  readyState = 0;
  closed = false;
  #sent: unknown[] = [];

  constructor(url: string, protocols: readonly string[]) {
    super();
    this.url = url;
    this.protocols = protocols;
  }

  send(text: string): void {
    this.#sent.push(JSON.parse(text));
  }

  close(): void {
    this.closed = true;
    this.readyState = Math.max(2, this.readyState);
  }

  sent(): unknown[] {
    return this.#sent.splice(0);
  }

  open(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  hear(message: ServerMessage): void {
    this.hearText(JSON.stringify(message));
  }

  hearText(data: string): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  end(code: number): void {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code }));
  }
}

function welcome(peer: string): ServerMessage {
  const limits = BOARD_LIMITS;
  return { type: "welcome", peer, room: "room", ip: "192.0.2.7", stun: [], limits };
}

function post(peer: string, id: string): BoardPost {
  return { peer, id, candidates: [], data: "", expiresInMs: 5000 };
}
