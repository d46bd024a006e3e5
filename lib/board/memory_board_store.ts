import { type Clock, systemClock } from "../ops/mod.ts";
import {
  BOARD_LIMITS,
  type BoardPost,
  type DirectEvent,
  type JoinRefusal,
} from "../protocol/board/mod.ts";
import { LocalBoard } from "./_local_board.ts";
import { type BoardMember, type BoardStore, BoardStoreError } from "./board_store.ts";

/** What a {@linkcode MemoryBoardStore} goes by. */
export interface MemoryBoardStoreOptions {
  /** The most rooms at a time. @default {10000} rooms of one peer take a kilobyte or two */
  readonly maxRooms?: number | undefined;
  /** The most peers in one room. @default {64} */
  readonly maxPeersPerRoom?: number | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** Keeps the board of one server in its memory: nothing to set up, and gone when the server is. */
export class MemoryBoardStore implements BoardStore {
  readonly #board: LocalBoard;
  #closed = false;

  /** Makes one without rooms. */
  constructor(options: MemoryBoardStoreOptions = {}) {
    this.#board = new LocalBoard({
      maxRooms: options.maxRooms ?? 10_000,
      maxPeersPerRoom: options.maxPeersPerRoom ?? BOARD_LIMITS.maxPeersPerRoom,
      clock: options.clock ?? systemClock,
    });
  }

  /** See {@linkcode BoardStore.join}. */
  join(member: BoardMember, secretDigest: Uint8Array): Promise<JoinRefusal | undefined> {
    return this.#ask(() => {
      const refusal = this.#board.join(member, secretDigest);
      if (refusal === undefined) member.admitted(this.#board.posts(member.room));
      return refusal;
    });
  }

  /** See {@linkcode BoardStore.leave}. */
  leave(member: BoardMember): Promise<void> {
    this.#board.leave(member);
    return Promise.resolve();
  }

  /** See {@linkcode BoardStore.put}. */
  put(member: BoardMember, post: BoardPost): Promise<void> {
    return this.#ask(() => this.#board.put(member.room, post), member);
  }

  /** See {@linkcode BoardStore.remove}. */
  remove(member: BoardMember, id: string): Promise<void> {
    return this.#ask(() => this.#board.remove(member.room, member.peer, id), member);
  }

  /** See {@linkcode BoardStore.list}. */
  list(member: BoardMember): Promise<void> {
    return this.#ask(
      () => member.deliver({ type: "board", posts: this.#board.posts(member.room) }),
      member,
    );
  }

  /** See {@linkcode BoardStore.tell}. */
  tell(member: BoardMember, to: string, event: DirectEvent): Promise<boolean> {
    return this.#ask(() => this.#board.tell(member.room, to, event), member);
  }

  /** Lets go of everything; who is in is told nothing. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#board.close();
    return Promise.resolve();
  }

  /** At once, so that everybody sees one sequence; what goes wrong rejects. */
  #ask<T>(act: () => T, member?: BoardMember): Promise<T> {
    if (this.#closed || (member !== undefined && !this.#board.has(member))) {
      const why = this.#closed ? "it is closed" : "this peer is not in";
      return Promise.reject(new BoardStoreError(`Cannot use the board: ${why}`));
    }
    return Promise.resolve(act());
  }
}
