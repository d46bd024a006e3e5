import type { Clock } from "../ops/mod.ts";
import type { ClientTransaction, TransactionOutcome } from "../protocol/client/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";
import { QueryError } from "./query_error.ts";

/** What a {@linkcode TransactionRun} needs. */
export interface TransactionRunOptions {
  /** The transaction to drive, or a pair of them. */
  readonly transaction: Pick<ClientTransaction, "nextWake" | "wake" | "receive" | "outcome">;
  /** Tells the time and wakes. */
  readonly clock: Clock;
  /** Sends the request. */
  readonly send: (bytes: Uint8Array) => void;
  /** Gives it up. */
  readonly signal: AbortSignal | undefined;
}

/** Drives a client transaction by a clock: sends when it wants to, ends when it does. */
export class TransactionRun {
  readonly #options: TransactionRunOptions;
  readonly #end = Promise.withResolvers<TransactionOutcome>();
  readonly #abort = () => this.fail(abortError(this.#options.signal));
  #cancelTimer: () => void = () => {};

  /** Makes a run and sends the first request. */
  constructor(options: TransactionRunOptions) {
    this.#options = options;
    options.signal?.addEventListener("abort", this.#abort, { once: true });
    if (options.signal?.aborted) this.#abort();
    else this.#wake();
  }

  /** How the transaction ended; rejects if the run fails before. */
  get outcome(): Promise<TransactionOutcome> {
    return this.#end.promise;
  }

  /** Shows the transaction what came in. */
  receive(bytes: Uint8Array, source: SocketAddress): void {
    const { transaction, clock } = this.#options;
    if (transaction.receive(bytes, source, clock.now())) this.#settle();
  }

  /** Ends the run: there will be no answer. */
  fail(error: unknown): void {
    this.#stop();
    this.#end.reject(error);
  }

  #wake(): void {
    const { transaction, clock, send } = this.#options;
    const now = clock.now();
    const bytes = transaction.wake(now);
    if (bytes !== undefined) send(bytes);
    const next = transaction.nextWake();
    if (next === undefined) return this.#settle();
    this.#cancelTimer = clock.setTimer(Math.max(0, next - now), () => this.#wake());
  }

  #settle(): void {
    this.#stop();
    this.#end.resolve(this.#options.transaction.outcome!);
  }

  #stop(): void {
    this.#cancelTimer();
    this.#options.signal?.removeEventListener("abort", this.#abort);
  }
}

/** What a caller gets who gave a query up. */
export function abortError(signal: AbortSignal | undefined): QueryError {
  return new QueryError("Cannot finish the query: it was given up", {
    code: "aborted",
    cause: signal?.reason,
  });
}
