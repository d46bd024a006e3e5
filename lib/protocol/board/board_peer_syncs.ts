import type { SyncAnswer, SyncAsk } from "./board_event.ts";
import { BOARD_PATIENCE } from "./board_limits.ts";
import type { BoardOrder } from "./board_order.ts";
import { alignedDelay, RoundTrip, syncDelay } from "./board_sync.ts";

/** The synchronised starts of one peer, and the round trip that they are reckoned with. */
export class PeerSyncs {
  /** The round trip between the peer and this server. */
  readonly roundTrip: RoundTrip = new RoundTrip();
  readonly #self: string;
  /** Whom the peer wants to start with, and when that was asked; the oldest first. */
  readonly #asked = new Map<string, number>();
  /** What has to wait for the first round trip. */
  #waiting: ((rttMs: number, now: number) => BoardOrder[])[] = [];

  /** Makes one for the peer of this name. */
  constructor(self: string) {
    this.#self = self;
  }

  /** The peer wants to start together with another one. */
  start(other: string, now: number): BoardOrder[] {
    return this.#whenMeasured(now, (rttMs, askedAt) => {
      this.#asked.delete(other);
      this.#asked.set(other, askedAt);
      if (this.#asked.size > BOARD_PATIENCE.maxPendingSyncs) {
        this.#asked.delete(this.#asked.keys().next().value!);
      }
      return [{ do: "tell", to: other, event: { type: "sync-ask", from: this.#self, rttMs } }];
    });
  }

  /** Another peer wants to start together with this one. */
  asked({ from, rttMs: otherRttMs }: SyncAsk, now: number): BoardOrder[] {
    return this.#whenMeasured(now, (rttMs, answeredAt) => {
      const delayMs = syncDelay(rttMs, otherRttMs);
      const heldMs = answeredAt - now;
      return [
        { do: "send", message: { type: "sync", with: from, delayMs } },
        {
          do: "tell",
          to: from,
          event: { type: "sync-answer", from: this.#self, rttMs, delayMs, heldMs },
        },
      ];
    });
  }

  /** The other peer has been told; one that was not asked is passed over. */
  answered({ from, rttMs, delayMs, heldMs }: SyncAnswer, now: number): BoardOrder[] {
    const askedAt = this.#asked.get(from);
    const ownRttMs = this.roundTrip.ms;
    if (askedAt === undefined || ownRttMs === undefined) return [];
    this.#asked.delete(from);
    const exchangeMs = Math.max(0, now - askedAt - heldMs);
    const facts = { ownRttMs, otherRttMs: rttMs, otherDelayMs: delayMs, exchangeMs };
    return [{ do: "send", message: { type: "sync", with: from, delayMs: alignedDelay(facts) } }];
  }

  /** A round trip has been measured, in ms. */
  measured(ms: number, now: number): BoardOrder[] {
    this.roundTrip.add(ms);
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting.flatMap((go) => go(this.roundTrip.ms!, now));
  }

  #whenMeasured(now: number, go: (rttMs: number, now: number) => BoardOrder[]): BoardOrder[] {
    const rttMs = this.roundTrip.ms;
    if (rttMs !== undefined) return go(rttMs, now);
    // The first round trip takes less than a second; who asks more than that meanwhile can ask again
    if (this.#waiting.length < BOARD_PATIENCE.maxPendingSyncs) this.#waiting.push(go);
    return [];
  }
}
