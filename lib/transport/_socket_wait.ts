import { errnoOf, type Libc } from "./_libc.ts";
import { EFD_NONBLOCK_CLOEXEC, POLLIN, POLLOUT, SystemCallError } from "./_linux_sockets.ts";

/** The socket that a {@linkcode SocketWait} waits for; one that is lent comes with its lender's bell. */
export interface AwaitedSocket {
  /** Its descriptor. */
  readonly descriptor: number;
  /** An `eventfd` that becomes readable at the end. @default one of its own */
  readonly bell?: number;
}

/** What a {@linkcode SocketWait} can wait for. */
export type AwaitedEvent = "readable" | "writable" | "nothing";

/**
 * Waits for a socket on threads beside the event loop, and closes it, together with the library, as
 * soon as nobody waits any more: a descriptor that was closed under a waiting thread could be another
 * file's by then. At most one wait for each event at a time.
 *
 * A socket that is lent, with a bell of its lender's, is left open: the lender closes it, and can end
 * the waits of a thread that is no more.
 */
export class SocketWait {
  readonly #libc: Libc;
  readonly #fd: number;
  /** An `eventfd` that becomes readable at the end. */
  readonly #bell: number;
  readonly #isLent: boolean;
  /**
   * One pair of `pollfd` per event. Of the C library's memory, not of this isolate's: the thread
   * writes there, and a worker may be gone by then.
   */
  readonly #pairs: bigint;
  #pending = 0;
  #ended = false;

  /**
   * Makes the wait for a socket.
   *
   * @throws {SystemCallError} If the system has no descriptor left.
   */
  constructor(libc: Libc, socket: AwaitedSocket) {
    const { symbols } = libc;
    const fd = socket.descriptor;
    this.#libc = libc;
    this.#fd = fd;
    this.#isLent = socket.bell !== undefined;
    this.#bell = socket.bell ?? makeBell(libc);
    // pollfd: descriptor(32) events(16) what happened(16); poll() passes negative descriptors over
    const bell = [this.#bell, POLLIN];
    const pairs = Int32Array.of(fd, POLLIN, ...bell, fd, POLLOUT, ...bell, -1, 0, ...bell);
    this.#pairs = symbols.malloc(BigInt(pairs.byteLength));
    symbols.memcpyTo(this.#pairs, pairs, BigInt(pairs.byteLength));
  }

  /** Resolves when the event is there, after `ms` milliseconds, or at the end. */
  async until(event: AwaitedEvent, ms = -1): Promise<void> {
    if (this.#ended) return;
    this.#pending++;
    try {
      await this.#libc.symbols.poll(this.#pairs + PAIR_OF[event], 2n, ms);
    } finally {
      this.#pending--;
      if (this.#ended) this.#release();
    }
  }

  /** Ends every wait, and closes the socket and the library: at once if nobody waits. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#pending > 0) ringBell(this.#libc, this.#bell);
    this.#release();
  }

  #release(): void {
    if (this.#pending > 0) return;
    const { symbols } = this.#libc;
    if (!this.#isLent) {
      symbols.close(this.#fd);
      symbols.close(this.#bell);
    }
    symbols.free(this.#pairs);
    this.#libc.close();
  }
}

/**
 * An `eventfd` for the end of waits.
 *
 * @throws {SystemCallError} If the system has no descriptor left.
 */
export function makeBell(libc: Libc): number {
  const bell = libc.symbols.eventfd(0, EFD_NONBLOCK_CLOEXEC);
  if (bell < 0) throw new SystemCallError("eventfd", errnoOf(libc));
  return bell;
}

/** Ends every wait, on whatever thread, that listens for this bell. */
export function ringBell(libc: Libc, bell: number): void {
  libc.symbols.write(bell, ONE, 8n);
}

const PAIR_OF = { readable: 0n, writable: 16n, nothing: 32n } as const;

/** What an `eventfd` takes: 64 bits. */
const ONE = BigUint64Array.of(1n);
