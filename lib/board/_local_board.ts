import type { Clock } from "../ops/mod.ts";
import {
  type BoardDelivery,
  type BoardEvent,
  type BoardPost,
  BoardRooms,
  type BoardRoomsOptions,
  type DirectEvent,
  type JoinRefusal,
} from "../protocol/board/mod.ts";
import type { BoardMember } from "./board_store.ts";

/** What a {@linkcode LocalBoard} goes by. */
export interface LocalBoardOptions extends BoardRoomsOptions {
  /** Tells the time. */
  readonly clock: Clock;
}

/** The rooms that this server has members in, as far as it knows them, and the delivery to them. */
export class LocalBoard {
  readonly #rooms: BoardRooms;
  readonly #clock: Clock;
  readonly #members = new Map<string, BoardMember>();
  readonly #queue: BoardDelivery[] = [];
  #delivering = false;
  #wakeAt = Infinity;
  #cancelWake = () => {};

  /** Makes one without rooms. */
  constructor(options: LocalBoardOptions) {
    this.#rooms = new BoardRooms(options);
    this.#clock = options.clock;
  }

  /** Everybody who is in. */
  get members(): Iterable<BoardMember> {
    return this.#members.values();
  }

  /** Whether this very member is in. */
  has(member: BoardMember): boolean {
    return this.#members.get(member.peer) === member;
  }

  /** Whether a member of this name is in. */
  hasPeer(peer: string): boolean {
    return this.#members.has(peer);
  }

  /** Lets a member in; who calls this then says `admitted()`. */
  join(member: BoardMember, secretDigest: Uint8Array): JoinRefusal | undefined {
    const refusal = this.#rooms.join(member.room, member.peer, secretDigest);
    if (refusal === undefined) this.#members.set(member.peer, member);
    return refusal;
  }

  /** Takes a member out; false if it was not in. */
  leave(member: BoardMember): boolean {
    if (!this.has(member)) return false;
    this.#members.delete(member.peer);
    this.#deliver(this.#rooms.leave(member.room, member.peer));
    return true;
  }

  /** A post is on the board now. */
  put(room: string, post: BoardPost): void {
    this.#deliver(this.#rooms.put(room, post, this.#clock.now()));
    this.#schedule();
  }

  /** A post is off the board. */
  remove(room: string, peer: string, id: string): void {
    this.#deliver(this.#rooms.remove(room, peer, id));
  }

  /** All posts of a peer are off the board. */
  dropPosts(room: string, peer: string, why: "removed" | "expired"): void {
    this.#deliver(this.#rooms.dropPosts(room, peer, why));
  }

  /** This and nothing else is posted in a room; nobody is told. */
  replace(room: string, posts: readonly BoardPost[]): void {
    for (const { peer, id } of this.posts(room)) this.#rooms.remove(room, peer, id);
    for (const post of posts) this.#rooms.put(room, post, this.#clock.now());
    this.#schedule();
  }

  /** All that is posted in a room. */
  posts(room: string): BoardPost[] {
    return this.#rooms.posts(room, this.#clock.now());
  }

  /** Hands something to one member; false if it is not here. */
  tell(room: string, peer: string, event: DirectEvent): boolean {
    const delivery = this.#rooms.tell(room, peer, event);
    if (delivery !== undefined) this.#deliver([delivery]);
    return delivery !== undefined;
  }

  /** Hands the same to everybody in a room. */
  broadcast(room: string, event: BoardEvent): void {
    this.#deliver([{ room, to: this.#rooms.peers(room), event }]);
  }

  /** Lets its timer go. */
  close(): void {
    this.#cancelWake();
  }

  /**
   * One delivery after the other: a member that is dropped in the midst of one leaves, and nobody
   * shall hear that a post is gone before hearing of the post.
   */
  #deliver(deliveries: readonly BoardDelivery[]): void {
    this.#queue.push(...deliveries);
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        for (const peer of next.to) this.#members.get(peer)?.deliver(next.event);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #schedule(): void {
    const at = this.#rooms.nextExpiry;
    if (at >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = at;
    if (at === Infinity) return;
    this.#cancelWake = this.#clock.setTimer(at - this.#clock.now(), () => {
      this.#wakeAt = Infinity;
      this.#deliver(this.#rooms.expire(this.#clock.now()));
      this.#schedule();
    });
  }
}
