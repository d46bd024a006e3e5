import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type BoardMember, type BoardStore, BoardStoreError } from "../../lib/board/mod.ts";
import {
  type BoardEvent,
  type BoardPost,
  type JoinRefusal,
  roomSecretDigest,
} from "../../lib/protocol/board/mod.ts";

/** A store, seen by two servers: one store twice if it is for one server alone. */
export interface BoardStoresUnderTest extends AsyncDisposable {
  /** The two of them. */
  readonly stores: readonly [BoardStore, BoardStore];
}

/** How the store under test is opened. */
export interface OpenBoardStores {
  /** Opens it, for rooms of at most so many peers. */
  (options: { readonly maxPeersPerRoom: number }): Promise<BoardStoresUnderTest>;
}

/** Registers a test; tells it why it cannot be run, where that is so. */
export type RegisterTest = (name: string, fn: () => Promise<void>) => void;

/** Registers the tests that every board store passes. */
export function testBoardStore(name: string, open: OpenBoardStores, register: RegisterTest): void {
  const test = (behaviour: string, run: (cast: Cast) => Promise<void>) =>
    register(`${name} ${behaviour}`, async () => {
      await using opened = await open({ maxPeersPerRoom: 3 });
      await run(new Cast(opened.stores));
    });

  test("shows a newcomer what is posted, and everybody what is posted next", async (cast) => {
    const alice = await cast.join(0, "alice");
    await alice.put("a");
    assertEquals(await alice.next(), posted("alice", "a"));
    const bob = await cast.join(1, "bob");
    assertEquals(bob.welcome, [{ ...post("alice", "a") }]);
    await bob.put("b");
    assertEquals(await alice.next(), posted("bob", "b"));
    assertEquals(await bob.next(), posted("bob", "b"));
    await alice.put("a", "other");
    for (const member of [alice, bob]) {
      assertEquals(await member.next(), posted("alice", "a", "other"));
    }
    const carol = await cast.join(0, "carol");
    assertEquals(carol.welcome, [post("alice", "a", "other"), post("bob", "b")]);
  });

  test("takes off what its peer removes", async (cast) => {
    const [alice, bob] = [await cast.join(0, "alice"), await cast.join(1, "bob")];
    await alice.put("a");
    await alice.put("b");
    await alice.store.remove(alice, "a");
    for (const member of [alice, bob]) {
      assertEquals(await member.take(3), [
        posted("alice", "a"),
        posted("alice", "b"),
        { type: "removed", peer: name16("alice"), id: "a" },
      ]);
    }
    assertEquals((await cast.join(0, "carol")).welcome, [post("alice", "b")]);
  });

  test("takes off all that a peer has posted when it leaves", async (cast) => {
    const [alice, bob] = [await cast.join(0, "alice"), await cast.join(1, "bob")];
    await alice.put("a");
    await alice.put("b");
    await alice.store.leave(alice);
    assertEquals((await bob.take(4)).slice(2).map(show).sort(), [
      `removed ${name16("alice")} a`,
      `removed ${name16("alice")} b`,
    ]);
    assertEquals((await cast.join(1, "carol")).welcome, []);
    await assertRejects(() => alice.put("c"), BoardStoreError);
  });

  test("takes off what has expired", async (cast) => {
    const [alice, bob] = [await cast.join(0, "alice"), await cast.join(1, "bob")];
    await alice.store.put(alice, { ...post("alice", "a"), expiresInMs: 50 });
    for (const member of [alice, bob]) {
      assertEquals((await member.take(2)).map(show), [
        `posted ${name16("alice")} a`,
        `expired ${name16("alice")} a`,
      ]);
    }
    assertEquals((await cast.join(1, "carol")).welcome, []);
  });

  test("delivers a board to the member that asks for it alone", async (cast) => {
    const [alice, bob] = [await cast.join(0, "alice"), await cast.join(1, "bob")];
    await alice.put("a");
    assertEquals([await alice.next(), await bob.next()], Array(2).fill(posted("alice", "a")));
    await bob.store.list(bob);
    assertEquals(await bob.next(), { type: "board", posts: [post("alice", "a")] });
    await alice.quiet(bob);
  });

  test("hands what is for one member to that one, and says when there is none", async (cast) => {
    const [alice, bob] = [await cast.join(0, "alice"), await cast.join(1, "bob")];
    const carol = await cast.join(0, "carol");
    const event = { type: "signal", from: name16("alice"), data: "hello" } as const;
    assertEquals(await alice.store.tell(alice, bob.peer, event), true);
    assertEquals(await alice.store.tell(alice, name16("nobody"), event), false);
    assertEquals(await bob.next(), event);
    await carol.quiet(bob);
    await bob.store.leave(bob);
    assertEquals(await alice.store.tell(alice, bob.peer, event), false);
  });

  test("keeps rooms apart", async (cast) => {
    const [alice, bob] = [await cast.join(0, "alice"), await cast.join(1, "bob", { room: "r2" })];
    await alice.put("a");
    assertEquals(await alice.next(), posted("alice", "a"));
    const event = { type: "signal", from: name16("alice"), data: "hello" } as const;
    assertEquals(await alice.store.tell(alice, bob.peer, event), false);
    await bob.quiet(bob);
  });

  test("lets nobody in with another secret, until the room is empty", async (cast) => {
    const alice = await cast.join(0, "alice", { secret: "one" });
    assertEquals(await cast.refused(1, "bob", { secret: "two" }), "wrong_secret");
    assertEquals(await cast.refused(0, "bob"), "wrong_secret");
    const bob = await cast.join(1, "bob", { secret: "one" });
    await alice.store.leave(alice);
    assertEquals(await cast.refused(0, "carol"), "wrong_secret");
    await bob.store.leave(bob);
    await cast.join(0, "carol", { secret: "two" });
  });

  test("lets no more peers into a room than it may have, on all servers", async (cast) => {
    await cast.join(0, "alice");
    await cast.join(1, "bob");
    const carol = await cast.join(0, "carol");
    assertEquals(await cast.refused(1, "dave"), "room_full");
    await cast.join(1, "erin", { room: "r2" });
    await carol.store.leave(carol);
    await cast.join(1, "dave");
  });

  test("lets one room be made by many at once", async (cast) => {
    const names = ["alice", "bob", "carol", "dave", "erin"];
    const outcomes = await Promise.all(
      names.map((peer, i) => cast.attempt(i % 2 as 0 | 1, peer, { secret: `${i < 4}` })),
    );
    const refusals = outcomes.map(({ refusal }) => refusal);
    assertEquals(refusals.filter((one) => one === undefined).length, 3);
    assertNotEquals(refusals.at(-1), undefined);
  });

  test("rejects after it was closed", async (cast) => {
    const alice = await cast.join(0, "alice");
    await alice.store[Symbol.asyncDispose]();
    await assertRejects(() => alice.put("a"), BoardStoreError);
    await assertRejects(() => cast.join(0, "bob"), BoardStoreError);
    await alice.store.leave(alice);
  });
}

