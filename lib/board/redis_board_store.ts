import {
  type Clock,
  type Logger,
  type Randomness,
  silentLogger,
  systemClock,
  systemRandomness,
} from "../ops/mod.ts";
import {
  BOARD_ERRORS,
  BOARD_LIMITS,
  type BoardPost,
  type DirectEvent,
  type JoinRefusal,
} from "../protocol/mod.ts";
import { LocalBoard } from "./_local_board.ts";
import { RedisLink } from "./_redis_link.ts";
import { ENTER, KEYS, LEAVE, TELL } from "./_redis_scripts.ts";
import { type BoardMember, type BoardStore, BoardStoreError } from "./board_store.ts";

/** What {@linkcode openRedisBoardStore} connects to. */
export interface OpenRedisBoardStoreOptions {
  /** `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss:` for TLS. */
  readonly url: string;
  /** The most rooms with peers on this server. @default {10000} */
  readonly maxRooms?: number | undefined;
  /** The most peers in one room, on all servers. @default {64} */
  readonly maxPeersPerRoom?: number | undefined;
  /** Takes the log. @default {silentLogger} */
  readonly logger?: Logger | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Names this server. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/**
 * A board that several servers share through one Redis. Resolves when it is connected, or when the
 * first attempt has failed; it goes on trying.
 */
export async function openRedisBoardStore(
  options: OpenRedisBoardStoreOptions,
): Promise<BoardStore> {
  const store = new RedisBoardStore(options);
  await store.open(options.url);
  return store;
}

/** What is kept of a post, and published. */
interface StoredPost {
  readonly node: string;
  readonly post: BoardPost;
}

/** What is published to a room. */
type RoomNews =
  | { readonly news: "put"; readonly stored: StoredPost }
  | { readonly news: "remove"; readonly peer: string; readonly id: string }
  | { readonly news: "left"; readonly peer: string };

/** What is published to a server. */
interface NodeNews {
  readonly room: string;
  readonly to: string;
  readonly event: DirectEvent;
}

/** A room that this server has, or is about to have, members in. */
interface RoomLink {
  /** How many members it has here, those among them that are on their way in or out. */
  users: number;
  /** What is done about this room is done one after the other. */
  turn: Promise<unknown>;
  isSubscribed: boolean;
  /** News that wait until what is posted has been read; undefined where they need not. */
  waiting: RoomNews[] | undefined;
}

class RedisBoardStore implements BoardStore {
  readonly #node: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #maxRooms: number;
  readonly #maxPeersPerRoom: number;
  /** The members of this server, and of their rooms all that is posted, by whomever. */
  readonly #board: LocalBoard;
  readonly #digests = new Map<BoardMember, string>();
  readonly #rooms = new Map<string, RoomLink>();
  /** Peers of other servers that have posted in rooms of this one, by server, with their room. */
  readonly #foreign = new Map<string, Map<string, string>>();
  #link!: RedisLink;
  #cancelBeat = () => {};
  #beats = 0;
  #isClosed = false;

  constructor(options: OpenRedisBoardStoreOptions) {
    const { clock = systemClock, randomness = systemRandomness, logger = silentLogger } = options;
    this.#node = randomness.bytes(12).toBase64({ alphabet: "base64url" });
    this.#clock = clock;
    this.#logger = logger;
    this.#maxRooms = options.maxRooms ?? 10_000;
    this.#maxPeersPerRoom = options.maxPeersPerRoom ?? BOARD_LIMITS.maxPeersPerRoom;
    // Redis counts the peers of a room, and `join` the rooms
    this.#board = new LocalBoard({ maxRooms: Infinity, maxPeersPerRoom: Infinity, clock });
  }

