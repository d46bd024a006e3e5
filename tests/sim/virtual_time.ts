/** A clock that stands still until it is told to move, and the timers that ring as it does. */
export class VirtualTime {
  /** A binary heap, the earliest first. */
  readonly #queue: Timer[] = [];
  #now = 0;
  #set = 0;

  /** ms since the clock was made. */
  get now(): number {
    return this.#now;
  }

  /**
   * Calls `callback` in `ms`; those of one moment in the order in which they were set. Returns what
   * calls the timer off.
   *
   * @throws {RangeError} If `ms` is not a finite number of 0 or more.
   */
  setTimer(ms: number, callback: () => void): () => void {
    if (!(ms >= 0 && ms < Infinity)) {
      throw new RangeError(`Cannot set a timer: it is to ring in ${ms} ms, wanted 0 or more`);
    }
    const timer: Timer = { at: this.#now + ms, order: this.#set++, callback };
    this.#push(timer);
    return () => void (timer.callback = undefined);
  }

  /** When the next timer rings; undefined if none is set. */
  get next(): number | undefined {
    while (this.#queue[0] !== undefined && this.#queue[0].callback === undefined) this.#pop();
    return this.#queue[0]?.at;
  }

  /** Moves on to the next timer and rings it. Returns whether there was one. */
  step(): boolean {
    if (this.next === undefined) return false;
    const { at, callback } = this.#pop()!;
    this.#now = at;
    callback!();
    return true;
  }

  /** Rings every timer up to `untilMs`, that moment included; then it is `untilMs`. */
  run(untilMs: number): void {
    while ((this.next ?? Infinity) <= untilMs) this.step();
    this.#now = Math.max(this.#now, untilMs);
  }

  /**
   * Rings timers until `done` says so, which is asked before the first and after each; stops at
   * `limitMs` otherwise. Returns whether it was done.
   */
  runUntil(done: () => boolean, limitMs: number): boolean {
    while (!done()) {
      if ((this.next ?? Infinity) > limitMs) {
        this.#now = Math.max(this.#now, limitMs);
        return false;
      }
      this.step();
    }
    return true;
  }

  #push(timer: Timer): void {
    const queue = this.#queue;
    let at = queue.length;
    queue.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, queue[parent]!)) break;
      queue[at] = queue[parent]!;
      at = parent;
    }
    queue[at] = timer;
  }

  #pop(): Timer | undefined {
    const queue = this.#queue;
    const first = queue[0];
    const last = queue.pop();
    if (last === undefined || queue.length === 0) return first;
    let at = 0;
    for (let child = 1; child < queue.length; child = 2 * at + 1) {
      if (child + 1 < queue.length && isBefore(queue[child + 1]!, queue[child]!)) child++;
      if (!isBefore(queue[child]!, last)) break;
      queue[at] = queue[child]!;
      at = child;
    }
    queue[at] = last;
    return first;
  }
}

interface Timer {
  readonly at: number;
  readonly order: number;
  /** Gone once the timer is called off. */
  callback: (() => void) | undefined;
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