/** The members of a test, on two servers. */
class Cast {
  readonly #stores: readonly [BoardStore, BoardStore];

  constructor(stores: readonly [BoardStore, BoardStore]) {
    this.#stores = stores;
  }

  async join(server: 0 | 1, peer: string, options: JoinOptions = {}): Promise<RecordingMember> {
    const { member, refusal } = await this.attempt(server, peer, options);
    assertEquals(refusal, undefined);
    return member;
  }

  async refused(server: 0 | 1, peer: string, options: JoinOptions = {}) {
    const { member, refusal } = await this.attempt(server, peer, options);
    assertEquals(member.welcome, undefined);
    return refusal;
  }

  async attempt(
    server: 0 | 1,
    peer: string,
    { room = "r1", secret }: JoinOptions,
  ): Promise<{ member: RecordingMember; refusal: JoinRefusal | undefined }> {
    const member = new RecordingMember(this.#stores[server], room, name16(peer));
    const refusal = await member.store.join(member, roomSecretDigest(room, secret));
    return { member, refusal };
  }
}

interface JoinOptions {
  readonly room?: string;
  readonly secret?: string;
}

/** A member that writes down what it is told; posts lose the time that is left to them. */
export class RecordingMember implements BoardMember {
  readonly store: BoardStore;
  readonly room: string;
  readonly peer: string;
  /** What it was shown when it was let in. */
  welcome: BoardPost[] | undefined;
  /** Why it was put out. */
  evicted: JoinRefusal | undefined;
  readonly #events: BoardEvent[] = [];
  #wake = () => {};

  constructor(store: BoardStore, room: string, peer: string) {
    this.store = store;
    this.room = room;
    this.peer = peer;
  }

  admitted(posts: readonly BoardPost[]): void {
    this.welcome = timeless(posts);
  }

  deliver(event: BoardEvent): void {
    this.#events.push(
      event.type === "posted"
        ? { ...event, post: timeless([event.post])[0]! }
        : event.type === "board"
        ? { ...event, posts: timeless(event.posts) }
        : event,
    );
    this.#wake();
  }

  evict(refusal: JoinRefusal): void {
    this.evicted = refusal;
  }

  async put(id: string, data = "data"): Promise<void> {
    await this.store.put(this, { ...post(this.peer, id, data), expiresInMs: 60_000 });
  }

  async next(): Promise<BoardEvent> {
    while (this.#events.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#events.shift()!;
  }

  async take(count: number): Promise<BoardEvent[]> {
    const events: BoardEvent[] = [];
    while (events.length < count) events.push(await this.next());
    return events;
  }

  /** Nothing is waiting, and nothing was on its way before what `witness` now sends to this one. */
  async quiet(witness: RecordingMember): Promise<void> {
    if (witness !== this) {
      const event = { type: "signal", from: witness.peer, data: "quiet?" } as const;
      await witness.store.tell(witness, this.peer, event);
      assertEquals(await this.next(), event);
    }
    assertEquals(this.#events, []);
  }
}

/** As events and boards show it, without the time that is left to it. */
function post(peer: string, id: string, data = "data"): BoardPost {
  const candidates = [{ address: "192.0.2.1:1", transport: "udp", proved: true }] as const;
  return { peer: name16(peer), id, candidates, data, expiresInMs: 0 };
}

function posted(peer: string, id: string, data = "data"): BoardEvent {
  return { type: "posted", post: post(peer, id, data) };
}

function show(event: BoardEvent): string {
  if (event.type === "posted") return `posted ${event.post.peer} ${event.post.id}`;
  return "id" in event ? `${event.type} ${event.peer} ${event.id}` : event.type;
}

function timeless(posts: readonly BoardPost[]): BoardPost[] {
  return posts.map((one) => ({ ...one, expiresInMs: 0 }))
    .sort((a, b) => `${a.peer} ${a.id}` < `${b.peer} ${b.id}` ? -1 : 1);
}

/** The names of peers have 16 characters. */
function name16(name: string): string {
  return name.padEnd(16, "-").slice(0, 16);
}
