import type { Clock } from "../ops/mod.ts";
import { ClientTransaction } from "../protocol/client/mod.ts";
import { ConnectionError, type StreamConnection } from "../transport/mod.ts";
import {
  formatSocketAddress,
  type SocketAddress,
  type StunMessage,
  StunStreamFramer,
} from "../wire/mod.ts";
import { QueryError } from "./query_error.ts";
import { TransactionRun } from "./transaction_run.ts";

/** How a question is asked over a {@linkcode StunConnection}. */
export interface StunConnectionAskOptions {
  /** ms to wait for the answer. */
  readonly timeoutMs: number;
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer that came over a {@linkcode StunConnection}. */
export interface ConnectionAnswer {
  /** The message. */
  readonly response: StunMessage;
  /** ms from the question to it. */
  readonly rttMs: number;
}

/** Why no more answers will come over a {@linkcode StunConnection}. */
export interface StunConnectionEnd {
  /**
   * `closed`: the server has ended it in good order, or this side has; `broken`: it was reset or the
   * network gave up; `garbage`: the server sent what is not STUN.
   */
  readonly kind: "closed" | "broken" | "garbage";
  /** What happened, as an error that can be thrown. */
  readonly error: QueryError | ConnectionError;
}

/**
 * A connection to a STUN server that stays open while requests are sent over it, several at a time
 * if need be (RFC 8489 section 6.2.2).
 */
export class StunConnection implements AsyncDisposable {
  /** Resolves when no more answers will come. */
  readonly ended: Promise<StunConnectionEnd>;
  readonly #stream: StreamConnection;
  readonly #runs = new Set<TransactionRun>();
  readonly #ending = Promise.withResolvers<StunConnectionEnd>();
  readonly #reading: Promise<void>;
  #end: StunConnectionEnd | undefined;

  /** Takes a connection over. */
  constructor(stream: StreamConnection) {
    this.#stream = stream;
    this.ended = this.#ending.promise;
    this.#reading = this.#read();
  }

  /** This side's end. */
  get localAddress(): SocketAddress {
    return this.#stream.localAddress;
  }

  /** The server's end. */
  get remoteAddress(): SocketAddress {
    return this.#stream.remoteAddress;
  }

  /** Why no more answers will come; undefined while they may. */
  get end(): StunConnectionEnd | undefined {
    return this.#end;
  }

  /** Asks; undefined if there is no answer in time, or will be none, or it is given up. */
  async ask(
    request: Uint8Array,
    options: StunConnectionAskOptions,
  ): Promise<ConnectionAnswer | undefined> {
    if (this.#end !== undefined) return undefined;
    const { timeoutMs, clock, signal } = options;
    const server = this.#stream.remoteAddress;
    const run = new TransactionRun({
      transaction: new ClientTransaction({ request, server, reliable: true, timeoutMs }),
      send: (bytes) => void this.#stream.write(bytes).catch((error) => this.#break(error)),
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
    const name = `Cannot ask ${formatSocketAddress(server)}`;
    try {
      for (;;) {
        const chunk = await this.#stream.read();
        if (chunk === undefined) {
          const error = new QueryError(`${name}: the server closed the connection`, {
            code: "closed",
          });
          return this.#finish({ kind: "closed", error });
        }
        const { frames, failure } = framer.push(chunk);
        for (const frame of frames) {
          for (const run of this.#runs) run.receive(frame, server);
        }
        if (failure === undefined) continue;
        const error = new QueryError(`${name}: ${failure.reason}`, { code: "bad-response" });
        return this.#finish({ kind: "garbage", error });
      }
    } catch (error) {
      this.#break(error);
    }
  }

  #break(error: unknown): void {
    if (!(error instanceof ConnectionError)) throw error;
    this.#finish({ kind: "broken", error });
  }

  #finish(end: StunConnectionEnd): void {
    this.#end ??= end;
    for (const run of this.#runs) run.fail(end.error);
    this.#ending.resolve(end);
  }
}
