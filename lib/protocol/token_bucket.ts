/** How fast a budget fills and how much it holds. */
export interface TokenBucketOptions {
  /** Tokens that come back each second; above 0, fractions allowed (0.1 is one in ten seconds). */
  readonly ratePerSecond: number;
  /** Tokens that a bucket holds when full, that is, the longest burst; at least 1. */
  readonly burst: number;
}

/**
 * One token bucket: what a whole server may spend on something, whoever asks. A bucket starts full.
 * For a budget per source see {@linkcode RateLimiter}.
 */
export class TokenBucket {
  readonly #ratePerSecond: number;
  readonly #burst: number;
  /** The moment, counted in tokens, at which the bucket is full again: see {@linkcode allow}. */
  #fullAt = -Infinity;

  /**
   * Makes a full bucket.
   *
   * @throws {RangeError} If the rate is not above 0 or the burst is below 1.
   */
  constructor(options: TokenBucketOptions) {
    checkTokenBucketOptions("Cannot make a token bucket", options);
    this.#ratePerSecond = options.ratePerSecond;
    this.#burst = options.burst;
  }

  /**
   * Takes a token if there is one, and says whether there was. `now` is in milliseconds of a clock
   * that does not run backwards; if it does all the same, no token comes back until it has caught up.
   */
  allow(now: number): boolean {
    // Time is counted in tokens, so that spending adds exactly 1: with a full bucket at `fullAt`,
    // burst - (fullAt - clock) tokens are left. One number says it all, and nothing has to tick.
    const clock = (now * this.#ratePerSecond) / 1000;
    const fullAt = Math.max(this.#fullAt, clock) + 1;
    if (fullAt - clock > this.#burst) return false;
    this.#fullAt = fullAt;
    return true;
  }
}

/**
 * Checks the rate and the burst of a bucket; `attempt` begins the error message.
 *
 * @throws {RangeError} If the rate is not above 0 or the burst is below 1, or one is not finite.
 */
export function checkTokenBucketOptions(attempt: string, options: TokenBucketOptions): void {
  const { ratePerSecond, burst } = options;
  if (!(ratePerSecond > 0 && Number.isFinite(ratePerSecond))) {
    throw new RangeError(`${attempt}: the rate is ${ratePerSecond} per second, wanted more than 0`);
  }
  if (!(burst >= 1 && Number.isFinite(burst))) {
    throw new RangeError(`${attempt}: the burst is ${burst}, wanted at least 1`);
  }
}