  async open(url: string): Promise<void> {
    this.#link = await RedisLink.load({
      url,
      recover: () => this.#recover(),
      onLost: () => this.#tellLost(),
      clock: this.#clock,
      logger: this.#logger,
    });
    await this.#link.connect();
    this.#scheduleBeat();
  }

  async join(member: BoardMember, secretDigest: Uint8Array): Promise<JoinRefusal | undefined> {
    this.#checkAvailable();
    const { room } = member;
    if (!this.#rooms.has(room) && this.#rooms.size >= this.#maxRooms) return "too_many_rooms";
    const link = this.#use(room);
    try {
      const refusal = await this.#inTurn(link, () => this.#enter(link, member, secretDigest));
      if (refusal !== undefined) await this.#release(room, link);
      return refusal;
    } catch (error) {
      await this.#release(room, link);
      throw error;
    }
  }

  async leave(member: BoardMember): Promise<void> {
    const { room, peer } = member;
    const link = this.#rooms.get(room);
    if (!this.#board.leave(member) || link === undefined) return;
    this.#digests.delete(member);
    try {
      await this.#inTurn(link, () => this.#takeOut(room, peer));
    } catch (error) {
      // Redis forgets the peer when it forgets this server, or when this server tells it all anew
      if (!(error instanceof BoardStoreError)) throw error;
    } finally {
      await this.#release(room, link);
    }
  }

  async put(member: BoardMember, post: BoardPost): Promise<void> {
    this.#check(member);
    await this.#put(member.room, post);
  }

  async remove(member: BoardMember, id: string): Promise<void> {
    this.#check(member);
    const { room, peer } = member;
    const news: RoomNews = { news: "remove", peer, id };
    await this.#link.ask((redis) =>
      redis.multi()
        .del(KEYS.post(room, peer, id))
        .sRem(KEYS.room(room)[2]!, `${peer}:${id}`)
        .publish(KEYS.roomChannel(room), JSON.stringify(news))
        .exec()
    );
  }

  list(member: BoardMember): Promise<void> {
    return Promise.try(() => {
      this.#check(member);
      member.deliver({ type: "board", posts: this.#board.posts(member.room) });
    });
  }

  async tell(member: BoardMember, to: string, event: DirectEvent): Promise<boolean> {
    this.#check(member);
    const { room } = member;
    const news: NodeNews = { room, to, event };
    const heard = await this.#link.ask((redis) =>
      redis.eval(TELL, { keys: KEYS.room(room), arguments: [to, JSON.stringify(news)] })
    );
    return heard !== 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    await Promise.all([...this.#board.members].map((member) => this.leave(member)));
    this.#isClosed = true;
    this.#cancelBeat();
    this.#board.close();
    this.#link.close();
  }

  /** Lets a member in; in turn. */
  async #enter(
    link: RoomLink,
    member: BoardMember,
    secretDigest: Uint8Array,
  ): Promise<JoinRefusal | undefined> {
    const { room } = member;
    if (!link.isSubscribed) {
      link.waiting = [];
      await this.#link.subscribe(KEYS.roomChannel(room), (text) => this.#hear(room, text));
      link.isSubscribed = true;
    }
    const digest = secretDigest.toHex();
    const entered = await this.#register(member, digest);
    if (typeof entered === "string") return entered;
    this.#board.join(member, secretDigest);
    this.#digests.set(member, digest);
    // Who comes later finds here what was read for the first one, and what has happened since
    if (link.waiting !== undefined) this.#load(room, link, entered);
    member.admitted(this.#board.posts(room));
  }

  /** Makes Redis know a member: all that is posted in its room, or why it may not be there. */
  async #register(member: BoardMember, digest: string): Promise<StoredPost[] | JoinRefusal> {
    const { room, peer } = member;
    const reply = await this.#link.ask((redis) =>
      redis.eval(ENTER, {
        keys: KEYS.room(room),
        arguments: [
          room,
          peer,
          this.#node,
          digest,
          `${this.#maxPeersPerRoom}`,
          `${ROOM_TTL_MS}`,
        ],
      })
    ) as [string, ...unknown[]];
    const [outcome, ...posts] = reply;
    if (outcome !== "in") return outcome as JoinRefusal;
    return Array.from({ length: posts.length / 2 }, (_, i) => {
      const { node, post } = JSON.parse(posts[2 * i] as string) as StoredPost;
      return { node, post: { ...post, expiresInMs: Math.max(0, posts[2 * i + 1] as number) } };
    });
  }

  /** Takes over what is posted, and then the news that came meanwhile. */
  #load(room: string, link: RoomLink, posts: readonly StoredPost[]): void {
    for (const { node, post } of posts) this.#note(node, post.peer, room);
    this.#board.replace(room, posts.map(({ post }) => post));
    const waiting = link.waiting ?? [];
    link.waiting = undefined;
    for (const news of waiting) this.#apply(room, news);
  }

  async #put(room: string, post: BoardPost): Promise<void> {
    const stored: StoredPost = { node: this.#node, post };
    const news: RoomNews = { news: "put", stored };
    const posts = KEYS.room(room)[2]!;
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

  async #takeOut(room: string, peer: string): Promise<void> {
    const news: RoomNews = { news: "left", peer };
    await this.#link.ask((redis) =>
      redis.eval(LEAVE, {
        keys: KEYS.room(room),
        arguments: [room, peer, KEYS.roomChannel(room), JSON.stringify(news)],
      })
    );
  }

  #hear(room: string, text: string): void {
    const news = JSON.parse(text) as RoomNews;
    const waiting = this.#rooms.get(room)?.waiting;
    if (waiting === undefined) this.#apply(room, news);
    else waiting.push(news);
  }

  #apply(room: string, news: RoomNews): void {
    switch (news.news) {
      case "put":
        this.#note(news.stored.node, news.stored.post.peer, room);
        return this.#board.put(room, news.stored.post);
      case "remove":
        return this.#board.remove(room, news.peer, news.id);
      case "left":
        for (const peers of this.#foreign.values()) peers.delete(news.peer);
        return this.#board.dropPosts(room, news.peer, "removed");
    }
  }

  /** Remembers on which other server somebody is, in case that it dies. */
  #note(node: string, peer: string, room: string): void {
    if (node === this.#node) return;
    const peers = this.#foreign.get(node) ?? new Map<string, string>();
    this.#foreign.set(node, peers.set(peer, room));
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.#clock.setTimer(BEAT_MS, async () => {
      await this.#beat();
      if (!this.#isClosed) this.#scheduleBeat();
    });
  }

  /** Says that this server lives, and looks which others do. Never rejects. */
  async #beat(): Promise<void> {
    try {
      if (!this.#link.isAvailable) return await this.#link.recover();
      const isKnown = await this.#live({ onlyIfKnown: true });
      // Redis, or the others, took this server for dead, and its peers for gone
      if (!isKnown) return await this.#link.recover();
      for (const [node, peers] of this.#foreign) {
        if (peers.size === 0) this.#foreign.delete(node);
        else if (await this.#link.ask((redis) => redis.exists(KEYS.node(node))) === 0) {
          this.#foreign.delete(node);
          for (const [peer, room] of peers) this.#board.dropPosts(room, peer, "expired");
        }
      }
      if (this.#beats++ % BEATS_PER_RENEWAL === 0) await this.#renewRooms();
    } catch (error) {
      if (!(error instanceof BoardStoreError)) throw error;
    }
  }

  async #live({ onlyIfKnown }: { readonly onlyIfKnown: boolean }): Promise<boolean> {
    const reply = await this.#link.ask((redis) =>
      redis.set(KEYS.node(this.#node), "1", {
        expiration: { type: "PX", value: NODE_TTL_MS },
        ...onlyIfKnown ? { condition: "XX" } : {},
      })
    );
    return reply !== null;
  }

  async #renewRooms(): Promise<void> {
    await Promise.all(
      [...this.#rooms.keys()].flatMap(KEYS.room).map((key) =>
        this.#link.ask((redis) => redis.pExpire(key, ROOM_TTL_MS))
      ),
    );
  }

  /** Tells Redis all that it should know of this server, and finds out what has happened without it. */
  async #recover(): Promise<void> {
    await this.#live({ onlyIfKnown: false });
    await this.#link.subscribe(KEYS.nodeChannel(this.#node), this.#hearNode);
    const members = Map.groupBy(this.#board.members, ({ room }) => room);
    for (const [room, link] of this.#rooms) {
      await this.#inTurn(link, () => this.#recoverRoom(room, link, members.get(room) ?? []));
    }
  }

  readonly #hearNode = (text: string) => {
    const { room, to, event } = JSON.parse(text) as NodeNews;
    this.#board.tell(room, to, event);
  };

  async #recoverRoom(
    room: string,
    link: RoomLink,
    members: readonly BoardMember[],
  ): Promise<void> {
    const own = this.#board.posts(room);
    link.waiting ??= [];
    const present: BoardMember[] = [];
    for (const member of members.filter((one) => this.#board.has(one))) {
      const entered = await this.#register(member, this.#digests.get(member)!);
      if (typeof entered === "string") {
        // Somebody with another secret was faster after Redis had lost its memory
        this.#evict(room, link, { member, refusal: entered });
        continue;
      }
      present.push(member);
      for (const post of own.filter(({ peer }) => peer === member.peer)) {
        await this.#put(room, post);
      }
    }
    const [witness] = present;
    const posts = witness && await this.#register(witness, this.#digests.get(witness)!);
    this.#load(room, link, typeof posts === "object" ? posts : []);
    this.#board.broadcast(room, { type: "board", posts: this.#board.posts(room) });
  }

  #evict(
    room: string,
    link: RoomLink,
    { member, refusal }: { readonly member: BoardMember; readonly refusal: JoinRefusal },
  ): void {
    this.#board.leave(member);
    this.#digests.delete(member);
    void this.#release(room, link);
    member.evict(refusal);
  }

  #tellLost(): void {
    const code = "store_unavailable";
    for (const room of this.#rooms.keys()) {
      this.#board.broadcast(room, { type: "error", code, message: BOARD_ERRORS[code] });
    }
  }

  #use(room: string): RoomLink {
    let link = this.#rooms.get(room);
    if (link === undefined) {
      link = { users: 0, turn: Promise.resolve(), isSubscribed: false, waiting: undefined };
      this.#rooms.set(room, link);
    }
    link.users++;
    return link;
  }

  async #release(room: string, link: RoomLink): Promise<void> {
    link.users--;
    await this.#inTurn(link, async () => {
      if (link.users > 0 || this.#rooms.get(room) !== link) return;
      this.#rooms.delete(room);
      if (link.isSubscribed && this.#link.isAvailable) {
        await this.#link.unsubscribe(KEYS.roomChannel(room));
      }
    }).catch((error) => {
      if (!(error instanceof BoardStoreError)) throw error;
    });
  }

  async #inTurn<T>(link: RoomLink, act: () => Promise<T>): Promise<T> {
    const turn = link.turn.then(act, act);
    link.turn = turn.catch(() => {});
    return await turn;
  }

  #check(member: BoardMember): void {
    this.#checkAvailable();
    if (!this.#board.has(member)) {
      throw new BoardStoreError("Cannot use the board: this peer is not in");
    }
  }

  #checkAvailable(): void {
    if (this.#isClosed || !this.#link.isAvailable) {
      throw new BoardStoreError("Cannot use the board: its Redis cannot be reached");
    }
  }
}

const BEAT_MS = 3000;
/** Three heartbeats: one that is late, because Redis or this server is busy, kills nobody. */
const NODE_TTL_MS = 10_000;
/** What renews it comes every twenty seconds. */
const ROOM_TTL_MS = 120_000;
const BEATS_PER_RENEWAL = 7;
