/**
 * Events that wait for whoever iterates, in their sequence: one consumer at a time. It holds a
 * bounded number of them.
 */
export class EventQueue<T> {
  readonly #max: number;
  readonly #events: T[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  /** Makes an empty one for at most so many events. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Adds an event; false if there is no room, and then it is not added. */
  push(event: T): boolean {
    if (this.#events.length >= this.#max) return false;
    if (this.#end === undefined) this.#events.push(event);
    this.#wake?.();
    return true;
  }

  /** Nothing comes any more: iteration ends, or throws, after what is waiting. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** Takes one event after the other. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    while (true) {
      while (this.#events.length > 0) yield this.#events.shift()!;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }
}
