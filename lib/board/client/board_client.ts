import { type Clock, systemClock } from "../../ops/mod.ts";
import {
  BOARD_CLOSE,
  BOARD_PATIENCE,
  BOARD_SUBPROTOCOL,
  type BoardErrorMessage,
  type ClientMessage,
  type PingMessage,
  type PongMessage,
  type PostMessage,
  readBoardPath,
  readServerMessage,
  secretSubprotocol,
  type ServerMessage,
} from "../../protocol/board/mod.ts";
import { BoardClientError } from "./board_client_error.ts";
import { EventQueue } from "./_event_queue.ts";
import { KeptPosts } from "./_kept_posts.ts";

/** How a {@linkcode BoardClient} connects. */
export interface BoardClientOptions {
  /** The secret of the room. @default {undefined} the room is open to everybody */
  readonly secret?: string | undefined;
  /** Ends the client: iteration ends without an error. @default {undefined} */
  readonly signal?: AbortSignal | undefined;
  /** A number of 0 to 1 each time, for the jitter of reconnects. @default {Math.random} */
  readonly random?: (() => number) | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Opens a WebSocket. @default {new WebSocket} */
  readonly connect?: ((url: string, protocols: string[]) => WebSocket) | undefined;
}

/** What a client puts on the board. */
export type ClientPost =
  & Pick<PostMessage, "id">
  & Partial<Pick<PostMessage, "candidates" | "data" | "lifetimeMs">>;

/** The connection is lost; the client connects again by itself. */
export interface BoardDisconnected {
  /** Which event it is. */
  readonly type: "disconnected";
  /** The code of the WebSocket's close event: 1006 if there was none, or it never opened. */
  readonly code: number;
  /** ms until the next attempt. */
  readonly retryInMs: number;
}

/** What a {@linkcode BoardClient} yields: what the board says, but for pings, and what connections do. */
export type BoardClientEvent =
  | Exclude<ServerMessage, PingMessage | PongMessage>
  | BoardDisconnected;

/**
 * A peer on a bulletin board. It connects again by itself, with jitter and ever more patience, and
 * posts again what it had posted; its name is a new one then. Made of Web interfaces alone, so it runs
 * in a browser. Iterate it for what happens; who does not is ended after 4,096 events.
 *
 * @example A peer that posts its address and sees those of the others
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { BoardClient } from "@pinhole/stun";
 *
 * const seen: string[] = [];
 * const stop = new AbortController();
 * const board = new BoardClient("ws://127.0.0.1:1/board/our-room", {
 *   secret: "open sesame",
 *   signal: stop.signal,
 * });
 * board.post({ id: "me", candidates: [{ address: "203.0.113.10:49152", transport: "udp" }] });
 * for await (const event of board) {
 *   if (event.type === "posted") seen.push(event.post.peer);
 *   // Nobody serves there; without this the client would go on trying
 *   if (event.type === "disconnected") stop.abort();
 * }
 * assertEquals(seen, []);
 * ```
 */
export class BoardClient implements AsyncDisposable {
  readonly #url: string;
  readonly #options: BoardClientOptions;
  readonly #clock: Clock;
  readonly #events = new EventQueue<BoardClientEvent>(MAX_EVENTS);
  readonly #posts = new KeptPosts();
  #socket: WebSocket | undefined;
  #peer: string | undefined;
  #attempts = 0;
  #lastError: BoardErrorMessage | undefined;
  #cancelTimer = () => {};
  #isClosed = false;

