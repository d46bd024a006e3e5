import { assertEquals, assertRejects } from "@std/assert";
import {
  BoardClient,
  BoardClientError,
  BoardRendezvous,
  RendezvousError,
  type RendezvousEvent,
} from "../../../lib/board/client/mod.ts";
import { BoardServer, MemoryBoardStore } from "../../../lib/board/mod.ts";
import { openHttpServer } from "../../../lib/ops/http/mod.ts";
import { silentLogger } from "../../../lib/ops/mod.ts";
import { formatSocketAddress } from "../../../lib/wire/mod.ts";
import {
  otherDescription,
  punchDescription,
} from "../../protocol/punch/punch_description_cases.ts";
import { leakTest } from "../../support/leak_test.ts";
import { freePort } from "../../support/free_port.ts";

const ONE = [punchDescription()];
const TWO = [otherDescription()];

leakTest(
  "BoardRendezvous welcomes, exchanges the descriptions and says when to begin",
  async () => {
    await using board = await Board.open();
    await using one = new Side(board.url);
    await using two = new Side(board.url);
    const welcome = await one.rendezvous.welcome;
    assertEquals([welcome.room, welcome.stun], ["room", ["stun:127.0.0.1:3478"]]);
    await two.rendezvous.welcome;
    await one.rendezvous.send(ONE);
    await two.rendezvous.send(TWO);
    assertEquals([await one.rendezvous.receive(), await two.rendezvous.receive()], [TWO, ONE]);
    await Promise.all([one.rendezvous.ready(), two.rendezvous.ready()]);
    assertEquals(await one.event("met"), { type: "met", peer: await two.peer });
    assertEquals(await two.event("met"), { type: "met", peer: await one.peer });
  },
);

leakTest("BoardRendezvous meets a side that is there before it has an offer itself", async () => {
  await using board = await Board.open();
  await using one = new Side(board.url);
  await one.rendezvous.welcome;
  await one.rendezvous.send(ONE);
  assertEquals(await one.event("waiting"), { type: "waiting", unfit: 0 });
  await using two = new Side(board.url);
  await two.rendezvous.send(TWO);
  assertEquals(await one.rendezvous.receive(), TWO);
});

leakTest("BoardRendezvous leaves a third one waiting, for a fourth", async () => {
  await using board = await Board.open();
  await using one = new Side(board.url);
  await using two = new Side(board.url);
  await using three = new Side(board.url);
  const sides = [one, two, three];
  for (const { rendezvous } of sides) {
    await rendezvous.welcome;
    await rendezvous.send(ONE);
  }
  const { side, peer } = await Promise.race(
    sides.map(async (side) => ({ side, peer: (await side.event("met")).peer })),
  );
  const names = await Promise.all(sides.map(({ peer }) => peer));
  const third = sides.find((each, i) => each !== side && names[i] !== peer)!;
  await using fourth = new Side(board.url);
  await fourth.rendezvous.welcome;
  await fourth.rendezvous.send(TWO);
  assertEquals(await third.rendezvous.receive(), TWO);
  assertEquals(await fourth.event("met"), { type: "met", peer: await third.peer });
});

leakTest("BoardRendezvous says how many do not fit", async () => {
  await using board = await Board.open();
  await using one = new Side(board.url);
  await one.rendezvous.send(ONE);
  await using two = new Side(board.url);
  await two.rendezvous.send([otherDescription({ transport: "tcp" })]);
  assertEquals(await one.event("waiting", ({ unfit }) => unfit === 1), {
    type: "waiting",
    unfit: 1,
  });
});

leakTest("BoardRendezvous rejects where the secret is another one", async () => {
  await using board = await Board.open();
  await using one = new Side(board.url, "s");
  await one.rendezvous.welcome;
  await using two = new Side(board.url, "t");
  for (const waiting of [two.rendezvous.welcome, two.rendezvous.receive()]) {
    const error = await assertRejects(() => waiting, BoardClientError);
    assertEquals(error.code, "wrong_secret");
  }
});

leakTest("BoardRendezvous rejects where there is no board", async () => {
  await using side = new Side(`ws://127.0.0.1:${freePort()}/board/room`);
  for (const waiting of [side.rendezvous.welcome, side.rendezvous.receive()]) {
    const error = await assertRejects(
      () => waiting,
      RendezvousError,
      "Cannot meet on the board: it cannot be reached",
    );
    assertEquals(error.code, "unreachable");
  }
});

