/** What has arrived and nobody has taken yet: so many and no more. */
export class CappedQueue<T> implements AsyncIterable<T> {
  readonly #cap: number;
  readonly #items: T[] = [];
  readonly #waiting: PromiseWithResolvers<IteratorResult<T, undefined>>[] = [];
  #end: { readonly error: Error | undefined } | undefined;

  /** Makes an empty one. */
  constructor(cap: number) {
    this.#cap = cap;
  }

  /** How many are waiting to be taken. */
  get size(): number {
    return this.#items.length;
  }

  /** Adds one; returns whether there was room for it, and the queue has not ended. */
  push(item: T): boolean {
    if (this.#end !== undefined) return false;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: item });
      return true;
    }
    if (this.#items.length >= this.#cap) return false;
    this.#items.push(item);
    return true;
  }

  /** Ends it, and all iterations with it, with an error or without; returns what nobody has taken. */
  end(error?: Error): readonly T[] {
    this.#end ??= { error };
    for (const waiting of this.#waiting.splice(0)) {
      if (error === undefined) waiting.resolve({ done: true, value: undefined });
      else waiting.reject(error);
    }
    return this.#items.splice(0);
  }

  /** Takes one after the other. Each goes to one iterator alone; one that is left leaves the rest. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => this.#take(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
  }

  async #take(): Promise<IteratorResult<T, undefined>> {
    if (this.#items.length > 0) return { done: false, value: this.#items.shift()! };
    if (this.#end?.error !== undefined) throw this.#end.error;
    if (this.#end !== undefined) return { done: true, value: undefined };
    const waiting = Promise.withResolvers<IteratorResult<T, undefined>>();
    this.#waiting.push(waiting);
    return await waiting.promise;
  }
}
