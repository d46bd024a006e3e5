// The board of server.ts as a process of its own, and what strangers may try on it. Each test ends with
// two peers that were there all the time and still hear each other.

import { assertEquals, assertMatch } from "@std/assert";
import { BoardClient } from "../../lib/board/client/mod.ts";
import { BOARD_LIMITS } from "../../lib/protocol/board/mod.ts";
import { ADDRESS_TOKEN, decodeMessage, valueOf } from "../../lib/wire/mod.ts";
import { BoardEvents } from "../board/board_peer_client.ts";
import { clientFrame, RawWebSocket } from "../ops/http/websocket_client.ts";
import { raw, request } from "../protocol/binding_cases.ts";
import { askTcp, askUdp } from "../support/binding_request.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { ServingProcess } from "./serving_process.ts";

const BOARD = { "sec-websocket-protocol": "pinhole.board.v1" };
const TEXT = 1;

Deno.test("server.ts proves addresses that its STUN side has seen, over UDP and TCP", async () => {
  await using room = await Room.open();
  const zeros = Uint8Array.from(request([raw(ADDRESS_TOKEN.type, "00".repeat(32))]));
  const target = (transport: "udp" | "tcp") => ({
    hostname: "127.0.0.1",
    port: room.server.address(transport).port,
  });
  const candidates = [];
  for (const [transport, ask] of [["udp", askUdp], ["tcp", askTcp]] as const) {
    const { bytes, localPort } = await ask(target(transport), { request: zeros });
    const answer = decodeMessage(bytes);
    const token = answer.ok ? valueOf(answer.value, ADDRESS_TOKEN)! : new Uint8Array();
    candidates.push({
      address: `127.0.0.1:${localPort}`,
      transport,
      token: token.toBase64({ alphabet: "base64url", omitPadding: true }),
    });
  }
  const stolen = { ...candidates[0]!, address: "127.0.0.1:1" };
  room.alice.client.post({ id: "me", candidates: [...candidates, stolen] });
  const { post } = await room.bob.next("posted");
  assertEquals(post.candidates.map(({ transport, proved }) => [transport, proved]), [
    ["udp", true],
    ["tcp", true],
    ["udp", false],
  ]);
});

Deno.test("server.ts tells peers the STUN URIs by which it is reached", async () => {
  await using server = await ServingProcess.start({ args: ["--http-port", "0"] });
  await using client = new BoardClient(boardUrl(server));
  const { stun, ip } = await new BoardEvents(client).next("welcome");
  assertEquals([stun, ip], [[`stun:127.0.0.1:${server.address("udp").port}`], "127.0.0.1"]);
});

Deno.test("server.ts serves no board, and no page of one, with --board-store none", async () => {
  await using server = await ServingProcess.start({
    args: ["--http-port", "0", "--board-store", "none"],
  });
  using socket = await RawWebSocket.open(server.address("http"), "/board/room", BOARD);
  assertMatch(socket.answer, /^HTTP\/1.1 404 /);
  assertEquals((await server.get("/healthz")).status, 200);
});

const PATHS: readonly (readonly [path: string, status: number])[] = [
  ["/board/../metrics", 404],
  ["/board/..%2f..%2fetc%2fpasswd", 404],
  ["/board/%72oom", 404],
  ["/board/room/", 404],
  ["/board//room", 404],
  ["/board/", 404],
  ["/BOARD/room", 404],
  [`/board/${"x".repeat(65)}`, 404],
  ["/board/r%00m", 404],
  ["/board/room;x", 404],
];
Deno.test("server.ts has no rooms behind tricks with paths", async () => {
  await using room = await Room.open();
  for (const [path, status] of PATHS) {
    using socket = await RawWebSocket.open(room.server.address("http"), path, BOARD);
    assertEquals(socket.answer.slice(0, 12), `HTTP/1.1 ${status}`, path);
  }
  assertEquals((await room.server.get("/board/room")).status, 404);
  await room.assertSound();
});

Deno.test("server.ts answers nonsense with an error, and cuts off who goes on with it", async () => {
  await using room = await Room.open();
  using socket = await room.stranger();
  const nonsense = ["{", '{"type":"post"}', '{"type":"signal","to":1}', "[]"];
  for (let i = 0; i < 60; i++) {
    await socket.send(clientFrame(TEXT, nonsense[i % 4]!)).catch(() => {});
  }
  const said = messagesIn(await socket.rest());
  assertEquals(new Set(said.texts.map(({ code }) => code)), new Set(["bad_message"]));
  assertEquals([said.texts.length, said.closed], [51, 4429]);
  await room.assertSound();
});

