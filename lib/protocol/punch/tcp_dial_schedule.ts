import type { PunchCandidate } from "./punch_description.ts";

/**
 * Why an attempt to connect came to nothing: an RST (`refused`), a connection that broke off at once
 * (`reset`), an ICMP error or no route (`unreachable`), silence (`timed-out`), a connection between the
 * same two addresses (`in-use`), or something else.
 */
export type TcpDialFailure =
  | "refused"
  | "reset"
  | "unreachable"
  | "timed-out"
  | "in-use"
  | "other";

/** What a {@linkcode TcpDialSchedule} is about. */
export interface TcpDialScheduleOptions {
  /** Whom to dial. */
  readonly candidate: PunchCandidate;
  /** When to dial first, in ms. */
  readonly startsAt: number;
  /** How many times the next attempt may follow a refusal quickly. */
  readonly quickDials: number;
  /** A random number of 0 to below 1. */
  readonly draw: () => number;
}

/**
 * When to dial one address of the other side. Both sides dial each other, and their SYNs have to get
 * past both NATs; what a NAT does with one that comes before its own host's has left differs (RFC 5382
 * section 4.3):
 *
 * - It drops it. So a SYN is left out there, to be sent again by the system: the first one of the other
 *   side that gets through meets it.
 * - It refuses it by RST. Many a NAT at this end forgets the attempt with that, and then the door is
 *   closed again to the other side's SYN. The two have to cross: both must be on their way at a time.
 *   That is more likely the sooner the next attempt follows, in proportion to the time that a packet
 *   takes, and it takes chance to get two sides that miss each other out of step.
 * - It refuses it by ICMP. The NAT at this end takes no notice, and lets the other side's SYN in. If
 *   that is Linux, it wants the answer to fit to this side's last SYN: an attempt has to be under way
 *   when it comes, or the two ports are lost to each other for minutes. So the next one follows at once.
 */
export class TcpDialSchedule {
  /** Whom it is about. */
  readonly candidate: PunchCandidate;
  readonly #draw: () => number;
  #quickDials: number;
  #nextAt: number;
  #dialledAt = 0;
  #dials = 0;

  /** Makes a schedule that begins at its time. */
  constructor({ candidate, startsAt, quickDials, draw }: TcpDialScheduleOptions) {
    this.candidate = candidate;
    this.#draw = draw;
    this.#nextAt = startsAt;
    this.#quickDials = quickDials;
  }

  /** How often it has been dialled. */
  get dials(): number {
    return this.#dials;
  }

  /** When to dial, in ms; while there is a connection or an attempt at one, it does not count. */
  get nextAt(): number {
    return this.#nextAt;
  }

  /** An attempt begins. */
  begin(now: number): void {
    this.#dials++;
    this.#dialledAt = now;
  }

  /** The attempt, or the connection that it has led to, is over; the next one is to follow. */
  fail(why: TcpDialFailure, now: number): void {
    this.#nextAt = now + this.#pause(why, now - this.#dialledAt);
  }

  #pause(why: TcpDialFailure, tookMs: number): number {
    const isRefusal = why === "refused" || why === "reset" || why === "unreachable";
    if (!isRefusal || this.#quickDials === 0) {
      return LEAST_PAUSE_MS + this.#draw() * (MOST_PAUSE_MS - LEAST_PAUSE_MS);
    }
    this.#quickDials--;
    if (why === "unreachable") return Math.max(0, LEAST_SPREAD_MS / 2 - tookMs);
    return this.#draw() * Math.min(Math.max(4 * tookMs, LEAST_SPREAD_MS), MOST_SPREAD_MS);
  }
}

/** For what a moment does not change, and once quick attempts have been in vain. */
const LEAST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 1000;

/** Longer than this no pause is quick, however long a refusal takes. */
const MOST_SPREAD_MS = 300;

/** Between two computers in one room, where a refusal takes no time at all: some 100 attempts a second. */
const LEAST_SPREAD_MS = 16;
