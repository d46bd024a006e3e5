import type { Clock, Logger } from "../ops/mod.ts";
import type { ResponderStatistics, SharedResponder } from "../protocol/mod.ts";
import type { SharedListener } from "./listeners.ts";
import type { Traffic } from "./stream_session.ts";
import type { LentEndpoint } from "./worker_order.ts";
import { WorkerSeat } from "./worker_seat.ts";

/** What {@linkcode DatagramWorkers} are made of. */
export interface DatagramWorkersOptions {
  /** How many threads. */
  readonly count: number;
  /** The sockets; those of one inner list answer for each other. */
  readonly groups: readonly (readonly SharedListener[])[];
  /** What the responders are made of. */
  readonly responder: SharedResponder;
  /** Takes samples of how long answering took, in seconds. */
  readonly onLatency?: ((seconds: number) => void) | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
  /** Starts a worker. @default one that runs `datagram_worker.ts` */
  readonly spawn?: (() => Worker) | undefined;
}

/**
 * Serves UDP on several threads. Each has a socket of its own in every role and on every address, and
 * the system spreads the clients over them; so each thread answers whole conversations, from any of the
 * four addresses of RFC 5780. They count in memory that this thread reads, and limit their sources in
 * one table.
 */
export class DatagramWorkers {
  readonly #options: DatagramWorkersOptions;
  readonly #seats: readonly WorkerSeat[];

  /** Takes the sockets over; they are closed with the service. */
  constructor(options: DatagramWorkersOptions) {
    this.#options = options;
    const { count, groups, spawn = spawnWorker, ...common } = options;
    this.#seats = Array.from({ length: count }, (_, index) =>
      new WorkerSeat({
        ...common,
        number: index + 1,
        spawn,
        lend: () => groups.map((group) => group.map((listener) => lend(listener, index))),
      }));
  }

  /** What became of all arrivals, as each of the threads has counted it. */
  get statistics(): readonly ResponderStatistics[] {
    return this.#seats.map(({ counts }) => counts.statistics);
  }

  /** How many bytes have been received and sent. */
  get traffic(): Traffic {
    const each = this.#seats.map(({ counts }) => counts.traffic);
    return {
      received: each.reduce((sum, { received }) => sum + received, 0),
      sent: each.reduce((sum, { sent }) => sum + sent, 0),
    };
  }

  /** Begins to answer, as soon as the threads have loaded: until then the requests wait. */
  start(): void {
    for (const seat of this.#seats) seat.start();
  }

  /**
   * Resolves when every thread answers.
   *
   * @throws {WorkerError} If one fails instead (as a rejection); another is tried nevertheless.
   */
  async serving(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => seat.serving));
  }

  /** Has the threads go by another policy, each within moments. */
  change(responder: SharedResponder): void {
    for (const seat of this.#seats) seat.change(responder);
  }

  /** Stops the threads and closes the sockets; resolves when what had been read is answered. */
  async close(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => seat.close()));
    for (const { socket } of this.#options.groups.flat()) socket.close();
  }
}

function lend(listener: SharedListener, index: number): LentEndpoint {
  const { transport, role, address, group, socket } = listener;
  return {
    transport,
    role,
    lent: socket.lend(index),
    ...address === undefined ? {} : { address },
    ...group === undefined ? {} : { group },
  };
}

function spawnWorker(): Worker {
  return new Worker(new URL("./datagram_worker.ts", import.meta.url), { type: "module" });
}
