import type { Clock } from "../ops/mod.ts";
import { ConnectionError, type StreamConnection } from "../transport/mod.ts";

/**
 * How a {@linkcode StreamForward} ended: both sides have said all that they had to say, one of them
 * broke, the first one was silent for too long, or it was given up.
 */
export type StreamForwardEnd = "finished" | "broken" | "idle" | "aborted";

/** A byte stream, whoever its ends are: a connection, or what goes in and out of a process. */
export type ForwardableStream = Pick<StreamConnection, "read" | "write" | "closeWrite" | "close">;

/** What a {@linkcode StreamForward} may be given beside the connections. */
export interface StreamForwardOptions {
  /** Closes both connections. */
  readonly signal?: AbortSignal | undefined;
  /**
   * For how many ms the first connection may say nothing once the second one has said all. Else a
   * stranger who keeps his end open holds the forward for ever, after the service is done with him.
   *
   * @default {undefined} for as long as it likes
   */
  readonly linger?: { readonly ms: number; readonly clock: Clock } | undefined;
}

/**
 * Two connections joined: what one sends the other gets, both ways, and a FIN goes on as a FIN while
 * the other direction lives. A chunk is read only when the last one has been written, so a peer that
 * does not read makes the other one wait, and nothing grows. It owns the connections: when it has
 * ended, both are closed. A reset is passed on as a close, which is all that sockets can do.
 */
export class StreamForward {
  /** Resolves once both connections are closed; never rejects. */
  readonly ended: Promise<StreamForwardEnd>;
  readonly #one: ForwardableStream;
  readonly #other: ForwardableStream;
  readonly #linger: StreamForwardOptions["linger"];
  #thereBytes = 0;
  #backBytes = 0;
  #broken = false;
  /** Why this side closed both, if it did. */
  #given: "idle" | "aborted" | undefined;
  #cancelLinger = () => {};

  /** Joins two connections of which nobody else reads, or writes to, from now on. */
  constructor(
    one: ForwardableStream,
    other: ForwardableStream,
    options: StreamForwardOptions = {},
  ) {
    this.#one = one;
    this.#other = other;
    this.#linger = options.linger;
    this.ended = this.#run(options.signal);
  }

  /** How many bytes of the first connection the second one has taken so far. */
  get thereBytes(): number {
    return this.#thereBytes;
  }

  /** How many bytes of the second connection the first one has taken so far. */
  get backBytes(): number {
    return this.#backBytes;
  }

  async #run(signal: AbortSignal | undefined): Promise<StreamForwardEnd> {
    const abort = () => this.#giveUp("aborted");
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await Promise.all([
        this.#pump(this.#one, this.#other, (count) => this.#thereBytes += count),
        this.#pump(this.#other, this.#one, (count) => this.#backBytes += count)
          .then(() => this.#lingerOn()),
      ]);
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#cancelLinger();
      this.#close();
    }
    return this.#given ?? (this.#broken ? "broken" : "finished");
  }

  /** Gives the first one so much time, again and again while it says something. */
  #lingerOn(): void {
    if (this.#linger === undefined) return;
    const { ms, clock } = this.#linger;
    const heardBytes = this.#thereBytes;
    this.#cancelLinger = clock.setTimer(ms, () => {
      if (this.#thereBytes === heardBytes) this.#giveUp("idle");
      else this.#lingerOn();
    });
  }

  #giveUp(why: "idle" | "aborted"): void {
    this.#given = why;
    this.#close();
  }

  async #pump(
    from: ForwardableStream,
    to: ForwardableStream,
    count: (bytes: number) => void,
  ): Promise<void> {
    try {
      for (;;) {
        const bytes = await this.#read(from);
        if (bytes === undefined) break;
        await to.write(bytes);
        count(bytes.length);
      }
      await to.closeWrite();
    } catch (error) {
      // A mistake of ours must not pass for a broken connection
      if (!(error instanceof ConnectionError)) throw error;
      // Who takes nothing any more may have answered before: its own pump reads that to the end
      this.#broken = true;
    }
  }

  /** Who can no longer be read is gone, and there is nobody left to write for. */
  async #read(from: ForwardableStream): Promise<Uint8Array | undefined> {
    try {
      return await from.read();
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  #close(): void {
    this.#one.close();
    this.#other.close();
  }
}
