import { assertEquals } from "@std/assert";
import { boardRoomUrl } from "../../lib/cli/board_room_url.ts";

for (
  const [board, room, url] of [
    ["wss://host", "room", "wss://host/board/room"],
    ["wss://host/", "room", "wss://host/board/room"],
    ["ws://[::1]:8080", "a~b_c-d.e", "ws://[::1]:8080/board/a~b_c-d.e"],
    ["wss://host/board/room", undefined, "wss://host/board/room"],
  ] as const
) {
  Deno.test(`boardRoomUrl() makes ${url} of ${board} and ${room}`, () => {
    assertEquals(boardRoomUrl(board, room), { ok: true, value: url });
  });
}

const NO_ROOM = "Cannot read the name of the room: ";

for (
  const [board, room, problem] of [
    ["host", "room", "Cannot use the board host: wanted wss://HOST"],
    ["https://host", "room", "Cannot use the board https://host: wanted wss://HOST"],
    [
      "wss://host/?secret=x",
      "room",
      "Cannot use the board wss://host/?secret=x: wanted wss://HOST",
    ],
    ["wss://host", undefined, "Cannot use the board wss://host: wanted --room NAME"],
    ["wss://host/board/a", "b", "Cannot use the board wss://host/board/a: it names a room, and so"],
    ["wss://host/pub", undefined, NO_ROOM],
    ["wss://host", "", NO_ROOM],
    ["wss://host", "..", NO_ROOM],
    ["wss://host", "../x", NO_ROOM],
    ["wss://host", "a/b", NO_ROOM],
    ["wss://host", "a b", NO_ROOM],
    ["wss://host", "a?b", NO_ROOM],
    ["wss://host", "a#b", NO_ROOM],
    ["wss://host", "%2e%2e", NO_ROOM],
    ["wss://host", "ä", NO_ROOM],
    ["wss://host", "x".repeat(65), NO_ROOM],
  ] as const
) {
  Deno.test(`boardRoomUrl() refuses ${board} and ${room}`, () => {
    const read = boardRoomUrl(board, room);
    assertEquals(read.ok ? read.value : read.reason.slice(0, problem.length), problem);
  });
}
