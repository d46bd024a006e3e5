/**
 * How long a message takes to a peer and back: the shortest of the last few measurements. Queues only
 * ever add, so the shortest is the nearest to what the path itself takes.
 */
export class RoundTrip {
  readonly #samples: number[] = [];

  /** Takes a measurement, in ms. */
  add(ms: number): void {
    this.#samples.push(ms);
    if (this.#samples.length > KEPT_SAMPLES) this.#samples.shift();
  }

  /** How many measurements it is made of. */
  get count(): number {
    return this.#samples.length;
  }

  /** The estimate in ms; undefined before the first measurement. */
  get ms(): number | undefined {
    return this.#samples.length === 0 ? undefined : Math.min(...this.#samples);
  }
}

/**
 * What the peer that was asked is told, in ms from receipt: time enough for the answer to reach the
 * other one, be it through another server, and for a punch to be made ready.
 */
export function syncDelay(ownRttMs: number, otherRttMs: number): number {
  return SYNC_LEAD_MS + Math.max(ownRttMs, otherRttMs) - ownRttMs / 2;
}

/** What the asking side knows when the answer has come. All in ms. */
export interface SyncFacts {
  /** The round trip of the peer that asked. */
  readonly ownRttMs: number;
  /** The round trip of the peer that was asked. */
  readonly otherRttMs: number;
  /** What that peer was told. */
  readonly otherDelayMs: number;
  /** From the question to the answer, without what it was held back. */
  readonly exchangeMs: number;
}

/**
 * What the peer that asked is told, in ms from receipt, so that both start at the same moment: the
 * other's message left half an exchange ago and takes half a round trip. Never below 0: a peer that
 * comes late starts at once.
 */
export function alignedDelay(facts: SyncFacts): number {
  const { ownRttMs, otherRttMs, otherDelayMs, exchangeMs } = facts;
  return Math.max(0, otherDelayMs + otherRttMs / 2 - exchangeMs / 2 - ownRttMs / 2);
}

const KEPT_SAMPLES = 8;
/** Covers an exchange between two servers of up to 400 ms, and a garbage collection. */
const SYNC_LEAD_MS = 200;
