import { assertEquals } from "@std/assert";
import { BoardServer, type BoardSocket, MemoryBoardStore } from "../../lib/board/mod.ts";
import type { WebSocketListener } from "../../lib/ops/http/mod.ts";
import { MAX_BUFFERED_BYTES, secretSubprotocol } from "../../lib/protocol/board/mod.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const IP = Uint8Array.of(192, 0, 2, 7);

Deno.test("BoardServer introduces two peers of a room to each other", async () => {
  const { board, clock } = start();
  const [alice, bob] = [await Peer.join(board), await Peer.join(board)];
  alice.say({ type: "post", id: "me", candidates: [], data: "alice", lifetimeMs: 5000 });
  assertEquals([alice.heard(), bob.heard()], Array(2).fill([`posted ${alice.id} me`]));
  bob.say({ type: "signal", to: alice.id, data: "hello" });
  assertEquals([alice.heard(), bob.heard()], [[`signal ${bob.id} hello`], []]);
  clock.advance(5000);
  assertEquals([alice.heard(), bob.heard()], Array(2).fill([`expired ${alice.id} me`]));
});

Deno.test("BoardServer names peers by random bytes and tells them the URIs for their host", async () => {
  const { board } = start();
  const socket = new FakeSocket();
  const listener = board.accept(call({ host: "stun.example:80" }), socket);
  listener.onMessage({ text: '{"type":"join"}' });
  await settled();
  const [welcome] = socket.sent as [Record<string, unknown>];
  assertEquals([welcome["peer"], welcome["room"], welcome["ip"], welcome["stun"]], [
    "AQEBAQEBAQEBAQEB",
    "room",
    "192.0.2.7",
    ["stun:stun.example:80"],
  ]);
});

Deno.test("BoardServer drops a peer that does not read, and nobody else notices", async () => {
  const { board } = start();
  const [alice, bob, deaf] = [
    await Peer.join(board),
    await Peer.join(board),
    await Peer.join(board),
  ];
  deaf.say({ type: "post", id: "x", candidates: [], data: "", lifetimeMs: 5000 });
  for (const peer of [alice, bob, deaf]) peer.heard();
  deaf.socket.bufferedAmount = MAX_BUFFERED_BYTES + 1;
  alice.say({ type: "post", id: "me", candidates: [], data: "", lifetimeMs: 5000 });
  await settled();
  assertEquals(
    [alice.heard(), bob.heard()],
    Array(2).fill([
      `posted ${alice.id} me`,
      `removed ${deaf.id} x`,
    ]),
  );
  assertEquals([deaf.socket.ended, board.peers], ["aborted", 2]);
});

Deno.test("BoardServer tells the others when a connection is lost, in whatever state", async () => {
  const { board } = start();
  const [alice, bob] = [await Peer.join(board), await Peer.join(board)];
  bob.say({ type: "post", id: "me", candidates: [], data: "", lifetimeMs: 5000 });
  alice.heard();
  bob.listener.onClose();
  bob.listener.onClose();
  // One that goes while it is being let in, and one that never asked to be
  const hasty = board.accept(call({}), new FakeSocket());
  hasty.onMessage({ text: '{"type":"join"}' });
  hasty.onClose();
  board.accept(call({}), new FakeSocket()).onClose();
  await settled();
  assertEquals([alice.heard(), board.peers], [[`removed ${bob.id} me`], 1]);
});

Deno.test("BoardServer closes with the code that says why", async () => {
  const { board, clock } = start();
  const cases = [
    [{ unreadable: "too-long" }, 4413],
    [{ text: '{"type":"join","secret":"wrong"}' }, 4403],
  ] as const;
  await Peer.join(board);
  for (const [message, code] of cases) {
    const socket = new FakeSocket();
    board.accept(call({}), socket).onMessage(message);
    await settled();
    assertEquals(socket.ended, code);
  }
  const silent = new FakeSocket();
  board.accept(call({}), silent);
  clock.advance(10_000);
  assertEquals([silent.ended, board.peers], [4408, 1]);
});

