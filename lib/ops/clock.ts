/** What time it is, and a wake-up call: passed in, so that tests can hold the hands. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back, whatever happens to the date. */
  now(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z, as this host's date has it. */
  wallTime(): number;
  /**
   * Calls `callback` once, `ms` milliseconds from now. Returns a function that calls it off, which
   * may be called at any time and more than once.
   *
   * @throws {RangeError} If `ms` is not a number.
   */
  setTimer(ms: number, callback: () => void): () => void;
}

/** The clock of this host. A timer that is running keeps the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer,
};

function setTimer(ms: number, callback: () => void): () => void {
  if (Number.isNaN(ms)) {
    throw new RangeError(`Cannot set a timer: found ${ms}, wanted milliseconds`);
  }
  let timer: ReturnType<typeof setTimeout>;
  const arm = (left: number) => {
    timer = left > MAX_TIMEOUT_MS
      ? setTimeout(() => arm(left - MAX_TIMEOUT_MS), MAX_TIMEOUT_MS)
      : setTimeout(callback, left);
  };
  arm(ms);
  return () => clearTimeout(timer);
}

/** A longer `setTimeout` (24.8 days) would overflow and fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
