import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type BoardDelivery,
  type BoardPost,
  BoardRooms,
  roomSecretDigest,
} from "../../../lib/protocol/board/mod.ts";

const OPEN = roomSecretDigest("r", undefined);

Deno.test("BoardRooms.join() makes a room, and leave() unmakes it with its last peer", () => {
  const rooms = board();
  assertEquals([rooms.join("r", "a", OPEN), rooms.join("r", "b", OPEN), rooms.size], [
    undefined,
    undefined,
    1,
  ]);
  rooms.leave("r", "a");
  assertEquals([rooms.size, [...rooms.peers("r")]], [1, ["b"]]);
  rooms.leave("r", "b");
  assertEquals([rooms.size, [...rooms.peers("r")]], [0, []]);
});

Deno.test("BoardRooms.join() says why a peer may not be in", () => {
  const rooms = board({ maxRooms: 2, maxPeersPerRoom: 2 });
  const secret = roomSecretDigest("r", "one");
  assertEquals([
    rooms.join("r", "a", secret),
    rooms.join("r", "b", OPEN),
    rooms.join("r", "b", roomSecretDigest("r", "two")),
    rooms.join("r", "b", secret),
    rooms.join("r", "c", secret),
    rooms.join("r2", "c", OPEN),
    rooms.join("r3", "d", OPEN),
  ], [
    undefined,
    "wrong_secret",
    "wrong_secret",
    undefined,
    "room_full",
    undefined,
    "too_many_rooms",
  ]);
});

Deno.test("roomSecretDigest() tells rooms, secrets and their absence apart", () => {
  const digests = [
    roomSecretDigest("r", undefined),
    roomSecretDigest("r", "open"),
    roomSecretDigest("r", ""),
    roomSecretDigest("r", "secret:"),
    roomSecretDigest("r2", "open"),
  ];
  assertEquals(new Set(digests.map((digest) => digest.toHex())).size, 5);
  assertEquals(digests.map(({ length }) => length), [32, 32, 32, 32, 32]);
});

Deno.test("BoardRooms delivers each change to everybody in the room, and no other", () => {
  const rooms = board();
  for (const peer of ["a", "b"]) rooms.join("r", peer, OPEN);
  rooms.join("r2", "c", OPEN);
  const post = postOf("a", "x", 1000);
  assertEquals(shown(rooms.put("r", post, 0)), [["r", ["a", "b"], { type: "posted", post }]]);
  assertEquals(shown(rooms.remove("r", "a", "x")), [
    ["r", ["a", "b"], { type: "removed", peer: "a", id: "x" }],
  ]);
  assertEquals(rooms.remove("r", "a", "x"), []);
  assertEquals(rooms.put("nowhere", post, 0), []);
  rooms.put("r", post, 0);
  assertEquals(shown(rooms.leave("r", "a")), [["r", ["b"], {
    type: "removed",
    peer: "a",
    id: "x",
  }]]);
  assertEquals(rooms.leave("r", "a"), []);
});

Deno.test("BoardRooms.tell() reaches one peer of the room", () => {
  const rooms = board();
  for (const peer of ["a", "b"]) rooms.join("r", peer, OPEN);
  const event = { type: "signal", from: "a", data: "x" } as const;
  assertEquals(rooms.tell("r", "b", event), { room: "r", to: ["b"], event });
  assertEquals([rooms.tell("r", "c", event), rooms.tell("r2", "b", event)], [undefined, undefined]);
});

Deno.test("BoardRooms.expire() takes off what is due, once, and what replaced it lives on", () => {
  const rooms = board();
  rooms.join("r", "a", OPEN);
  rooms.put("r", postOf("a", "x", 1000), 0);
  rooms.put("r", postOf("a", "y", 1500), 0);
  rooms.put("r", postOf("a", "y", 1500), 600);
  assertEquals([rooms.nextExpiry, rooms.expire(999)], [1000, []]);
  assertEquals(rooms.posts("r", 999).map(({ id, expiresInMs }) => [id, expiresInMs]), [
    ["x", 1],
    ["y", 1101],
  ]);
  assertEquals(shown(rooms.expire(1000)), [["r", ["a"], { type: "expired", peer: "a", id: "x" }]]);
  assertEquals([rooms.nextExpiry, rooms.expire(2099)], [2100, []]);
  assertEquals(shown(rooms.expire(5000)), [["r", ["a"], { type: "expired", peer: "a", id: "y" }]]);
  assertEquals([rooms.nextExpiry, rooms.expire(9000)], [Infinity, []]);
});

Deno.test("BoardRooms shows at any time what has been put and neither removed nor expired", () => {
  const peer = fc.constantFrom("a", "b", "c");
  const id = fc.constantFrom("x", "y");
  const step = fc.oneof(
    fc.record({ act: fc.constant("put" as const), peer, id, ms: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ act: fc.constant("remove" as const), peer, id, ms: fc.constant(0) }),
    fc.record({ act: fc.constant("leave" as const), peer, id, ms: fc.constant(0) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const rooms = board();
    const model = new Map<string, number>();
    rooms.join("r", "witness", OPEN);
    for (const [now, { act, peer, id, ms }] of steps.entries()) {
      rooms.join("r", peer, OPEN);
      for (const [key, at] of model) if (at <= now) model.delete(key);
      rooms.expire(now);
      if (act === "put") model.set(`${peer} ${id}`, now + ms);
      else if (act === "remove") model.delete(`${peer} ${id}`);
      else for (const name of ["x", "y"]) model.delete(`${peer} ${name}`);
      if (act === "put") rooms.put("r", postOf(peer, id, ms), now);
      else if (act === "remove") rooms.remove("r", peer, id);
      else rooms.leave("r", peer);
      const left = rooms.posts("r", now).map((post) =>
        `${post.peer} ${post.id} ${post.expiresInMs}`
      );
      assertEquals(left.sort(), [...model].map(([key, at]) => `${key} ${at - now}`).sort());
      assertEquals(rooms.nextExpiry <= Math.min(Infinity, ...model.values()), true);
    }
  }));
});

function board(options: { maxRooms?: number; maxPeersPerRoom?: number } = {}): BoardRooms {
  return new BoardRooms({ maxRooms: 10, maxPeersPerRoom: 10, ...options });
}

function postOf(peer: string, id: string, expiresInMs: number): BoardPost {
  return { peer, id, candidates: [], data: "", expiresInMs };
}

function shown(deliveries: readonly BoardDelivery[]): unknown[] {
  return deliveries.map(({ room, to, event }) => [room, [...to], event]);
}
