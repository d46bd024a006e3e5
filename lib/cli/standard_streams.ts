import { ConnectionError } from "../transport/mod.ts";
import type { ForwardableStream } from "../traversal/mod.ts";

/**
 * Standard input and output as one byte stream, from which lines can be read before the rest.
 * {@linkcode StandardStreams.close} ends a read that waits, though the process goes on waiting.
 */
export class StandardStreams implements ForwardableStream {
  readonly #buffer = new Uint8Array(READ_BYTES);
  #rest = new Uint8Array(0);
  #isClosed = false;
  #endRead = () => {};

  /**
   * The next line, without its end; undefined if there is none. What has no end for long is taken
   * for a line too.
   */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(NEWLINE);
      if (end >= 0 || this.#rest.length > MAX_LINE_BYTES) return this.#take(end);
      const more = await this.#next();
      if (more === undefined) return this.#rest.length > 0 ? this.#take(-1) : undefined;
      const joined = new Uint8Array(this.#rest.length + more.length);
      joined.set(this.#rest);
      joined.set(more, this.#rest.length);
      this.#rest = joined;
    }
  }

  /** The next bytes, a view until the next call; undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    this.#rest = new Uint8Array(0);
    return rest.length > 0 ? rest : await this.#next();
  }

  /**
   * Writes all of the bytes.
   *
   * @throws {ConnectionError} If nobody reads them any more (as a rejection).
   */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
    } catch (cause) {
      throw new ConnectionError("Cannot write to standard output: nobody reads it", {
        code: "closed",
        cause,
      });
    }
  }

  /** Lets whoever reads standard output see its end. */
  closeWrite(): Promise<void> {
    Deno.stdout.close();
    return Promise.resolve();
  }

  /** Ends the read that waits. */
  close(): void {
    this.#isClosed = true;
    this.#endRead();
  }

  #take(end: number): string {
    const line = this.#rest.subarray(0, end < 0 ? this.#rest.length : end);
    this.#rest = end < 0 ? new Uint8Array(0) : this.#rest.subarray(end + 1);
    return new TextDecoder().decode(line).trim();
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#isClosed) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    this.#endRead = () => resolve(null);
    Deno.stdin.read(this.#buffer).then(resolve, reject);
    const count = await promise;
    return count === null ? undefined : this.#buffer.subarray(0, count);
  }
}

const NEWLINE = 10;

/** What a terminal takes for a line at the most. */
const MAX_LINE_BYTES = 4_096;

const READ_BYTES = 65_536;
