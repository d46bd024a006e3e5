import type { BoardPost, DirectEvent, JoinRefusal } from "../protocol/board/mod.ts";
import type { RedisLink } from "./_redis_link.ts";
import { ENTER, KEYS, LEAVE, TELL } from "./_redis_scripts.ts";

/** What is kept of a post, and published. */
export interface StoredPost {
  /** The server that its peer is at. */
  readonly node: string;
  /** The post. */
  readonly post: BoardPost;
}

/** What is published to a room. */
export type RoomNews =
  | { readonly news: "put"; readonly stored: StoredPost }
  | { readonly news: "remove"; readonly peer: string; readonly id: string }
  | { readonly news: "left"; readonly peer: string };

/** What is published to a server. */
export interface NodeNews {
  /** The room that the peer is in. */
  readonly room: string;
  /** The peer. */
  readonly to: string;
  /** What it is to be handed. */
  readonly event: DirectEvent;
}

/** Somebody who wants to be in a room. */
export interface RedisEntry {
  /** The room. */
  readonly room: string;
  /** The peer. */
  readonly peer: string;
  /** The digest of the room's secret, hexadecimal. */
  readonly digest: string;
}

/** What one server says to Redis about rooms. Everything rejects as {@linkcode RedisLink.ask} does. */
export class RedisRooms {
  /** The name of this server. */
  node = "";
  readonly #link: RedisLink;
  readonly #maxPeersPerRoom: number;

  /** Makes one for rooms of at most so many peers. */
  constructor(link: RedisLink, maxPeersPerRoom: number) {
    this.#link = link;
    this.#maxPeersPerRoom = maxPeersPerRoom;
  }

  /** Makes Redis know a peer: all that is posted in its room, or why it may not be there. */
  async enter({ room, peer, digest }: RedisEntry): Promise<StoredPost[] | JoinRefusal> {
    const [outcome, ...posts] = await this.#link.ask((redis) =>
      redis.eval(ENTER, {
        keys: KEYS.room(room),
        arguments: [
          ...[room, peer, this.node, digest],
          ...[`${this.#maxPeersPerRoom}`, `${ROOM_TTL_MS}`],
        ],
      })
    ) as [string, ...unknown[]];
    if (outcome !== "in") return outcome as JoinRefusal;
    return Array.from({ length: posts.length / 2 }, (_, i) => {
      const { node, post } = JSON.parse(posts[2 * i] as string) as StoredPost;
      return { node, post: { ...post, expiresInMs: Math.max(0, posts[2 * i + 1] as number) } };
    });
  }

  /** Takes a peer out, with its posts, and says so to its room. */
  async leave(room: string, peer: string): Promise<void> {
    const news: RoomNews = { news: "left", peer };
    await this.#link.ask((redis) =>
      redis.eval(LEAVE, {
        keys: KEYS.room(room),
        arguments: [room, peer, KEYS.roomChannel(room), JSON.stringify(news)],
      })
    );
  }

  /** Puts a post on the board, and says so to its room. */
  async put(room: string, post: BoardPost): Promise<void> {
    const stored: StoredPost = { node: this.node, post };
    const news: RoomNews = { news: "put", stored };
    const { posts } = KEYS.named(room);
    await this.#link.ask((redis) =>
      redis.multi()
        .set(KEYS.post(room, post.peer, post.id), JSON.stringify(stored), {
          expiration: { type: "PX", value: Math.max(1, Math.round(post.expiresInMs)) },
        })
        .sAdd(posts, `${post.peer}:${post.id}`)
        .pExpire(posts, ROOM_TTL_MS)
        .publish(KEYS.roomChannel(room), JSON.stringify(news))
        .exec()
    );
  }

  /** Takes a post off, and says so to its room. */
  async remove(room: string, peer: string, id: string): Promise<void> {
    const news: RoomNews = { news: "remove", peer, id };
    await this.#link.ask((redis) =>
      redis.multi()
        .del(KEYS.post(room, peer, id))
        .sRem(KEYS.named(room).posts, `${peer}:${id}`)
        .publish(KEYS.roomChannel(room), JSON.stringify(news))
        .exec()
    );
  }

  /** Hands something to the server of a peer; false if there is none. */
  async tell(news: NodeNews): Promise<boolean> {
    const heard = await this.#link.ask((redis) =>
      redis.eval(TELL, { keys: KEYS.room(news.room), arguments: [news.to, JSON.stringify(news)] })
    );
    return heard !== 0;
  }

  /** Says that this server lives; false if it was taken for dead and had to be known. */
  async live({ onlyIfKnown }: { readonly onlyIfKnown: boolean }): Promise<boolean> {
    const reply = await this.#link.ask((redis) =>
      redis.set(KEYS.node(this.node), "1", {
        expiration: { type: "PX", value: NODE_TTL_MS },
        ...onlyIfKnown ? { condition: "XX" } : {},
      })
    );
    return reply !== null;
  }

  /** Whether a server lives. */
  async isAlive(node: string): Promise<boolean> {
    return await this.#link.ask((redis) => redis.exists(KEYS.node(node))) !== 0;
  }

  /** Lets nobody take this name for a server that lives. */
  async forget(node: string): Promise<void> {
    await this.#link.ask((redis) => redis.del(KEYS.node(node)));
  }

  /** Keeps rooms from expiring. */
  async renew(rooms: Iterable<string>): Promise<void> {
    await Promise.all(
      [...rooms].flatMap(KEYS.room).map((key) =>
        this.#link.ask((redis) => redis.pExpire(key, ROOM_TTL_MS))
      ),
    );
  }
}

/** Three heartbeats of 3 s: one that is late, as Redis or this server is busy, kills nobody. */
const NODE_TTL_MS = 10_000;
/** Rooms are renewed every twenty seconds. */
const ROOM_TTL_MS = 120_000;
