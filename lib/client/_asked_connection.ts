import type { Clock } from "../ops/mod.ts";
import { ClientTransaction } from "../protocol/mod.ts";
import { ConnectionError, type StreamConnection } from "../transport/mod.ts";
import { formatSocketAddress, type StunMessage, StunStreamFramer } from "../wire/mod.ts";
import { QueryError } from "./query_error.ts";
import { TransactionRun } from "./transaction_run.ts";

/** How a question is asked. */
export interface AskedConnectionOptions {
  /** ms to wait for the answer. */
  readonly timeoutMs: number;
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives it up. */
  readonly signal: AbortSignal | undefined;
}

/** An answer that came over a connection. */
export interface ConnectionAnswer {
  /** The message. */
  readonly response: StunMessage;
  /** ms from the question to it. */
  readonly rttMs: number;
}

/** A connection that stays open while requests are sent over it, several at a time if need be. */
export class AskedConnection implements AsyncDisposable {
  readonly #stream: StreamConnection;
  readonly #runs = new Set<TransactionRun>();
  readonly #reading: Promise<void>;
  #over = false;

  /** Takes a connection over. */
  constructor(stream: StreamConnection) {
    this.#stream = stream;
    this.#reading = this.#read();
  }

  /** Asks; undefined if there is no answer in time, or will be none, or it is given up. */
  async ask(
    request: Uint8Array,
    options: AskedConnectionOptions,
  ): Promise<ConnectionAnswer | undefined> {
    if (this.#over) return undefined;
    const { timeoutMs, clock, signal } = options;
    const server = this.#stream.remoteAddress;
    const run = new TransactionRun({
      transaction: new ClientTransaction({ request, server, reliable: true, timeoutMs }),
      send: (bytes) => void this.#stream.write(bytes).catch((error) => this.#end(error)),
      clock,
      signal,
    });
    this.#runs.add(run);
    try {
      const outcome = await run.outcome;
      if (outcome.kind !== "answered") return undefined;
      return { response: outcome.response, rttMs: outcome.rttMs };
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof QueryError) return undefined;
      throw error;
    } finally {
      this.#runs.delete(run);
    }
  }

  /** Closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.close();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const framer = new StunStreamFramer();
    const server = this.#stream.remoteAddress;
    let reason = "the server closed the connection";
    try {
      for (;;) {
        const chunk = await this.#stream.read();
        if (chunk === undefined) break;
        const { frames, failure } = framer.push(chunk);
        for (const frame of frames) {
          for (const run of this.#runs) run.receive(frame, server);
        }
        if (failure === undefined) continue;
        reason = failure.reason;
        break;
      }
    } catch (error) {
      return this.#end(error);
    }
    const message = `Cannot ask ${formatSocketAddress(server)}: ${reason}`;
    this.#end(new QueryError(message, { code: "closed" }));
  }

  #end(error: unknown): void {
    this.#over = true;
    for (const run of this.#runs) run.fail(error);
  }
}