Deno.test("server.ts cuts off who sends too much at once, too long or too large", async () => {
  await using room = await Room.open();
  const cases: readonly (readonly [name: string, bytes: Uint8Array, code: number | undefined])[] = [
    ["17 KiB", clientFrame(TEXT, "x".repeat(17 * 1024)), 4413],
    ["1 MiB", clientFrame(TEXT, "x".repeat(2 ** 20)), 4413],
    ["no mask", Uint8Array.of(0x81, 1, 0x61), 1002],
    ["not UTF-8", clientFrame(TEXT, Uint8Array.of(0xff)), 1007],
  ];
  for (const [name, bytes, code] of cases) {
    using socket = await room.stranger();
    await socket.send(bytes).catch(() => {});
    const { texts, closed } = messagesIn(await socket.rest());
    assertEquals(closed, code, name);
    assertEquals(texts.map((one) => one.code), code === 4413 ? ["message_too_long"] : [], name);
  }
  using socket = await room.stranger();
  await socket.send(clientFrame(2, "binary"));
  assertEquals((await nextMessage(socket))["code"], "bad_message");
  await room.assertSound();
});

Deno.test("server.ts cuts off a flood, and everybody else is served", async () => {
  await using room = await Room.open();
  using socket = await room.stranger();
  await socket.send(clientFrame(TEXT, '{"type":"join","secret":"s"}'));
  const ping = clientFrame(TEXT, '{"type":"ping","id":"x"}');
  const flood = Uint8Array.from(Array.from({ length: 2000 }, () => [...ping]).flat());
  await socket.send(flood).catch(() => {});
  const { texts, closed } = messagesIn(await socket.rest());
  const count = (type: string) => texts.filter((one) => one.type === type).length;
  assertEquals([count("welcome"), closed], [1, 4429]);
  // 59 after the join, and one or two more for the time that it took
  assertEquals(count("pong") >= 59 && count("pong") < 80, true, `${count("pong")} pongs`);
  await room.assertSound();
});

Deno.test("server.ts drops a peer that does not read, and keeps nothing for it", async () => {
  await using room = await Room.open();
  using deaf = await room.stranger();
  await deaf.send(clientFrame(TEXT, '{"type":"join","secret":"s"}'));
  const { post } = await room.announce(deaf);
  // Two peers that send it a few megabytes as fast as they may, until it is dropped
  const data = "x".repeat(BOARD_LIMITS.maxSignalData);
  const senders = await Promise.all(Array.from({ length: 12 }, () => room.join()));
  const timer = setInterval(() => {
    for (const { client } of senders) for (let i = 0; i < 8; i++) client.signal(post.peer, data);
  }, 100);
  try {
    const removed = await room.bob.next("removed", ({ peer }) => peer === post.peer);
    assertEquals(removed.id, "deaf");
  } finally {
    clearInterval(timer);
    await Promise.all(senders.map(({ client }) => client.close()));
  }
  await room.assertSound();
});

Deno.test("server.ts takes no more peers of one address than it is told", async () => {
  await using server = await ServingProcess.start({
    args: ["--http-port", "0", "--http-max-connections-per-address", "2"],
  });
  await using first = new BoardClient(boardUrl(server));
  await using second = new BoardClient(boardUrl(server));
  const [a, b] = [new BoardEvents(first), new BoardEvents(second)];
  await a.next("board");
  await b.next("board");
  await using third = new BoardClient(boardUrl(server));
  const c = new BoardEvents(third);
  assertEquals((await c.any()).type, "disconnected");
  await first.close();
  await c.next("board");
});

Deno.test("server.ts shows metrics to operators alone, and not through an unknown proxy", async () => {
  const ask = async (args: readonly string[], headers: Record<string, string> = {}) => {
    await using server = await ServingProcess.start({ args: ["--http-port", "0", ...args] });
    const url = `http://127.0.0.1:${server.address("http").port}/metrics`;
    const response = await fetch(url, { headers });
    await response.text();
    return response.status;
  };
  const forwarded = { "x-forwarded-for": "203.0.113.9" };
  const proxy = ["--http-trusted-proxy", "127.0.0.0/8"];
  assertEquals([
    await ask([]),
    await ask(["--http-operator", "10.0.0.0/8"]),
    await ask([], forwarded),
    await ask(proxy, forwarded),
    await ask([...proxy, "--http-operator", "203.0.113.0/24"], forwarded),
  ], [200, 403, 403, 403, 200]);
});

