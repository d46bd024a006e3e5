import type { SocketAddress } from "../../wire/mod.ts";
import {
  ClientTransaction,
  type ClientTransactionOptions,
  type TransactionOutcome,
} from "./client_transaction.ts";

/** What a {@linkcode TransactionPair} is about. */
export interface TransactionPairOptions extends Omit<ClientTransactionOptions, "request"> {
  /** The same request encoded twice, under two transaction ids. */
  readonly requests: readonly [first: Uint8Array, second: Uint8Array];
}

/**
 * One request made in two transactions, the second of which begins when the first has gone
 * 10 RTOs without an answer. It is driven as a
 * {@linkcode ClientTransaction} is.
 *
 * RFC 8489 section 6.2.1 sends a request seven times in 39.5 s. Where 30 % of all packets are lost
 * each way, all seven go without an answer once in 111 times (0.51^7). Two transactions, each of
 * which keeps to that section, send 14 requests in the same 39.5 s and fail once in 12,000 times
 * (0.51^14); a server may be asked in ten transactions at once (section 6.2). A server that answers
 * within 5 s sees no difference.
 */
export class TransactionPair {
  readonly #first: ClientTransaction;
  /** Over a transport that delivers by itself, or if there is no time, there is no second. */
  readonly #second: ClientTransaction | undefined;
  readonly #secondAfterMs: number;
  #secondAt = Infinity;
  #attempts = 0;
  #outcome: TransactionOutcome | undefined;

  /**
   * Makes a pair that has not begun.
   *
   * @throws {RangeError} If one of the requests is not a STUN request or a duration is not a positive
   * number.
   */
  constructor(options: TransactionPairOptions) {
    const { requests: [request, again], reliable, rtoMs = 500, timeoutMs = 39_500 } = options;
    this.#first = new ClientTransaction({ ...options, request });
    this.#secondAfterMs = SECOND_TRANSACTION_AFTER * rtoMs;
    const leftMs = timeoutMs - this.#secondAfterMs;
    this.#second = reliable || leftMs <= 0
      ? undefined
      : new ClientTransaction({ ...options, request: again, timeoutMs: leftMs });
  }

  /** How it ended; undefined while it goes on. */
  get outcome(): TransactionOutcome | undefined {
    return this.#outcome;
  }

  /** When {@linkcode TransactionPair.wake} wants to be called, in ms; undefined when it is over. */
  nextWake(): number | undefined {
    if (this.#outcome !== undefined) return undefined;
    const first = this.#first.nextWake() ?? Infinity;
    // One that has not begun wants to be woken at once
    const second = Math.max(this.#second?.nextWake() ?? Infinity, this.#secondAt);
    return Math.min(first, second);
  }

  /** Tells the time. Returns a request if one is to be sent now. */
  wake(now: number): Uint8Array | undefined {
    if (this.#outcome !== undefined) return undefined;
    if (this.#attempts === 0) this.#secondAt = now + this.#secondAfterMs;
    const request = this.#first.wake(now) ??
      (now >= this.#secondAt ? this.#second?.wake(now) : undefined);
    if (request !== undefined) this.#attempts++;
    else this.#giveUp();
    return request;
  }

  /** Shows what came in, as to a {@linkcode ClientTransaction}. Returns whether it was the answer. */
  receive(bytes: Uint8Array, source: SocketAddress, now: number): boolean {
    if (this.#outcome !== undefined) return false;
    const answered = [this.#first, this.#second].find((one) => one?.receive(bytes, source, now));
    if (answered === undefined) return false;
    this.#outcome = { ...answered.outcome!, attempts: this.#attempts };
    return true;
  }

  /** Ends it if both transactions have ended without an answer. */
  #giveUp(): void {
    const first = this.#first.outcome;
    const second = this.#second === undefined ? first : this.#second.outcome;
    if (first === undefined || second === undefined) return;
    const telling = second.kind === "timed-out" ? first : second;
    this.#outcome = { ...telling, attempts: this.#attempts };
  }
}

/**
 * How many RTOs after the first transaction the second begins: late enough that silence means loss,
 * and its seven requests (63 RTOs) end before the first transaction does (79 RTOs).
 */
const SECOND_TRANSACTION_AFTER = 10;
