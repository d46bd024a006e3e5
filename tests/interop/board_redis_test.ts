// Two servers that share a board through Debian's Redis, and what happens to their peers when one of
// the three is killed, hangs or comes back. No client is started again.

import { assertEquals } from "@std/assert";
import { BoardClient } from "../../lib/board/client/mod.ts";
import { BoardEvents } from "../board/board_peer_client.ts";
import { freePort } from "../support/free_port.ts";
import { askUdp } from "../support/binding_request.ts";
import { PinholeServer } from "../support/pinhole_server.ts";
import { RedisServer } from "../support/redis_server.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";

const LIFETIME_MS = 600_000;

function test(name: string, fn: () => Promise<void>): void {
  testWithTool({ name, tools: [TOOLS.redisServer], fn });
}

test("peers on two servers see each other, exchange signals and start together", async () => {
  await using redis = await RedisServer.start();
  await using first = await Node.start(redis);
  await using second = await Node.start(redis);
  await using alice = new BoardClient(first.url, { secret: "s" });
  await using bob = new BoardClient(second.url, { secret: "s" });
  const [a, b] = [new BoardEvents(alice), new BoardEvents(bob)];
  await a.next("board");
  await b.next("board");
  alice.post({ id: "me", data: "alice" });
  const { post } = await b.next("posted");
  assertEquals([post.peer, post.data], [alice.peer!, "alice"]);
  bob.signal(post.peer, "hello");
  const signal = await a.next("signal");
  assertEquals(signal, { type: "signal", from: bob.peer!, data: "hello" });
  alice.sync(bob.peer!);
  const syncs = [await a.next("sync"), await b.next("sync")];
  assertEquals(syncs.map((sync) => sync.with), [bob.peer!, alice.peer!]);
  await using stranger = new BoardClient(second.url, { secret: "another" });
  const error = await new BoardEvents(stranger).next("error");
  assertEquals(error.code, "wrong_secret");
  const name = alice.peer!;
  await alice.close();
  assertEquals(await b.next("removed"), { type: "removed", peer: name, id: "me" });
});

test("kill -9 of a server takes its own peers' posts away, until it is back", async () => {
  await using redis = await RedisServer.start();
  await using first = await Node.start(redis);
  await using second = await Node.start(redis);
  await using alice = new BoardClient(first.url);
  await using bob = new BoardClient(second.url);
  const [a, b] = [new BoardEvents(alice), new BoardEvents(bob)];
  await a.next("board");
  await b.next("board");
  alice.post({ id: "me", data: "alice", lifetimeMs: LIFETIME_MS });
  bob.post({ id: "me", data: "bob", lifetimeMs: LIFETIME_MS });
  await b.next("posted", ({ post }) => post.data === "alice");
  const before = alice.peer!;
  await first.kill();
  await a.next("disconnected");
  assertEquals(await b.next("expired"), { type: "expired", peer: before, id: "me" });
  await first.restart();
  const { posts } = await a.next("board");
  assertEquals(posts.map(({ data }) => data), ["bob"]);
  const { post } = await b.next("posted", ({ post }) => post.data === "alice");
  assertEquals(post.peer, alice.peer!);
});

test("kill -9 of Redis is told to peers, STUN goes on, and all is posted again", async () => {
  await using redis = await RedisServer.start();
  await using first = await Node.start(redis);
  await using second = await Node.start(redis);
  await using alice = new BoardClient(first.url, { secret: "s" });
  await using bob = new BoardClient(second.url, { secret: "s" });
  const [a, b] = [new BoardEvents(alice), new BoardEvents(bob)];
  await a.next("board");
  await b.next("board");
  alice.post({ id: "me", data: "alice", lifetimeMs: LIFETIME_MS });
  bob.post({ id: "me", data: "bob", lifetimeMs: LIFETIME_MS });
  await a.next("posted", ({ post }) => post.data === "bob");
  const names = [alice.peer, bob.peer];

  await redis.kill("SIGKILL");
  for (const events of [a, b]) assertEquals((await events.next("error")).code, "store_unavailable");
  alice.signal(bob.peer!, "lost");
  assertEquals((await a.next("error")).code, "store_unavailable");
  await first.assertAnswersStun();
  // A newcomer is told, and gets in as soon as it can
  await using carol = new BoardClient(second.url, { secret: "s" });
  const c = new BoardEvents(carol);
  assertEquals((await c.next("error")).code, "store_unavailable");

  await redis.start();
  // Whichever server is the first to be back, in the end both posts are seen
  const seen = new Set<string>();
  while (seen.size < 2) {
    const event = await c.any();
    if (event.type === "posted") seen.add(event.post.data);
    if (event.type === "board") { for (const { data } of event.posts) seen.add(data); }
  }
  assertEquals([alice.peer, bob.peer], names);
  carol.signal(alice.peer!, "hello");
  assertEquals((await a.next("signal")).data, "hello");
  // The secret of the room has outlived it too
  await using stranger = new BoardClient(first.url);
  assertEquals((await new BoardEvents(stranger).next("error")).code, "wrong_secret");
});

