import type { BoardDelivery, DirectEvent, JoinRefusal } from "./board_event.ts";
import type { BoardPost } from "./board_message.ts";
import { sameRoomSecret } from "./board_secret.ts";

/** How large the rooms of a board may grow. */
export interface BoardRoomsOptions {
  /** The most rooms at a time. */
  readonly maxRooms: number;
  /** The most peers in one room. */
  readonly maxPeersPerRoom: number;
}

/**
 * Who is in which room of a board, and what is posted there. A room is made by its first peer and
 * vanishes with its last. It sends nothing and waits for nothing: time comes in, as ms of a clock that
 * never goes back, and deliveries go out.
 */
export class BoardRooms {
  readonly #options: BoardRoomsOptions;
  readonly #rooms = new Map<string, Room>();
  /** No post vanishes before; whether one does then is found out when the time has come. */
  #nextExpiry = Infinity;

  /** Makes a board without rooms. */
  constructor(options: BoardRoomsOptions) {
    this.#options = options;
  }

  /** How many rooms there are. */
  get size(): number {
    return this.#rooms.size;
  }

  /** When {@linkcode BoardRooms.expire} is to be called; Infinity where nothing is posted. */
  get nextExpiry(): number {
    return this.#nextExpiry;
  }

  /** Lets a peer in, or says why not. The first peer's digest is the room's. */
  join(room: string, peer: string, secretDigest: Uint8Array): JoinRefusal | undefined {
    const found = this.#rooms.get(room);
    if (found === undefined) {
      if (this.#rooms.size >= this.#options.maxRooms) return "too_many_rooms";
      this.#rooms.set(room, { secretDigest, peers: new Set([peer]), posts: new Map() });
      return undefined;
    }
    if (!sameRoomSecret(found.secretDigest, secretDigest)) return "wrong_secret";
    if (found.peers.size >= this.#options.maxPeersPerRoom) return "room_full";
    found.peers.add(peer);
    return undefined;
  }

  /** Takes a peer out, and with it its posts, of which the others are told. */
  leave(room: string, peer: string): BoardDelivery[] {
    const found = this.#rooms.get(room);
    if (found === undefined || !found.peers.delete(peer)) return [];
    if (found.peers.size === 0) {
      this.#rooms.delete(room);
      return [];
    }
    return this.dropPosts(room, peer, "removed");
  }

  /** Takes all posts of a peer off the board, one that is in this room or elsewhere. */
  dropPosts(room: string, peer: string, why: "removed" | "expired"): BoardDelivery[] {
    const posts = this.#rooms.get(room)?.posts.get(peer);
    return [...posts?.keys() ?? []].flatMap((id) => this.#drop(room, why, { peer, id }));
  }

  /** Puts a post on the board, or in place of an older one of the same peer and name. */
  put(room: string, post: BoardPost, now: number): BoardDelivery[] {
    const found = this.#rooms.get(room);
    if (found === undefined) return [];
    const expiresAt = now + post.expiresInMs;
    let posts = found.posts.get(post.peer);
    if (posts === undefined) found.posts.set(post.peer, posts = new Map());
    posts.set(post.id, { post, expiresAt });
    this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt);
    return [{ room, to: found.peers, event: { type: "posted", post } }];
  }

  /** Takes a post off the board. */
  remove(room: string, peer: string, id: string): BoardDelivery[] {
    return this.#drop(room, "removed", { peer, id });
  }

  /** All that is posted in a room, with the time that is left to it. */
  posts(room: string, now: number): BoardPost[] {
    return [...this.#rooms.get(room)?.posts.values() ?? []].flatMap((posts) =>
      [...posts.values()].map(({ post, expiresAt }) => ({
        ...post,
        expiresInMs: Math.max(0, Math.round(expiresAt - now)),
      }))
    );
  }

  /** Hands something to one peer; undefined if it is not in the room. */
  tell(room: string, peer: string, event: DirectEvent): BoardDelivery | undefined {
    if (!this.#rooms.get(room)?.peers.has(peer)) return undefined;
    return { room, to: [peer], event };
  }

  /** The peers of a room. */
  peers(room: string): Iterable<string> {
    return this.#rooms.get(room)?.peers ?? [];
  }

  /** Takes off what has expired. */
  expire(now: number): BoardDelivery[] {
    if (now < this.#nextExpiry) return [];
    this.#nextExpiry = Infinity;
    const gone: BoardDelivery[] = [];
    for (const [room, { posts }] of this.#rooms) {
      for (const { post: { peer, id }, expiresAt } of [...posts.values()].flatMap(valuesOf)) {
        if (expiresAt <= now) gone.push(...this.#drop(room, "expired", { peer, id }));
        else this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt);
      }
    }
    return gone;
  }

  #drop(
    room: string,
    type: "removed" | "expired",
    { peer, id }: Pick<BoardPost, "peer" | "id">,
  ): BoardDelivery[] {
    const found = this.#rooms.get(room);
    const posts = found?.posts.get(peer);
    if (found === undefined || !posts?.delete(id)) return [];
    if (posts.size === 0) found.posts.delete(peer);
    return [{ room, to: found.peers, event: { type, peer, id } }];
  }
}

function valuesOf(posts: ReadonlyMap<string, Posted>): Posted[] {
  return [...posts.values()];
}

interface Room {
  readonly secretDigest: Uint8Array;
  readonly peers: Set<string>;
  /** By peer, then by name. */
  readonly posts: Map<string, Map<string, Posted>>;
}

interface Posted {
  readonly post: BoardPost;
  readonly expiresAt: number;
}
