import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { AnswerRoom, AnswerRooms } from "../../lib/server/answer_room.ts";

Deno.test("AnswerRoom.append() adds bytes, however many, and keeps those before", () => {
  const room = new AnswerRoom(128);
  const expected: number[] = [];
  for (const length of [0, 1, 127, 1, 1000, 5]) {
    const bytes = Uint8Array.from({ length }, (_, i) => i);
    room.append(bytes);
    expected.push(...bytes);
    assertEquals([...room.bytes], expected);
    assertEquals(room.at, expected.length);
  }
});

Deno.test("AnswerRoom.reserve() makes room behind what is filled, and no more than once", () => {
  const room = new AnswerRoom(128);
  room.append(Uint8Array.of(1, 2, 3));
  room.reserve(125);
  assertEquals(room.into.length, 128);
  room.reserve(126);
  const { into } = room;
  assert(into.length >= 129);
  room.reserve(126);
  assertStrictEquals(room.into, into);
  assertEquals([...room.bytes], [1, 2, 3]);
});

Deno.test("AnswerRoom.bytes is what is filled, also when it is used again", () => {
  const room = new AnswerRoom(128);
  for (const length of [32, 32, 44, 0, 32]) {
    room.at = length;
    assertEquals([room.bytes.length, room.bytes.byteOffset], [length, 0]);
    assertStrictEquals(room.bytes.buffer, room.into.buffer);
  }
});

Deno.test("AnswerRooms.take() gives a room that was given back, empty", () => {
  const rooms = new AnswerRooms();
  const room = rooms.take();
  room.append(new Uint8Array(100));
  rooms.giveBack(room);
  assertStrictEquals(rooms.take(), room);
  assertEquals(room.at, 0);
  assertNotStrictEquals(rooms.take(), room);
});

Deno.test("AnswerRooms.giveBack() keeps no room that has grown large, and not any number", () => {
  const rooms = new AnswerRooms();
  const large = rooms.take();
  large.reserve(10_000);
  rooms.giveBack(large);
  assertNotStrictEquals(rooms.take(), large);
  const many = Array.from({ length: 300 }, () => rooms.take());
  for (const one of many) rooms.giveBack(one);
  const again = new Set(Array.from({ length: 300 }, () => rooms.take()));
  assertEquals(many.filter((one) => again.has(one)).length, 256);
});
