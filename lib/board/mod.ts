/**
 * The bulletin board: peers meet in a room, see each other's addresses and start a punch together.
 *
 * @module
 */
export { type BoardMember, type BoardStore, BoardStoreError } from "./board_store.ts";
export { MemoryBoardStore, type MemoryBoardStoreOptions } from "./memory_board_store.ts";
export { BoardServer, type BoardServerOptions } from "./board_server.ts";
export { pageRoutes, type PageRoutesOptions } from "./page_routes.ts";
export { type BoardSocket } from "./board_connection.ts";
export { openRedisBoardStore, type OpenRedisBoardStoreOptions } from "./redis_board_store.ts";
