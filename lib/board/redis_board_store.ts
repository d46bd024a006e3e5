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
} from "../protocol/board/mod.ts";
import { LocalBoard } from "./_local_board.ts";
import { RedisLink } from "./_redis_link.ts";
import {
  type NodeNews,
  type RedisEntry,
  RedisRooms,
  type RoomNews,
  type StoredPost,
} from "./_redis_rooms.ts";
import { KEYS } from "./_redis_scripts.ts";
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
  readonly #randomness: Randomness;
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
  #redis!: RedisRooms;
  /** Whether Redis has heard of this server under its present name. */
  #isKnown = false;
  /** Names of this server that Redis may still take for one that lives. */
  readonly #formerNodes = new Set<string>();
  /** The channels of its names that are subscribed to. */
  readonly #channels = new Set<string>();
  #cancelBeat = () => {};
  #beats = 0;
  #isClosed = false;

  constructor(options: OpenRedisBoardStoreOptions) {
    const { clock = systemClock, randomness = systemRandomness, logger = silentLogger } = options;
    this.#randomness = randomness;
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
      onRecovered: () => this.#tellRecovered(),
      onLost: () => this.#tellLost(),
      clock: this.#clock,
      logger: this.#logger,
    });
    this.#redis = new RedisRooms(this.#link, this.#maxPeersPerRoom);
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
      await this.#inTurn(link, () => this.#redis.leave(room, peer));
    } catch (error) {
      // Redis forgets the peer when it forgets this server, or when this server tells it all anew
      if (!(error instanceof BoardStoreError)) throw error;
    } finally {
      await this.#release(room, link);
    }
  }

  async put(member: BoardMember, post: BoardPost): Promise<void> {
    this.#check(member);
    await this.#redis.put(member.room, post);
  }

  async remove(member: BoardMember, id: string): Promise<void> {
    this.#check(member);
    await this.#redis.remove(member.room, member.peer, id);
  }

  list(member: BoardMember): Promise<void> {
    return Promise.try(() => {
      this.#check(member);
      member.deliver({ type: "board", posts: this.#board.posts(member.room) });
    });
  }

  async tell(member: BoardMember, to: string, event: DirectEvent): Promise<boolean> {
    this.#check(member);
    return await this.#redis.tell({ room: member.room, to, event });
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
    const entered = await this.#redis.enter({ room, peer: member.peer, digest });
    if (typeof entered === "string") return entered;
    const refusal = this.#board.join(member, secretDigest);
    if (refusal !== undefined) {
      // Redis has lost its memory, and the members who are here have not told it theirs yet
      await this.#redis.leave(room, member.peer);
      return refusal;
    }
    this.#digests.set(member, digest);
    // Who comes later finds here what was read for the first one, and what has happened since
    if (link.waiting !== undefined) this.#load(room, link, entered);
    member.admitted(this.#board.posts(room));
  }

  /** Takes over what is posted, and then the news that came meanwhile. */
  #load(room: string, link: RoomLink, posts: readonly StoredPost[]): void {
    for (const { node, post } of posts) this.#note(node, post.peer, room);
    this.#board.replace(room, posts.map(({ post }) => post));
    const waiting = link.waiting ?? [];
    link.waiting = undefined;
    for (const news of waiting) this.#apply(room, news);
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
    for (const peers of this.#foreign.values()) peers.delete(peer);
    if (this.#board.hasPeer(peer)) return;
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
      // Redis, or the others, took this server for dead, and its peers for gone
      if (!await this.#redis.live({ onlyIfKnown: true })) return await this.#link.recover();
      for (const [node, peers] of this.#foreign) {
        if (peers.size > 0 && await this.#redis.isAlive(node)) continue;
        this.#foreign.delete(node);
        for (const [peer, room] of peers) this.#board.dropPosts(room, peer, "expired");
      }
      if (this.#beats++ % BEATS_PER_RENEWAL === 0) await this.#redis.renew(this.#rooms.keys());
    } catch (error) {
      if (!(error instanceof BoardStoreError)) throw error;
    }
  }

  /**
   * Tells Redis all that it should know of this server, and finds out what has happened without it.
   * Under a new name: what has left meanwhile stays behind with the old one, which nobody renews.
   */
  async #recover(): Promise<void> {
    if (this.#redis.node === "" || this.#isKnown) {
      if (this.#isKnown) this.#formerNodes.add(this.#redis.node);
      this.#redis.node = this.#randomness.bytes(12).toBase64({ alphabet: "base64url" });
      this.#isKnown = false;
    }
    await this.#redis.live({ onlyIfKnown: false });
    this.#isKnown = true;
    const channel = KEYS.nodeChannel(this.#redis.node);
    await this.#link.subscribe(channel, this.#hearNode);
    const formerChannels = [...this.#channels];
    this.#channels.add(channel);
    const members = Map.groupBy(this.#board.members, ({ room }) => room);
    for (const [room, link] of this.#rooms) {
      await this.#inTurn(link, () => this.#recoverRoom(room, link, members.get(room) ?? []));
    }
    for (const one of formerChannels) {
      await this.#link.unsubscribe(one);
      this.#channels.delete(one);
    }
    for (const node of this.#formerNodes) {
      await this.#redis.forget(node);
      this.#formerNodes.delete(node);
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
      const entered = await this.#redis.enter(this.#entry(member));
      if (typeof entered === "string") {
        // Somebody with another secret was faster after Redis had lost its memory
        this.#evict(room, link, { member, refusal: entered });
        continue;
      }
      present.push(member);
      for (const post of own.filter(({ peer }) => peer === member.peer)) {
        await this.#redis.put(room, post);
      }
    }
    const [witness] = present;
    const posts = witness && await this.#redis.enter(this.#entry(witness));
    this.#load(room, link, typeof posts === "object" ? posts : []);
  }

  #entry(member: BoardMember): RedisEntry {
    const { room, peer } = member;
    return { room, peer, digest: this.#digests.get(member)! };
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

  #tellRecovered(): void {
    for (const room of this.#rooms.keys()) {
      this.#board.broadcast(room, { type: "board", posts: this.#board.posts(room) });
    }
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
const BEATS_PER_RENEWAL = 7;
