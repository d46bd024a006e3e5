import type { Clock } from "../ops/mod.ts";

/**
 * Does one thing at a time, and of those that wait only the latest: what came before it is out of
 * date. So neither the number of tasks nor the queue can grow.
 */
export class LatestTask<T> {
  readonly #perform: (value: T, signal: AbortSignal) => Promise<void>;
  readonly #stop = new AbortController();
  #waiting: { readonly value: T } | undefined;
  #running: Promise<void> | undefined;
  #closing = false;

  /** @param perform Does it; never rejects, and ends soon after the signal. */
  constructor(perform: (value: T, signal: AbortSignal) => Promise<void>) {
    this.#perform = perform;
  }

  /** Has something done, now or when the task that runs is over. */
  offer(value: T): void {
    if (this.#closing) return;
    this.#waiting = { value };
    this.#running ??= this.#run();
  }

  /** Begins nothing any more, and gives the task that runs `graceMs` until it is called off. */
  async close(
    { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
  ): Promise<void> {
    this.#closing = true;
    this.#waiting = undefined;
    const cancel = clock.setTimer(graceMs, () => this.#stop.abort());
    await this.#running;
    cancel();
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting; next !== undefined; next = this.#waiting) {
      this.#waiting = undefined;
      await this.#perform(next.value, this.#stop.signal);
    }
    this.#running = undefined;
  }
}
