/** How a connection to a server ended. */
export type HoldEnd =
  /** The server closed or reset it. */
  | "by-server"
  /** A question was not answered in time, or this side ended it. */
  | "by-us";

/** One connection to a server, when it is over. */
export interface Hold {
  /** ms that it lasted. */
  readonly heldMs: number;
  /** How many questions were answered. */
  readonly answers: number;
  /** How it ended. */
  readonly end: HoldEnd;
}

/**
 * What is known of a server's habit of closing connections that are in use. One end tells nothing: the
 * server may have crashed or been started again. Two in a row at the same age, with the server there
 * in between, are a rule of its own: coturn's is 3.0 s or 60.0 s whatever the client does.
 */
export class HoldingRecord {
  #lastMs: number | undefined;
  #closesAfterMs: number | undefined;

  /** After how many ms it closes connections that are in use; undefined as far as is known it does not. */
  get closesAfterMs(): number | undefined {
    return this.#closesAfterMs;
  }

  /** Takes note of a connection that is over. Returns whether the habit has just become known. */
  ended({ heldMs, answers, end }: Hold): boolean {
    if (end !== "by-server" || answers === 0 || heldMs > LONGEST_HABIT_MS) {
      this.#lastMs = undefined;
      return false;
    }
    const before = this.#lastMs;
    this.#lastMs = heldMs;
    if (before === undefined || this.#closesAfterMs !== undefined) return false;
    const difference = Math.abs(heldMs - before);
    if (difference > Math.max(LEAST_TOLERANCE_MS, TOLERANCE * heldMs)) return false;
    this.#closesAfterMs = heldMs;
    return true;
  }

  /** Takes note that it could not be connected to: then it was away, and its last end tells nothing. */
  failed(): void {
    this.#lastMs = undefined;
  }

  /** Takes note of a connection that is open: one that outlives the habit ends its bad name. */
  alive(heldMs: number): void {
    if (this.#closesAfterMs !== undefined && heldMs > OUTLIVED * this.#closesAfterMs) {
      this.#closesAfterMs = this.#lastMs = undefined;
    }
  }
}

/** A server that ends a connection four times an hour leaves it alone for longer than it takes to redial. */
const LONGEST_HABIT_MS = 900_000;

/** Sweeps come by the second, and as much again may be the network's. */
const LEAST_TOLERANCE_MS = 1_000;
const TOLERANCE = 0.1;
const OUTLIVED = 2;