Deno.test("server.ts tells the peers of its board when it stops", async () => {
  await using server = await ServingProcess.start({ args: ["--http-port", "0"] });
  await using client = new BoardClient(boardUrl(server));
  const events = new BoardEvents(client);
  await events.next("board");
  server.child.kill("SIGTERM");
  assertEquals((await events.next("disconnected")).code, 4504);
  assertEquals((await server.child.status).code, 0);
});

/** A server, and two peers in a room of it with the secret `s`. */
class Room implements AsyncDisposable {
  readonly server: ServingProcess;
  readonly alice: BoardEvents;
  readonly bob: BoardEvents;

  private constructor(server: ServingProcess, alice: BoardEvents, bob: BoardEvents) {
    this.server = server;
    this.alice = alice;
    this.bob = bob;
  }

  static async open(): Promise<Room> {
    const server = await ServingProcess.start({ args: ["--http-port", "0"] });
    const join = async () => {
      const events = new BoardEvents(new BoardClient(boardUrl(server), { secret: "s" }));
      await events.next("board");
      return events;
    };
    return new Room(server, await join(), await join());
  }

  async join(): Promise<BoardEvents> {
    const events = new BoardEvents(new BoardClient(boardUrl(this.server), { secret: "s" }));
    await events.next("board");
    return events;
  }

  /** A connection to the room that has not joined. */
  async stranger(): Promise<RawWebSocket> {
    const socket = await RawWebSocket.open(this.server.address("http"), "/board/room", BOARD);
    assertMatch(socket.answer, /^HTTP\/1.1 101 /);
    return socket;
  }

  /** Lets a joined stranger post, so that the others know its name. */
  async announce(socket: RawWebSocket) {
    while ((await nextMessage(socket))["type"] !== "ping");
    await socket.send(clientFrame(TEXT, '{"type":"post","id":"deaf","lifetimeMs":600000}'));
    return await this.bob.next("posted", ({ post }) => post.id === "deaf");
  }

  /** Both hear each other, and the server still answers over STUN. */
  async assertSound(): Promise<void> {
    const { alice, bob } = this;
    alice.client.signal(bob.client.peer!, "sound?");
    assertEquals((await bob.next("signal")).data, "sound?");
    bob.client.signal(alice.client.peer!, "sound");
    assertEquals((await alice.next("signal")).data, "sound");
    await askUdp({ hostname: "127.0.0.1", port: this.server.address("udp").port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.alice.client.close(), this.bob.client.close()]);
    await this.server[Symbol.asyncDispose]();
  }
}

function boardUrl(server: ServingProcess): string {
  return `ws://${formatSocketAddress(server.address("http"))}/board/room`;
}

/** The text messages and the close code in the bytes of a server. */
function messagesIn(bytes: Uint8Array): {
  readonly texts: readonly Record<string, unknown>[];
  readonly closed: number | undefined;
} {
  const texts: Record<string, unknown>[] = [];
  let closed: number | undefined;
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1]!;
    const start = at + (short < 126 ? 2 : 4);
    const size = short < 126 ? short : view.getUint16(at + 2);
    const payload = bytes.subarray(start, start + size);
    if ((bytes[at]! & 15) === TEXT) texts.push(JSON.parse(new TextDecoder().decode(payload)));
    else closed = view.getUint16(start);
    at = start + size;
  }
  return { texts, closed };
}

/** The next text message, of which the connection holds no more than that. */
async function nextMessage({ connection }: RawWebSocket): Promise<Record<string, unknown>> {
  const head = await readExactly(connection, 2);
  const size = head[1]! < 126
    ? head[1]!
    : new DataView((await readExactly(connection, 2)).buffer).getUint16(0);
  return JSON.parse(new TextDecoder().decode(await readExactly(connection, size)));
}

async function readExactly(connection: Deno.TcpConn, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const n = await connection.read(bytes.subarray(at));
    if (n === null) throw new Error("Cannot read a message: the connection has ended");
    at += n;
  }
  return bytes;
}
