import type { Clock } from "../ops/mod.ts";
import { mostTelling, QueryError } from "./query_error.ts";

/** One of several ways to an answer; it ends soon after its signal is aborted. */
export type Attempt<T> = (signal: AbortSignal) => Promise<T>;

/** How a {@linkcode staggeredRace} is run. */
export interface StaggeredRaceOptions {
  /** ms without an answer after which the next attempt begins; it does so at once after a failure. */
  readonly delayMs: number;
  /** When no attempt begins any more, by the clock. */
  readonly deadline: number;
  /** Gives all attempts up. */
  readonly signal: AbortSignal | undefined;
  /** Tells the time. */
  readonly clock: Clock;
}

/**
 * Makes attempts in their order, each a little after the one before, until the first succeeds; the
 * others are given up, and have ended when this returns (RFC 8305 section 5).
 *
 * @throws {QueryError} The failure that tells most, if all have failed (as a rejection). An error of
 * another kind ends the race at once.
 */
export async function staggeredRace<T>(
  attempts: readonly Attempt<T>[],
  options: StaggeredRaceOptions,
): Promise<T> {
  const { delayMs, deadline, signal, clock } = options;
  const end = Promise.withResolvers<T>();
  const losers = new AbortController();
  const giveUp = () => losers.abort(signal?.reason);
  const running = new Set<Promise<void>>();
  const errors: QueryError[] = [];
  let next = 0;
  let cancelTimer = () => {};
  const begin = () => {
    cancelTimer();
    const index = next++;
    const run = attempts[index]!(losers.signal).then(end.resolve, (error) => {
      running.delete(run);
      if (!(error instanceof QueryError)) return end.reject(error);
      errors[index] = error;
      const more = next < attempts.length && clock.now() < deadline && !losers.signal.aborted;
      if (more) begin();
      else if (running.size === 0) end.reject(mostTelling(errors));
    });
    running.add(run);
    const isTime = clock.now() + delayMs < deadline;
    if (next < attempts.length && isTime) cancelTimer = clock.setTimer(delayMs, begin);
  };
  if (signal?.aborted) giveUp();
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    begin();
    return await end.promise;
  } finally {
    cancelTimer();
    signal?.removeEventListener("abort", giveUp);
    losers.abort();
    await Promise.all(running);
  }
}
