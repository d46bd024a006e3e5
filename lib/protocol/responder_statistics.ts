import type { AddressFamily, DialBackOutcome } from "../wire/mod.ts";
import type { TransportProtocol } from "./endpoint.ts";

/** What became of an arrival: answered, refused with a code, or dropped for a reason. */
export type ResponderOutcome = typeof OUTCOMES[number];

/** How often something happened. */
export interface OutcomeCount {
  /** What carried the arrivals. */
  readonly transport: TransportProtocol;
  /** The family of their sources. */
  readonly family: AddressFamily;
  /** What became of them. */
  readonly outcome: ResponderOutcome;
  /** How many there were. */
  readonly count: number;
}

/**
 * Counts arrivals by transport, family and outcome, in memory that does not grow, and that another
 * thread can read: its counts are as of a moment ago.
 */
export class ResponderStatistics {
  /** How many dial-backs were asked for and not made, by the outcome that was answered. */
  readonly declinedDialBacks: Map<DialBackOutcome, number> = new Map();
  readonly #counts: Float64Array;

  /**
   * Makes counts of 0, or goes on with those that stand in `memory`, where one thread at a time may
   * count and every thread may read.
   *
   * @throws {RangeError} If `memory` has not {@linkcode STATISTICS_BYTES}.
   */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(STATISTICS_BYTES)) {
    if (memory.byteLength !== STATISTICS_BYTES) {
      throw new RangeError(
        `Cannot count: the memory has ${memory.byteLength} bytes, wanted ${STATISTICS_BYTES}`,
      );
    }
    this.#counts = new Float64Array(memory);
  }

  /** Counts one arrival. */
  add(transport: TransportProtocol, family: AddressFamily, outcome: ResponderOutcome): void {
    const row = TRANSPORTS.indexOf(transport) * 2 + (family === 4 ? 0 : 1);
    this.#counts[row * OUTCOMES.length + OUTCOMES.indexOf(outcome)]!++;
  }

  /** Counts a dial-back that is not made. */
  declineDialBack(outcome: DialBackOutcome): void {
    this.declinedDialBacks.set(outcome, (this.declinedDialBacks.get(outcome) ?? 0) + 1);
  }

  /** These counts and others added up, as they are now. */
  plus(others: readonly ResponderStatistics[]): ResponderStatistics {
    const sum = new ResponderStatistics();
    for (const one of [this, ...others]) {
      for (let at = 0; at < sum.#counts.length; at++) sum.#counts[at]! += one.#counts[at]!;
      for (const [outcome, count] of one.declinedDialBacks) {
        sum.declinedDialBacks.set(outcome, (sum.declinedDialBacks.get(outcome) ?? 0) + count);
      }
    }
    return sum;
  }

  /** All counts that are not zero. */
  *counts(): Generator<OutcomeCount> {
    for (let at = 0; at < this.#counts.length; at++) {
      const count = this.#counts[at]!;
      if (count === 0) continue;
      const row = Math.floor(at / OUTCOMES.length);
      yield {
        transport: TRANSPORTS[row >> 1]!,
        family: row % 2 === 0 ? 4 : 6,
        outcome: OUTCOMES[at % OUTCOMES.length]!,
        count,
      };
    }
  }

  /** How many arrivals had this outcome, over all transports and families. */
  total(outcome: ResponderOutcome): number {
    let sum = 0;
    const column = OUTCOMES.indexOf(outcome);
    for (let at = column; at < this.#counts.length; at += OUTCOMES.length) sum += this.#counts[at]!;
    return sum;
  }
}

const TRANSPORTS: readonly TransportProtocol[] = ["udp", "tcp", "tls"];

/** Every outcome; the words before the first hyphen say which kind it is. */
export const OUTCOMES = [
  "success",
  "error-300",
  "error-400",
  "error-401",
  "error-403",
  "error-420",
  "error-438",
  "error-500",
  "drop-not-stun",
  "drop-bad-fingerprint",
  "drop-not-a-request",
  "drop-unknown-method",
  "drop-own-address",
  "drop-rate-limited",
  "drop-challenge-limited",
] as const;

/** How many bytes of memory the counts take. */
export const STATISTICS_BYTES: number = 8 * TRANSPORTS.length * 2 * OUTCOMES.length;
