import type { SocketAddress } from "../wire/mod.ts";
import { errnoOf, type Libc } from "./_libc.ts";
import {
  connectTcpSocket,
  EFD_NONBLOCK_CLOEXEC,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLLET,
  POLLIN,
  POLLOUT,
  SystemCallError,
} from "./_linux_sockets.ts";

/**
 * Waits for sockets to be connected, all of them on one thread beside the event loop. The thread holds
 * on to no socket, only to `epoll`: one that is given up can be closed at once.
 */
export class ConnectWait {
  readonly #libc: Libc;
  readonly #epoll: number;
  /** An `eventfd` that ends the thread's wait when there is nothing left to wait for. */
  readonly #bell: number;
  /**
   * Where the thread writes what has happened, which nobody reads. Of the C library's memory: a worker
   * may be gone by then.
   */
  readonly #events: bigint;
  /** One per attempt under way: ends it if it is over. */
  readonly #checks = new Set<() => void>();
  /** The thread's wait. */
  #sleep: Promise<unknown> | undefined;
  #isRunning = false;

  /**
   * Makes the wait.
   *
   * @throws {SystemCallError} If the system has no descriptor left.
   */
  constructor(libc: Libc) {
    const { symbols } = libc;
    this.#libc = libc;
    this.#epoll = symbols.epoll_create1(EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw new SystemCallError("epoll_create1", errnoOf(libc));
    this.#bell = symbols.eventfd(0, EFD_NONBLOCK_CLOEXEC);
    try {
      if (this.#bell < 0) throw new SystemCallError("eventfd", errnoOf(libc));
      this.#watch(this.#bell, POLLIN);
    } catch (error) {
      if (this.#bell >= 0) symbols.close(this.#bell);
      symbols.close(this.#epoll);
      throw error;
    }
    this.#events = symbols.malloc(BigInt(MAX_EVENTS * EVENT_BYTES));
  }

  /**
   * Connects a bound socket, which stays the caller's.
   *
   * @throws {SystemCallError} If there is no connection (as a rejection).
   * @throws The signal's reason (as a rejection).
   */
  async connect(fd: number, peer: SocketAddress, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const libc = this.#libc;
    if (connectTcpSocket(libc, fd, peer)) return;
    this.#watch(fd, POLLOUT);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = () => {
      try {
        if (connectTcpSocket(libc, fd, peer)) settle(resolve);
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const giveUp = () => settle(() => reject(signal.reason));
    const settle = (outcome: () => void) => {
      this.#checks.delete(check);
      signal.removeEventListener("abort", giveUp);
      libc.symbols.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, fd, null);
      outcome();
    };
    this.#checks.add(check);
    signal.addEventListener("abort", giveUp, { once: true });
    if (!this.#isRunning) void this.#run();
    try {
      await promise;
    } finally {
      // The last one leaves no thread behind
      if (this.#checks.size === 0) await this.#wake();
    }
  }

  /** Gives everything back. Only when no attempt is under way, and none comes any more. */
  close(): void {
    const { symbols } = this.#libc;
    symbols.close(this.#epoll);
    symbols.close(this.#bell);
    symbols.free(this.#events);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#checks.size > 0) {
      this.#sleep = this.#libc.symbols.epoll_wait(this.#epoll, this.#events, MAX_EVENTS, -1);
      await this.#sleep;
      this.#sleep = undefined;
      for (const check of [...this.#checks]) check();
    }
    this.#isRunning = false;
  }

  async #wake(): Promise<void> {
    if (this.#sleep === undefined) return;
    this.#libc.symbols.write(this.#bell, ONE, 8n);
    await this.#sleep;
  }

  #watch(fd: number, events: number): void {
    // epoll_event: events(32), and what nobody reads: data(64), with padding before it on arm64.
    // Told once, an event that no check takes note of cannot keep the thread busy.
    const event = new Uint8Array(EVENT_BYTES);
    new DataView(event.buffer).setUint32(0, events | EPOLLET, true);
    if (this.#libc.symbols.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, event) !== 0) {
      throw new SystemCallError("epoll_ctl", errnoOf(this.#libc));
    }
  }
}

/** 12 on x86-64, 16 on arm64. */
const EVENT_BYTES = 16;
/** Every attempt is looked at after each wait, so that one would do; more save waits. */
const MAX_EVENTS = 16;

/** What an `eventfd` takes: 64 bits. */
const ONE = BigUint64Array.of(1n);
