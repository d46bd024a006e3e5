import type { BoardEvent, BoardPost, DirectEvent, JoinRefusal } from "../protocol/board/mod.ts";

/** A peer that is, or wants to be, in a room: where the store's news of it go. */
export interface BoardMember {
  /** The room. */
  readonly room: string;
  /** Its name, unlike that of any other peer of any room. */
  readonly peer: string;
  /** It is in now, and this is posted; every event comes after this call. */
  admitted(posts: readonly BoardPost[]): void;
  /** Something has happened in its room, or is for it alone. */
  deliver(event: BoardEvent): void;
  /** It is in no longer, as the room is somebody else's now. */
  evict(refusal: JoinRefusal): void;
}

/**
 * Where a board keeps who is in which room and what is posted there, for one server or for several.
 * Every event is delivered to all members of a room, its cause among them, in one sequence.
 *
 * Every method rejects with a {@linkcode BoardStoreError} while the store cannot be reached. Members
 * are told `store_unavailable` when it is lost, and given a `board` when it is there again; they stay
 * members, and what they had posted is posted again with the time that is left to it.
 */
export interface BoardStore extends AsyncDisposable {
  /** Lets a peer in, or says why not. The room's first member makes its secret the room's. */
  join(member: BoardMember, secretDigest: Uint8Array): Promise<JoinRefusal | undefined>;
  /** Takes a member out, with all that it has posted. Never rejects. */
  leave(member: BoardMember): Promise<void>;
  /** Puts a post of this member on the board. */
  put(member: BoardMember, post: BoardPost): Promise<void>;
  /** Takes a post of this member off. */
  remove(member: BoardMember, id: string): Promise<void>;
  /** Delivers a `board` to this member. */
  list(member: BoardMember): Promise<void>;
  /** Hands something to another member of the room; false if there is none of that name. */
  tell(member: BoardMember, to: string, event: DirectEvent): Promise<boolean>;
}

/** Why a store cannot do what it was asked. */
export class BoardStoreError extends Error {
  /** The name of the class. */
  override readonly name = "BoardStoreError";
  /** What is wrong: `unavailable`, it cannot be reached. */
  readonly code = "unavailable";
}
