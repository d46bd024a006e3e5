import { type Clock, systemClock } from "../../ops/mod.ts";
import type { WelcomeMessage } from "../../protocol/board/mod.ts";
import {
  type PunchDescription,
  PunchMeeting,
  type PunchMeetingNews,
  type PunchMeetingOrder,
} from "../../protocol/punch/mod.ts";
import type { BoardClient, BoardClientEvent } from "./board_client.ts";
import { RendezvousError } from "./rendezvous_error.ts";

/** What a {@linkcode BoardRendezvous} tells on the way. */
export type RendezvousEvent =
  /** Nobody is there to meet, but for so many who want another transport or family. */
  | { readonly type: "waiting"; readonly unfit: number }
  /** This peer it is, for good. */
  | { readonly type: "met"; readonly peer: string }
  /** The board is lost for now; the client connects again in so many ms. */
  | { readonly type: "disconnected"; readonly retryInMs: number };

/** How a {@linkcode BoardRendezvous} works. */
export interface BoardRendezvousOptions {
  /** Told of what happens. @default {undefined} */
  readonly onEvent?: ((event: RendezvousEvent) => void) | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * The signalling of a punch by a bulletin board: the first two peers of a room whose offers fit meet
 * there, exchange their descriptions, and begin at the same moment. Hand it to `punch()`; two people
 * need to know no more than the name of a room. The post names transports alone: addresses and
 * passwords go to the one peer that was met.
 *
 * A connection that is lost before they have met is made again; after the exchange it is not needed
 * any more. In the moment between, it cannot be told what the other side has, and so the meeting fails.
 *
 * It has the shape of the traversal's `JointPunchSignalling` and does not know of it: neither of the
 * two needs the other, and whoever uses both puts them together.
 *
 * @example
 * ```ts
 * import { BoardClient, BoardRendezvous, choosePunchServers, punch } from "@pinhole/stun";
 * import { type PunchedPath, RendezvousError } from "@pinhole/stun";
 * import { assertRejects } from "@std/assert";
 *
 * async function connectInRoom(url: string): Promise<PunchedPath> {
 *   await using signalling = new BoardRendezvous(new BoardClient(url));
 *   const { stun } = await signalling.welcome;
 *   return await punch({ servers: choosePunchServers(stun), signalling });
 * }
 *
 * // Two programs that name a room of one board are connected; here nobody serves
 * await assertRejects(() => connectInRoom("ws://127.0.0.1:1/board/our-room"), RendezvousError);
 * ```
 */
export class BoardRendezvous implements AsyncDisposable {
  readonly #board: BoardClient;
  readonly #options: BoardRendezvousOptions;
  readonly #clock: Clock;
  readonly #welcome = Promise.withResolvers<WelcomeMessage>();
  readonly #exchanged = Promise.withResolvers<readonly PunchDescription[]>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #meeting: PunchMeeting | undefined;
  #refusal: RendezvousError | undefined;
  #wasIn = false;
  #isToStart = false;
  #cancelWake = () => {};
  #cancelStart = () => {};