const REFUSED: readonly (readonly [Partial<Call>, number])[] = [
  [{ path: "/board/../etc" }, 404],
  [{ path: "/board/" }, 404],
  [{ protocols: ["pinhole.board.v1", "pinhole.secret.*"] }, 400],
];
for (const [options, status] of REFUSED) {
  Deno.test(`BoardServer.refuse() answers ${JSON.stringify(options)} with ${status}`, () => {
    assertEquals(start().board.refuse(call(options))?.status, status);
  });
}

Deno.test("BoardServer.refuse() answers 429 to more peers than may be, in all and of one address", async () => {
  const { board } = start({ maxPeers: 3, maxPeersPerAddress: 2 });
  const other = { ip: Uint8Array.of(192, 0, 2, 8) };
  const statuses = () => [call({}), call(other)].map((one) => board.refuse(one)?.status);
  const peers = [await Peer.join(board), await Peer.join(board)];
  assertEquals(statuses(), [429, undefined]);
  board.accept(call(other), new FakeSocket());
  assertEquals(statuses(), [429, 429]);
  peers[0]!.listener.onClose();
  assertEquals(statuses(), [undefined, undefined]);
});

Deno.test("BoardServer.close() tells every peer, and takes no more", async () => {
  const { board, clock } = start();
  const peers = [await Peer.join(board), await Peer.join(board)];
  await board.close();
  assertEquals(peers.map(({ socket }) => socket.ended), [4504, 4504]);
  assertEquals([board.peers, board.refuse(call({}))?.status, clock.timers], [0, 503, []]);
});

interface Call {
  readonly path: string;
  readonly ip: Uint8Array;
  readonly isClient: boolean;
  readonly host: string;
  readonly protocols: readonly string[];
}

function call(options: Partial<Call> = {}): Call {
  const protocols = ["pinhole.board.v1", secretSubprotocol("s")];
  return { path: "/board/room", ip: IP, isClient: true, host: "h", protocols, ...options };
}

function start(options: { maxPeers?: number; maxPeersPerAddress?: number } = {}) {
  const clock = new VirtualClock();
  let names = 0;
  const board = new BoardServer({
    store: new MemoryBoardStore({ clock }),
    stunUris: (host) => [`stun:${host}`],
    clock,
    randomness: { bytes: (length) => new Uint8Array(length).fill(++names) },
    ...options,
  });
  return { board, clock };
}

/** A peer that has joined. */
class Peer {
  readonly socket = new FakeSocket();
  readonly listener: WebSocketListener;
  id = "";

  private constructor(board: BoardServer) {
    this.listener = board.accept(call(), this.socket);
  }

  static async join(board: BoardServer): Promise<Peer> {
    const peer = new Peer(board);
    peer.say({ type: "join" });
    await settled();
    const [welcome, ...rest] = peer.socket.sent.splice(0) as [{ peer: string }, { type: string }];
    peer.id = welcome.peer;
    assertEquals(rest.map(({ type }) => type), ["board", "ping"]);
    return peer;
  }

  say(message: unknown): void {
    this.listener.onMessage({ text: JSON.stringify(message) });
  }

  /** What it has been sent since it was asked last. */
  heard(): string[] {
    return this.socket.sent.splice(0).map((message) => {
      const { type, post, peer, id, from, data } = message as Record<string, never>;
      if (post !== undefined) return `${type} ${post["peer"]} ${post["id"]}`;
      return from === undefined ? `${type} ${peer} ${id}` : `${type} ${from} ${data}`;
    });
  }
}

class FakeSocket implements BoardSocket {
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  ended: number | "aborted" | undefined;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code: number): void {
    this.ended = code;
  }

  abort(): void {
    this.ended = "aborted";
  }
}

/** All that waits for promises alone has happened: the store in memory waits for nothing else. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
