import type { Clock } from "../../lib/ops/mod.ts";

/** A clock whose hands only the test moves. It begins at 0 ms. */
export class VirtualClock implements Clock {
  readonly #timers = new Map<symbol, Timer>();
  #now = 0;
  #onTimer: (() => void)[] = [];

  /** Milliseconds since the clock was made, as far as the test has moved it. */
  now(): number {
    return this.#now;
  }

  /** As {@linkcode VirtualClock.now}, counted from 2026-01-01T00:00:00Z. */
  wallTime(): number {
    return Date.UTC(2026, 0, 1) + this.#now;
  }

  /** Calls `callback` when the test has moved the hands that far. */
  setTimer(ms: number, callback: () => void): () => void {
    const key = Symbol();
    this.#timers.set(key, { at: this.#now + ms, callback });
    for (const wake of this.#onTimer.splice(0)) wake();
    return () => void this.#timers.delete(key);
  }

  /** When the timers that are set will ring, the next first. */
  get timers(): readonly number[] {
    return [...this.#timers.values()].map(({ at }) => at).sort((a, b) => a - b);
  }

  /** Moves the hands on, and rings every timer on the way at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      const [key, { at, callback }] = next;
      this.#timers.delete(key);
      this.#now = Math.max(this.#now, at);
      callback();
    }
    this.#now = end;
  }

  /** Resolves as soon as a timer is set that rings at `at`. */
  async untilTimer(at: number): Promise<void> {
    while (!this.timers.includes(at)) {
      await new Promise<void>((resolve) => this.#onTimer.push(resolve));
    }
  }

  #next(end: number): readonly [symbol, Timer] | undefined {
    return [...this.#timers].filter(([, { at }]) => at <= end)
      .sort(([, a], [, b]) => a.at - b.at)[0];
  }
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}