  /** Begins to listen to a client, which is the rendezvous's alone from now on and is closed with it. */
  constructor(board: BoardClient, options: BoardRendezvousOptions = {}) {
    this.#board = board;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    // Whoever awaits one of them is told; there may be nobody
    for (const { promise } of [this.#welcome, this.#exchanged, this.#ready]) {
      promise.catch(() => {});
    }
    this.#ended = this.#follow();
  }

  /**
   * What the board said first: the room, the name of this peer, the STUN servers. If the first attempt
   * does not come that far it is over, and this rejects with a {@linkcode RendezvousError} or a
   * `BoardClientError`.
   */
  get welcome(): Promise<WelcomeMessage> {
    return this.#welcome.promise;
  }

  /**
   * Offers to meet, for one punch, over the transports of these descriptions.
   *
   * @throws {RangeError} If there is no description, or one cannot be used (as a rejection).
   * @throws {TypeError} If that was done before (as a rejection): secrets are for one punch alone.
   */
  // deno-lint-ignore require-await -- its errors are rejections
  async send(descriptions: readonly PunchDescription[]): Promise<void> {
    if (this.#meeting !== undefined) {
      throw new TypeError("Cannot offer to meet: a rendezvous is for one punch, wanted a new one");
    }
    this.#meeting = new PunchMeeting(descriptions);
    const { peer } = this.#board;
    if (peer === undefined) return;
    this.#meeting.joined(peer);
    // What is posted now was told before there was a meeting to take note of it
    this.#board.list();
  }

  /**
   * Waits for another peer and its descriptions.
   *
   * @throws {RendezvousError} If it is there and then gone, or the board is closed (as a rejection).
   * @throws {BoardClientError} If the board will not have this peer any more (as a rejection).
   */
  receive(): Promise<readonly PunchDescription[]> {
    return this.#exchanged.promise;
  }

  /** Waits for the moment when both sides begin, 3 s at most after the exchange. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Leaves the board, and with it go the posts; who waits hears of it. Takes 3 s at most. */
  async close(): Promise<void> {
    await this.#board.close();
    await this.#ended;
    this.#cancelStart();
    this.#ready.reject(closed());
  }

  /** As {@linkcode BoardRendezvous.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #follow(): Promise<void> {
    try {
      for await (const event of this.#board) this.#take(event);
      this.#end(closed());
    } catch (error) {
      this.#end(error);
    }
  }

  #take(event: BoardClientEvent): void {
    const now = this.#clock.now();
    if (event.type === "disconnected") {
      if (!this.#wasIn) {
        this.#fail(this.#refusal ?? unreachable());
        return void this.#board.close();
      }
      this.#options.onEvent?.({ type: "disconnected", retryInMs: event.retryInMs });
      return this.#carryOut(this.#meeting?.left(now));
    }
    if (event.type === "welcome") {
      this.#wasIn = true;
      this.#welcome.resolve(event);
    }
    if (event.type === "error") this.#refusal = new RendezvousError(event.code, event.message);
    this.#carryOut(this.#meeting?.hear(event, now));
  }

  #carryOut(orders: readonly PunchMeetingOrder[] = []): void {
    for (const order of orders) {
      switch (order.do) {
        case "post":
          this.#board.post(order.post);
          break;
        case "remove":
          this.#board.remove(order.id);
          break;
        case "signal":
          this.#board.signal(order.to, order.data);
          break;
        case "sync":
          this.#board.sync(order.with);
          break;
        case "tell":
          this.#tell(order.news);
      }
    }
    this.#cancelWake();
    const next = this.#meeting?.nextWake ?? Infinity;
    if (next === Infinity) return;
    const now = this.#clock.now();
    this.#cancelWake = this.#clock.setTimer(
      Math.max(0, next - now),
      () => this.#carryOut(this.#meeting?.wake(this.#clock.now())),
    );
  }

  #tell(news: PunchMeetingNews): void {
    const { onEvent } = this.#options;
    switch (news.kind) {
      case "waiting":
        return onEvent?.({ type: "waiting", unfit: news.unfit });
      case "met":
        return onEvent?.({ type: "met", peer: news.peer });
      case "exchanged":
        return this.#exchanged.resolve(news.descriptions);
      case "start":
        this.#isToStart = true;
        this.#cancelStart = this.#clock.setTimer(news.inMs, () => this.#ready.resolve());
        return;
      case "failed":
        return this.#fail(new RendezvousError(news.code, news.reason));
    }
  }

  /** There is no board any more; a start that has been agreed on takes place all the same. */
  #end(error: unknown): void {
    this.#carryOut(this.#meeting?.left(this.#clock.now()));
    this.#fail(error);
  }

  #fail(error: unknown): void {
    this.#welcome.reject(error);
    this.#exchanged.reject(error);
    if (!this.#isToStart) this.#ready.reject(error);
  }
}

function unreachable(): RendezvousError {
  return new RendezvousError("unreachable", "it cannot be reached");
}

function closed(): RendezvousError {
  return new RendezvousError("closed", "this side has left it");
}
