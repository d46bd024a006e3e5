/**
 * The rules of the bulletin board: messages, rooms, posts, limits and synchronised starts.
 *
 * @module
 */
export {
  BOARD_LIMITS,
  BOARD_PATIENCE,
  type BoardLimits,
  MAX_BUFFERED_BYTES,
} from "./board_limits.ts";
export * from "./board_message.ts";
export * from "./board_event.ts";
export * from "./board_order.ts";
export {
  MAX_SECRET_LENGTH,
  readBoardPath,
  readSecretSubprotocol,
  secretSubprotocol,
} from "./board_address.ts";
export { type BadMessage, readClientMessage, readServerMessage } from "./board_schema.ts";
export { roomSecretDigest, sameRoomSecret } from "./board_secret.ts";
export { BoardRooms, type BoardRoomsOptions } from "./board_rooms.ts";
export { type BoardInput, BoardPeer, type BoardPeerOptions, type BoardTime } from "./board_peer.ts";
