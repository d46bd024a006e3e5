import { concat } from "@std/bytes";
import type { Endpoint, StunResponder } from "../protocol/mod.ts";
import type { Clock, Logger } from "../ops/mod.ts";
import { ConnectionError, type StreamConnection } from "../transport/mod.ts";
import { StunStreamFramer } from "../wire/mod.ts";

/** How long a connection may do nothing useful, each in ms. */
export interface StreamTimeouts {
  /** Between two messages. */
  readonly idleMs: number;
  /** For a message that has begun. */
  readonly partialMs: number;
  /** For the client to take an answer. */
  readonly writeMs: number;
}

/** What a {@linkcode StreamSession} is made of. */
export interface StreamSessionOptions {
  /** The connection; closed with the session. */
  readonly connection: StreamConnection;
  /** The socket that accepted it. */
  readonly endpoint: Endpoint;
  /** Decides the answers. */
  readonly responder: StunResponder;
  /** How long it may do nothing useful. */
  readonly timeouts: StreamTimeouts;
  /** The greatest message, in bytes. */
  readonly maxMessageBytes: number;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
}

/**
 * One TCP or TLS connection: answers its messages in order, those of one read in one write, and
 * lives for as long as its client uses it (RFC 8489 section 6.2.2). Its age does not matter.
 */
export class StreamSession {
  readonly #options: StreamSessionOptions;
  readonly #framer: StunStreamFramer;
  #deadline: number;
  #partialSince: number | undefined;
  #stopping = false;
  #busy = false;

  /** Takes the connection over. */
  constructor(options: StreamSessionOptions) {
    this.#options = options;
    this.#framer = new StunStreamFramer({ maxMessageBytes: options.maxMessageBytes });
    this.#deadline = options.clock.now() + options.timeouts.idleMs;
  }

  /** Serves the connection until either side has had enough. Never rejects. */
  async run(): Promise<void> {
    const { connection, logger } = this.#options;
    try {
      await this.#serve();
      // FIN, so that the client reads the last answer; a reset could overtake it
      await connection.closeWrite();
    } catch (error) {
      // The client is gone, or something of ours is wrong with this connection: the others go on
      if (error instanceof ConnectionError) logger.debug("connection lost", { error });
      else logger.error("connection failed", { error });
    } finally {
      connection.close();
    }
  }

  /** Closes the connection if its time is up. Returns whether it was. */
  expire(now: number): boolean {
    if (now < this.#deadline) return false;
    this.#options.connection.close();
    return true;
  }

  /** Ends the session as soon as what has been read is answered. */
  stop(): void {
    this.#stopping = true;
    if (!this.#busy) this.#options.connection.close();
  }

  async #serve(): Promise<void> {
    const { connection, timeouts, clock } = this.#options;
    while (!this.#stopping) {
      const chunk = await connection.read();
      if (chunk === undefined) return;
      this.#busy = true;
      const { frames, failure } = this.#framer.push(chunk);
      const replies = frames.map((frame) => this.#answer(frame)).filter((reply) =>
        reply !== undefined
      );
      if (replies.length > 0) {
        // A client that asks and never reads fills the socket's buffer and then waits here: what it
        // can make us hold is the answers to one read
        this.#deadline = clock.now() + timeouts.writeMs;
        await connection.write(replies.length === 1 ? replies[0]! : concat(replies));
      }
      this.#busy = false;
      if (failure !== undefined) return;
      this.#prolong(frames.length > 0);
    }
  }

  #answer(bytes: Uint8Array): Uint8Array | undefined {
    const { responder, connection, endpoint, clock } = this.#options;
    const source = connection.remoteAddress;
    return responder.handle({
      bytes,
      source,
      endpoint,
      now: clock.now(),
      wallTime: clock.wallTime(),
    })?.bytes;
  }

  /** A message starts the idle timeout anew; a byte here and there does not. */
  #prolong(gotMessage: boolean): void {
    const { timeouts, clock } = this.#options;
    const now = clock.now();
    if (gotMessage || this.#partialSince === undefined) this.#partialSince = now;
    if (this.#framer.pendingBytes > 0) {
      this.#deadline = this.#partialSince + timeouts.partialMs;
    } else {
      this.#partialSince = undefined;
      this.#deadline = now + timeouts.idleMs;
    }
  }
}