  /**
   * Begins to connect.
   *
   * @throws {RangeError} If the URL is not `ws:` or `wss:` with a path of `/board/ROOM`, or the secret
   * does not have 1 to 128 characters.
   */
  constructor(url: string, options: BoardClientOptions = {}) {
    this.#url = checkUrl(url);
    if (options.secret !== undefined) secretSubprotocol(options.secret);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { signal } = options;
    signal?.addEventListener("abort", this.#onAbort);
    if (signal?.aborted) this.#finish();
    else this.#connect();
  }

  /** The name of this peer; undefined while it is not in the room. */
  get peer(): string | undefined {
    return this.#peer;
  }

  /** Puts something on the board, now or as soon as there is one; kept there until its life is over. */
  post(post: ClientPost): void {
    const message: PostMessage = {
      type: "post",
      candidates: [],
      data: "",
      lifetimeMs: 60_000,
      ...post,
    };
    this.#posts.keep(message, this.#clock.now());
    if (this.#peer !== undefined) this.#send(message);
  }

  /** Takes a post of this peer off the board. */
  remove(id: string): void {
    this.#posts.forget(id);
    if (this.#peer !== undefined) this.#send({ type: "remove", id });
  }

  /** Asks for all that is posted: a `board` follows. False if there is no connection. */
  list(): boolean {
    return this.#ask({ type: "board" });
  }

  /** Sends text to another peer. False if there is no connection. */
  signal(to: string, data: string): boolean {
    return this.#ask({ type: "signal", to, data });
  }

  /** Asks that both be told to start together: a `sync` follows. False if there is no connection. */
  sync(other: string): boolean {
    return this.#ask({ type: "sync", with: other });
  }

  /**
   * What happens, in its sequence; for one consumer at a time.
   *
   * @throws {BoardClientError} From the iteration, if the board will not have this client.
   */
  [Symbol.asyncIterator](): AsyncGenerator<BoardClientEvent, void, void> {
    return this.#events[Symbol.asyncIterator]();
  }

  /** Leaves the board; iteration ends. Resolves when the connection is closed, after 3 s at most. */
  async close(): Promise<void> {
    const socket = this.#socket;
    this.#finish();
    if (socket === undefined || socket.readyState === CLOSED) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.setTimer(CLOSE_PATIENCE_MS, resolve);
    socket.addEventListener("close", () => resolve());
    await promise;
    cancel();
  }

  /** As {@linkcode BoardClient.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #connect(): void {
    const { secret, connect = (url, protocols) => new WebSocket(url, protocols) } = this.#options;
    const protocols = [
      BOARD_SUBPROTOCOL,
      ...secret === undefined ? [] : [secretSubprotocol(secret)],
    ];
    const socket = connect(this.#url, protocols);
    this.#socket = socket;
    this.#lastError = undefined;
    // A connection that is given up may still have something to say, which nobody wants to hear
    const isCurrent = () => this.#socket === socket;
    socket.addEventListener("open", () => isCurrent() && this.#send({ type: "join" }));
    socket.addEventListener("message", ({ data }) => isCurrent() && this.#hear(data));
    socket.addEventListener("close", ({ code }) => isCurrent() && this.#lost(code));
    // "close" follows; without a listener Deno takes the error for uncaught
    socket.addEventListener("error", (event) => event.preventDefault());
    this.#giveUpAfter(CONNECT_PATIENCE_MS);
  }

  /** A server that can be reached says something, if only `ping`, within this time. */
  #giveUpAfter(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.setTimer(ms, () => {
      this.#socket?.close();
      this.#lost(NO_CLOSE_CODE);
    });
  }

  #hear(data: unknown): void {
    this.#giveUpAfter(BOARD_PATIENCE.silenceMs);
    const read = readServerMessage(typeof data === "string" ? data : "");
    // What a later version says beside is not for this one
    if (!read.ok) return;
    const message = read.value;
    switch (message.type) {
      case "ping":
        return this.#send({ type: "pong", id: message.id });
      case "pong":
        return;
      case "welcome":
        this.#peer = message.peer;
        this.#attempts = 0;
        break;
      case "error":
        this.#lastError = message;
        break;
      case "board":
        for (
          const post of this.#posts.missing(message.posts, this.#peer ?? "", this.#clock.now())
        ) {
          this.#send(post);
        }
        break;
      case "expired":
        if (message.peer === this.#peer) {
          // Before its time where the board took this server for dead
          const post = this.#posts.again(message.id, this.#clock.now());
          if (post !== undefined) this.#send(post);
        }
    }
    this.#emit(message);
  }

  #lost(code: number): void {
    this.#socket = undefined;
    this.#peer = undefined;
    this.#cancelTimer();
    if (this.#isClosed) return;
    const reason = Object.values(BOARD_CLOSE).find((one) => one.code === code);
    if (reason?.retry === false) {
      const { code: name = "bad_message", message = "it closed the connection" } =
        this.#lastError ?? {};
      return this.#finish(new BoardClientError(name, message));
    }
    // Full jitter: a server that comes back is not to be met by all of its peers at once
    const { random = Math.random } = this.#options;
    const longest = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempts++);
    const retryInMs = Math.round(longest * random());
    this.#cancelTimer = this.#clock.setTimer(retryInMs, () => this.#connect());
    this.#emit({ type: "disconnected", code, retryInMs });
  }

  #emit(event: BoardClientEvent): void {
    if (this.#events.push(event)) return;
    this.#finish(new BoardClientError("too_slow", `nobody took the last ${MAX_EVENTS} events`));
  }

  #ask(message: ClientMessage): boolean {
    if (this.#peer === undefined) return false;
    this.#send(message);
    return true;
  }

  #send(message: ClientMessage): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  readonly #onAbort = () => this.#finish();

  #finish(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#cancelTimer();
    this.#socket?.close();
    this.#socket = undefined;
    this.#peer = undefined;
    this.#events.end(error);
  }
}

function checkUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^wss?:$/.test(url.protocol)) {
    throw new RangeError(`Cannot use the board ${text}: wanted ws:// or wss:// and a host`);
  }
  const room = readBoardPath(url.pathname);
  if (!room.ok) throw new RangeError(`Cannot use the board ${text}: ${room.reason}`);
  return text;
}

/** What a few hundred peers do in some seconds, while a program is busy with something else. */
const MAX_EVENTS = 4096;
const CONNECT_PATIENCE_MS = 10_000;
const CLOSE_PATIENCE_MS = 3000;
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;
/** RFC 6455 section 7.4.1: the connection ended without a close frame. */
const NO_CLOSE_CODE = 1006;
const OPEN = 1;
const CLOSED = 3;
