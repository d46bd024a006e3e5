import { readBoardPath } from "../protocol/board/mod.ts";
import { type Decoded, decoded, undecodable } from "../wire/mod.ts";

/**
 * The URL of a room of a board: `board` is `wss://HOST[:PORT]`, or `ws:`, and `room` a name; or `board`
 * is the whole, `wss://HOST/board/ROOM`, and `room` is undefined.
 */
export function boardRoomUrl(board: string, room: string | undefined): Decoded<string> {
  const url = URL.parse(board);
  const isBoard = url !== null && /^wss?:$/.test(url.protocol) && url.search + url.hash === "";
  if (!isBoard) return unusable(board, "wanted wss://HOST[:PORT] or ws://HOST[:PORT]");
  if (room !== undefined) {
    if (url.pathname !== "/") return unusable(board, "it names a room, and so does --room");
    url.pathname = `/board/${room}`;
  } else if (url.pathname === "/") {
    return unusable(board, "wanted --room NAME");
  }
  // What a URL has to escape is no name of a room
  const named = readBoardPath(url.pathname);
  return named.ok ? decoded(url.href) : named;
}

function unusable(board: string, problem: string): Decoded<string> {
  return undecodable(`Cannot use the board ${board}: ${problem}`);
}