leakTest("BoardRendezvous says why the board does not let it in", async () => {
  await using board = await Board.open({ maxPeersPerRoom: 1 });
  await using one = new Side(board.url);
  await one.rendezvous.welcome;
  await using two = new Side(board.url);
  const error = await assertRejects(() => two.rendezvous.welcome, RendezvousError);
  assertEquals(error.code, "room_full");
});

leakTest("BoardRendezvous meets on a board that has come back", async () => {
  const port = freePort();
  const before = await Board.open({ port });
  await using one = new Side(before.url);
  await one.rendezvous.send(ONE);
  await one.event("waiting");
  await before[Symbol.asyncDispose]();
  await one.event("disconnected");
  await using after = await Board.open({ port });
  await using two = new Side(after.url);
  await two.rendezvous.send(TWO);
  assertEquals([await one.rendezvous.receive(), await two.rendezvous.receive()], [TWO, ONE]);
});

leakTest("BoardRendezvous begins without the board once the codes are there", async () => {
  const board = await Board.open();
  await using one = new Side(board.url);
  await using two = new Side(board.url);
  await one.rendezvous.send(ONE);
  await two.rendezvous.send(TWO);
  await Promise.all([one.rendezvous.receive(), two.rendezvous.receive()]);
  await board[Symbol.asyncDispose]();
  await Promise.all([one.rendezvous.ready(), two.rendezvous.ready()]);
});

leakTest("BoardRendezvous.close() rejects what is awaited, and takes the offer along", async () => {
  await using board = await Board.open();
  await using one = new Side(board.url);
  await one.rendezvous.send(ONE);
  await one.event("waiting");
  const awaited = [one.rendezvous.receive(), one.rendezvous.ready()];
  await one.rendezvous.close();
  for (const waiting of awaited) {
    const error = await assertRejects(() => waiting, RendezvousError, "this side has left it");
    assertEquals(error.code, "closed");
  }
  await using two = new Side(board.url);
  await two.rendezvous.send(TWO);
  assertEquals(await two.event("waiting"), { type: "waiting", unfit: 0 });
});

Deno.test("BoardRendezvous.send() rejects where there is no description, and a second time", async () => {
  await using side = new Side(`ws://127.0.0.1:${freePort()}/board/room`);
  await assertRejects(() => side.rendezvous.send([]), RangeError, "there is no description");
  await side.rendezvous.send(ONE);
  await assertRejects(() => side.rendezvous.send(ONE), TypeError, "a rendezvous is for one punch");
});

/** A board on loopback. */
class Board implements AsyncDisposable {
  readonly url: string;
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async open(
    { port = 0, maxPeersPerRoom = 64 }: { port?: number; maxPeersPerRoom?: number } = {},
  ): Promise<Board> {
    const board = new BoardServer({
      store: new MemoryBoardStore({ maxPeersPerRoom }),
      stunUris: () => ["stun:127.0.0.1:3478"],
    });
    const http = await openHttpServer({
      ip: Uint8Array.of(127, 0, 0, 1),
      port,
      routes: new Map(),
      webSockets: new Map([["/board/*", board.route({ origins: [] })]]),
      logger: silentLogger,
    });
    return new Board(`ws://${formatSocketAddress(http.address)}/board/room`, async () => {
      await board.close();
      await http.close();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** One side, and what it was told, kept. */
class Side implements AsyncDisposable {
  readonly rendezvous: BoardRendezvous;
  readonly #events: RendezvousEvent[] = [];
  #wake = () => {};

  constructor(url: string, secret?: string) {
    // As soon as it may, so that no test waits for it
    this.rendezvous = new BoardRendezvous(new BoardClient(url, { secret, random: () => 0.1 }), {
      onEvent: (event) => {
        this.#events.push(event);
        this.#wake();
      },
    });
  }

  get peer(): Promise<string> {
    return this.rendezvous.welcome.then(({ peer }) => peer);
  }

  async event<T extends RendezvousEvent["type"]>(
    type: T,
    accept: (event: Extract<RendezvousEvent, { type: T }>) => boolean = () => true,
  ): Promise<Extract<RendezvousEvent, { type: T }>> {
    for (;;) {
      const found = this.#events.find((event) =>
        event.type === type && accept(event as Extract<RendezvousEvent, { type: T }>)
      );
      if (found !== undefined) return found as Extract<RendezvousEvent, { type: T }>;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rendezvous.close();
  }
}
