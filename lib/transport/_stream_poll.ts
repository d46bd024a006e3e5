import { errnoOf, type Libc, loadLibc } from "./_libc.ts";
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLRDHUP,
  POLLIN,
  POLLOUT,
  SystemCallError,
} from "./_linux_sockets.ts";
import { SocketWait } from "./_socket_wait.ts";

/**
 * What there is to be read: `some`, and the socket is told of more when that comes; `end`, of which it
 * is not told again, be it the stream's or an error; or it is asked once more, after
 * {@linkcode StreamPoll.again}.
 */
export type SocketNews = "some" | "end" | "again";

/** What a {@linkcode StreamPoll} watches. */
export interface PolledSocket {
  /** Its descriptor; it never blocks. */
  readonly descriptor: number;
  /** Called when it may be readable, or its end is to be read. */
  onReadable(news: SocketNews): void;
  /** Called when it may have room, once {@linkcode StreamPoll.awaitRoom} has asked for that. */
  onWritable(): void;
}

/**
 * Tells many sockets of one thread what has happened to them, in rounds: one system call asks about
 * all of them, each is served once, and what they have set going is let come to rest. After some rounds
 * the event loop has a turn. A thread beside it waits while nothing happens.
 *
 * It ends with its last socket, and then closes the library.
 */
export class StreamPoll {
  /** The C library, for those who are watched. */
  readonly libc: Libc;
  readonly #epoll: number;
  readonly #wait: SocketWait;
  readonly #sockets = new Map<number, PolledSocket>();
  /** Those that have more to read than one round gives. */
  #again: PolledSocket[] = [];
  readonly #events = new Int32Array(MAX_EVENTS * EVENT_WORDS);
  /** How many rounds there were since the event loop had a turn. */
  #rounds = 0;
  /** The thread that waits for something to happen, if it does. */
  #watch: Promise<void> | undefined;
  #rest = Promise.resolve();
  #wake: () => void = () => {};
  #ended = false;

  /**
   * Loads the C library and takes it over.
   *
   * @throws {LibcError} If it cannot be loaded or lacks a function.
   * @throws {SystemCallError} If the system has no descriptor left.
   */
  constructor() {
    const libc = loadLibc();
    const { symbols } = libc;
    const epoll = symbols.epoll_create1(EPOLL_CLOEXEC);
    try {
      if (epoll < 0) throw new SystemCallError("epoll_create1", errnoOf(libc));
      this.#wait = new SocketWait(libc, { descriptor: epoll });
    } catch (error) {
      if (epoll >= 0) symbols.close(epoll);
      libc.close();
      throw error;
    }
    this.#epoll = epoll;
    this.libc = libc;
  }

  /** Whether it watches nothing any more, and never will. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves once its thread is gone and the library given back; it must have ended. */
  get rest(): Promise<void> {
    return this.#rest;
  }

  /**
   * Watches a socket from now on.
   *
   * @throws {SystemCallError} If the system refuses.
   */
  add(socket: PolledSocket): void {
    this.#control(EPOLL_CTL_ADD, socket.descriptor, POLLIN | EPOLLRDHUP);
    this.#sockets.set(socket.descriptor, socket);
    if (this.#sockets.size === 1) this.#rest = this.#run();
  }

  /** Watches a socket no more; closes it. */
  remove({ descriptor }: PolledSocket): void {
    this.#sockets.delete(descriptor);
    this.libc.symbols.close(descriptor);
    this.endIfUnused();
  }

  /** Ends if no socket is watched: for those whose first one could not be opened. */
  endIfUnused(): void {
    if (this.#sockets.size > 0 || this.#ended) return;
    this.#ended = true;
    // It closes the library as well
    this.#wait.end();
    this.#wake();
  }

  /** Serves a socket in the next round as though something had happened. */
  again(socket: PolledSocket): void {
    this.#again.push(socket);
    this.#wake();
  }

  /** Has a socket told when it has room to write. */
  awaitRoom({ descriptor }: PolledSocket): void {
    this.#control(EPOLL_CTL_MOD, descriptor, POLLIN | POLLOUT | EPOLLRDHUP);
  }

  #control(operation: number, descriptor: number, events: number): void {
    event[0] = events | EPOLLET;
    event[DATA_WORD] = descriptor;
    if (this.libc.symbols.epoll_ctl(this.#epoll, operation, descriptor, event) === 0) return;
    throw new SystemCallError("epoll_ctl", errnoOf(this.libc));
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      const count = this.#round();
      // What was read is answered within these
      for (let i = 0; i < MICROTASKS_PER_ROUND; i++) await undefined;
      if (++this.#rounds >= ROUNDS_PER_TURN) {
        await this.#wait.until("nothing", 0);
        this.#rounds = 0;
      } else if (count === 0 && this.#again.length === 0) {
        await this.#sleep();
      }
    }
    await this.#watch;
  }

  /** Waits until something happens, or has to be done again. */
  #sleep(): Promise<void> {
    this.#watch ??= this.#wait.until("readable").then(() => {
      this.#watch = undefined;
      this.#rounds = 0;
      this.#wake();
    });
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Serves all sockets to which something has happened. Returns how many. */
  #round(): number {
    const again = this.#again;
    if (again.length > 0) this.#again = [];
    const events = this.#events;
    const count = Math.max(this.libc.symbols.epollNow(this.#epoll, events, MAX_EVENTS, 0), 0);
    for (let i = 0; i < count; i++) {
      const happened = events[i * EVENT_WORDS]!;
      const socket = this.#sockets.get(events[i * EVENT_WORDS + DATA_WORD]!);
      if (happened & POLLOUT) socket?.onWritable();
      if (happened & ~POLLOUT) socket?.onReadable(happened & ~(POLLIN | POLLOUT) ? "end" : "some");
    }
    for (const socket of again) {
      if (this.#sockets.get(socket.descriptor) === socket) socket.onReadable("again");
    }
    return count + again.length;
  }
}

// epoll_event: events(32) data(64); on arm64 with 32 bits of padding between, on x86-64 without
const [EVENT_WORDS, DATA_WORD] = Deno.build.arch === "aarch64" ? [4, 2] : [3, 1];
const event = new Int32Array(EVENT_WORDS);
/** How many sockets a round serves at most. */
const MAX_EVENTS = 256;
/** Some ten milliseconds at the most. */
const ROUNDS_PER_TURN = 8;
const MICROTASKS_PER_ROUND = 4;