test("a Redis that hangs is told to peers, and nothing is lost when it goes on", async () => {
  await using redis = await RedisServer.start();
  await using first = await Node.start(redis);
  await using second = await Node.start(redis);
  await using alice = new BoardClient(first.url);
  await using bob = new BoardClient(second.url);
  const [a, b] = [new BoardEvents(alice), new BoardEvents(bob)];
  await a.next("board");
  await b.next("board");
  alice.post({ id: "me", data: "alice", lifetimeMs: LIFETIME_MS });
  await b.next("posted");
  await redis.kill("SIGSTOP");
  for (const events of [a, b]) assertEquals((await events.next("error")).code, "store_unavailable");
  await redis.kill("SIGCONT");
  // A board says that all is well again; what is not on it yet follows at once
  const boards = [await a.next("board"), await b.next("board")];
  if (boards[1]!.posts.length === 0) await sees(b, ["alice"]);
  assertEquals(boards[0]!.posts.map(({ data }) => data), ["alice"]);
  bob.signal(alice.peer!, "hello");
  assertEquals((await a.next("signal")).data, "hello");
});

test("a peer that leaves while Redis hangs is not there when it goes on", async () => {
  await using redis = await RedisServer.start();
  await using first = await Node.start(redis);
  await using second = await Node.start(redis);
  await using alice = new BoardClient(first.url);
  await using bob = new BoardClient(second.url);
  const [a, b] = [new BoardEvents(alice), new BoardEvents(bob)];
  await a.next("board");
  await b.next("board");
  alice.post({ id: "me", lifetimeMs: LIFETIME_MS });
  await b.next("posted");
  const name = alice.peer!;
  await redis.kill("SIGSTOP");
  await b.next("error");
  await alice.close();
  await redis.kill("SIGCONT");
  for (let isThere = true; isThere;) {
    const event = await b.any();
    if (event.type === "board") isThere = event.posts.some(({ peer }) => peer === name);
    if (event.type === "removed" || event.type === "expired") isThere = event.peer !== name;
  }
  await using carol = new BoardClient(first.url);
  assertEquals((await new BoardEvents(carol).next("board")).posts, []);
});

test("kill -9 of a server and of Redis, and a restart of both, end well", async () => {
  await using redis = await RedisServer.start();
  await using first = await Node.start(redis);
  await using second = await Node.start(redis);
  await using alice = new BoardClient(first.url);
  await using bob = new BoardClient(second.url);
  const [a, b] = [new BoardEvents(alice), new BoardEvents(bob)];
  await a.next("board");
  await b.next("board");
  alice.post({ id: "me", data: "alice", lifetimeMs: LIFETIME_MS });
  bob.post({ id: "me", data: "bob", lifetimeMs: LIFETIME_MS });
  await b.next("posted", ({ post }) => post.data === "alice");
  await Promise.all([redis.kill("SIGKILL"), first.kill()]);
  await a.next("disconnected");
  assertEquals((await b.next("error")).code, "store_unavailable");
  // The server comes back before its Redis does
  await first.restart();
  await redis.start();
  bob.signal(await peerThatPosted(b, "alice"), "hello");
  assertEquals((await a.next("signal")).data, "hello");
});

/** The name of whoever has posted this, as soon as it is seen, alone or on a board. */
async function peerThatPosted(events: BoardEvents, data: string): Promise<string> {
  for (;;) {
    const event = await events.any();
    const posts = event.type === "posted"
      ? [event.post]
      : event.type === "board"
      ? event.posts
      : [];
    const found = posts.find((post) => post.data === data);
    if (found !== undefined) return found.peer;
  }
}

/** Waits until all of these have been posted, before it was looked or since. */
async function sees(events: BoardEvents, wanted: readonly string[]): Promise<void> {
  const seen = new Set<string>();
  while (!wanted.every((data) => seen.has(data))) {
    const event = await events.any();
    if (event.type === "posted") seen.add(event.post.data);
    if (event.type === "board") { for (const { data } of event.posts) seen.add(data); }
  }
}

/** A server with a board, on ports that it keeps. */
class Node implements AsyncDisposable {
  readonly url: string;
  readonly #args: readonly string[];
  #server!: PinholeServer;

  private constructor(redis: RedisServer, port: number) {
    this.url = `ws://127.0.0.1:${port}/board/room`;
    this.#args = ["--http-port", `${port}`, "--board-store", redis.url];
  }

  static async start(redis: RedisServer): Promise<Node> {
    const node = new Node(redis, freePort());
    await node.restart();
    return node;
  }

  async restart(): Promise<void> {
    this.#server = await PinholeServer.start({ args: this.#args });
  }

  async kill(): Promise<void> {
    this.#server.child.kill("SIGKILL");
    await this.#server.child.status;
  }

  async assertAnswersStun(): Promise<void> {
    // Rejects when there is none
    await askUdp(this.#server.target("udp"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }
}
