import type { WebSocketMessage } from "../ops/http/mod.ts";
import type { Clock } from "../ops/mod.ts";
import {
  BOARD_CLOSE,
  type BoardCloseReason,
  type BoardEvent,
  type BoardOrder,
  type BoardPeer,
  type BoardPost,
  type JoinRefusal,
  MAX_BUFFERED_BYTES,
  roomSecretDigest,
  type ServerMessage,
  type StoreOrder,
} from "../protocol/board/mod.ts";
import { type BoardMember, type BoardStore, BoardStoreError } from "./board_store.ts";

/** The server's end of a WebSocket, as far as the board uses it. */
export interface BoardSocket {
  /** How many bytes wait to be taken by the peer. */
  readonly bufferedAmount: number;
  /** Sends a text message. */
  send(text: string): void;
  /** Closes with this code after what was sent. */
  close(code: number): void;
  /** Lets go of the connection at once. */
  abort(): void;
}

/** What a {@linkcode BoardConnection} is made of. */
export interface BoardConnectionOptions {
  /** The name of the peer. */
  readonly id: string;
  /** Its room. */
  readonly room: string;
  /** Decides. */
  readonly peer: BoardPeer;
  /** The connection to it. */
  readonly socket: BoardSocket;
  /** Where rooms and posts are. */
  readonly store: BoardStore;
  /** Tells the time. */
  readonly clock: Clock;
  /** Told once when the connection is no more. */
  readonly onClosed: (reason: BoardCloseReason | "gone") => void;
}

/** One peer's connection to the board: carries out what its {@linkcode BoardPeer} decides. */
export class BoardConnection implements BoardMember {
  /** Its room. */
  readonly room: string;
  /** Its name. */
  readonly peer: string;
  readonly #options: BoardConnectionOptions;
  #joining: Promise<void> | undefined;
  #isClosed = false;
  #wakeAt = Infinity;
  #cancelWake = () => {};

  /** Makes one for a peer that has just connected. */
  constructor(options: BoardConnectionOptions) {
    this.#options = options;
    this.room = options.room;
    this.peer = options.id;
    this.#schedule();
  }

  /** The peer has sent something. */
  receive(message: WebSocketMessage): void {
    const { clock, peer } = this.#options;
    const time = { now: clock.now(), wallTime: clock.wallTime() };
    this.#carryOut(peer.receive(message, time));
  }

  /** See {@linkcode BoardMember.admitted}. */
  admitted(posts: readonly BoardPost[]): void {
    this.#carryOut(this.#options.peer.joined(posts, this.#options.clock.now()));
  }

  /** See {@linkcode BoardMember.deliver}. */
  deliver(event: BoardEvent): void {
    this.#carryOut(this.#options.peer.deliver(event, this.#options.clock.now()));
  }

  /** See {@linkcode BoardMember.evict}. */
  evict(refusal: JoinRefusal): void {
    this.#carryOut(this.#options.peer.refused(refusal));
  }

  /** Closes it from this side. */
  close(reason: BoardCloseReason): void {
    if (this.#isClosed) return;
    this.#options.socket.close(BOARD_CLOSE[reason].code);
    this.ended(reason);
  }

  /** The connection is no more, or will soon be. May be called more than once. */
  ended(reason: BoardCloseReason | "gone" = "gone"): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelWake();
    this.#options.peer.close();
    this.#options.onClosed(reason);
    // A peer that goes while it is being let in must not stay in
    void this.#joining?.then(() => this.#options.store.leave(this));
  }

  #carryOut(orders: readonly BoardOrder[]): void {
    for (const order of orders) {
      if (this.#isClosed) return;
      if (order.do === "send") this.#send(order.message);
      else if (order.do === "close") this.close(order.reason);
      else void this.#askStore(order);
    }
    this.#schedule();
  }

  #send(message: ServerMessage): void {
    const { socket } = this.#options;
    socket.send(encode(message));
    if (socket.bufferedAmount <= MAX_BUFFERED_BYTES) return;
    // A close frame would only wait behind all that was not read
    socket.abort();
    this.ended("too_slow");
  }

  async #askStore(order: StoreOrder): Promise<void> {
    const { store, peer } = this.#options;
    try {
      switch (order.do) {
        case "join":
          return await (this.#joining = this.#join(order.secret));
        case "put":
          return await store.put(this, order.post);
        case "remove":
          return await store.remove(this, order.id);
        case "list":
          return await store.list(this);
        case "tell": {
          const found = await store.tell(this, order.to, order.event);
          return found ? undefined : this.#carryOut(peer.missed(order));
        }
      }
    } catch (error) {
      if (!(error instanceof BoardStoreError)) throw error;
      this.#carryOut(peer.unavailable(order));
    }
  }

  /** Settles when the peer is in, or is known not to get in. */
  async #join(secret: string | undefined): Promise<void> {
    const { store, peer, room } = this.#options;
    try {
      const refusal = await store.join(this, roomSecretDigest(room, secret));
      if (refusal !== undefined) this.#carryOut(peer.refused(refusal));
    } catch (error) {
      if (!(error instanceof BoardStoreError)) throw error;
      this.#carryOut(peer.unavailable({ do: "join", secret }));
    }
  }

  #schedule(): void {
    const { peer, clock } = this.#options;
    const at = this.#isClosed ? Infinity : peer.nextWake;
    if (at === this.#wakeAt) return;
    // A time that moves on, as it does with every message, is looked at when the old one has come
    if (at > this.#wakeAt && at !== Infinity) return;
    this.#cancelWake();
    this.#wakeAt = at;
    if (at === Infinity) return;
    this.#cancelWake = clock.setTimer(Math.max(0, at - clock.now()), () => {
      this.#wakeAt = Infinity;
      this.#carryOut(peer.wake(clock.now()));
    });
  }
}

/** What goes to a whole room is written once: events are shared by all who get them. */
function encode(message: ServerMessage): string {
  let text = ENCODED.get(message);
  if (text === undefined) ENCODED.set(message, text = JSON.stringify(message));
  return text;
}

const ENCODED = new WeakMap<ServerMessage, string>();
