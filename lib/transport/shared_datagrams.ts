import { type SocketAddress, socketAddress } from "../wire/mod.ts";
import { type Libc, loadLibc } from "./_libc.ts";
import { allowReusePort, boundAddress, SystemCallError } from "./_linux_sockets.ts";
import { makeBell, ringBell } from "./_socket_wait.ts";
import { BatchedDatagram, bindBatchedSocket } from "./batched_datagram.ts";
import type { LentSocket, SharedSockets } from "./datagram_sharing.ts";
import { toListenError } from "./listen_error.ts";

/** What {@linkcode bindSharedDatagrams} binds to. */
export interface BindSharedDatagramsOptions {
  /** The IP address, 4 or 16 bytes; `::` serves IPv4 as well. */
  readonly ip: Uint8Array;
  /** The port, which all of them share; 0 lets the system choose one. */
  readonly port: number;
  /** How many sockets: one per thread that is to serve. */
  readonly count: number;
}

/**
 * Binds UDP sockets that share one address (SO_REUSEPORT): the system spreads the peers over them, by
 * the peer's address and port. As with a single socket, a port that another program has is refused,
 * be it one that would share it.
 *
 * @throws {LibcError} If the C library cannot be loaded or lacks a function.
 * @throws {ListenError} If a socket cannot be bound; then none is.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
 */
export function bindSharedDatagrams(options: BindSharedDatagramsOptions): SharedDatagrams {
  const { ip, count } = options;
  const libc = loadLibc();
  const descriptors: number[] = [];
  try {
    const first = bindBatchedSocket(options);
    descriptors.push(first);
    const { port } = boundAddress(libc, first);
    // Not before: it is the first bind that finds out whether the port is free
    allowReusePort(libc, first);
    while (descriptors.length < count) {
      descriptors.push(bindBatchedSocket({ ip, port, reusePort: true }));
    }
    return new SharedDatagrams(libc, descriptors);
  } catch (error) {
    for (const descriptor of descriptors) libc.symbols.close(descriptor);
    libc.close();
    if (!(error instanceof SystemCallError)) throw error;
    throw toListenError(error, { address: socketAddress(ip, options.port), transport: "udp" });
  }
}

/**
 * UDP sockets on one address that this thread owns and others serve. Descriptors belong to the process,
 * so what a dead thread has left unread in its socket is there for the one that takes its place. They
 * are closed here and nowhere else, and so exactly once.
 */
export class SharedDatagrams implements SharedSockets {
  /** The address that the sockets are bound to. */
  readonly localAddress: SocketAddress;
  /** Always `batched`. */
  readonly io = "batched";
  readonly #libc: Libc;
  readonly #descriptors: readonly number[];
  readonly #bells = new Map<number, number>();
  #closed = false;

  /**
   * Takes over bound sockets and the library.
   *
   * @throws {SystemCallError} If they are no sockets.
   */
  constructor(libc: Libc, descriptors: readonly number[]) {
    this.#libc = libc;
    this.#descriptors = descriptors;
    this.localAddress = boundAddress(libc, descriptors[0]!);
  }

  /**
   * Lends one of the sockets, counted from 0, to one thread, which adopts it with
   * {@linkcode adoptLentSocket}. Who has had it before must have died, or have closed what it adopted.
   *
   * @throws {SystemCallError} If the system has no descriptor left.
   */
  lend(index: number): LentSocket {
    this.#endWaits(index);
    const bell = makeBell(this.#libc);
    this.#bells.set(index, bell);
    return { descriptor: this.#descriptors[index]!, bell };
  }

  /** Closes the sockets, which nobody may serve any more. Closing again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const [index, descriptor] of this.#descriptors.entries()) {
      this.#endWaits(index);
      this.#libc.symbols.close(descriptor);
    }
    this.#libc.close();
  }

  /** A thread that waits for a socket keeps it open in the system, even when its worker is no more. */
  #endWaits(index: number): void {
    const bell = this.#bells.get(index);
    if (bell === undefined) return;
    ringBell(this.#libc, bell);
    this.#libc.symbols.close(bell);
    this.#bells.delete(index);
  }
}

/**
 * Serves a socket that another thread has lent. Closing the transport ends its waits and leaves the
 * socket to its owner.
 *
 * @throws {LibcError} If the C library cannot be loaded or lacks a function.
 */
export function adoptLentSocket(lent: LentSocket): BatchedDatagram {
  const libc = loadLibc();
  try {
    return new BatchedDatagram(libc, lent);
  } catch (error) {
    libc.close();
    throw error;
  }
}
