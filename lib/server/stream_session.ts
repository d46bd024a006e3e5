import { concat } from "@std/bytes";
import type { Clock, Logger } from "../ops/mod.ts";
import {
  type DialBackOrder,
  type Endpoint,
  ProxyHeaderReader,
  type Reply,
  type StunResponder,
} from "../protocol/mod.ts";
import { ConnectionError, type StreamConnection } from "../transport/mod.ts";
import {
  type DecodeFailure,
  type DialBackOutcome,
  type SocketAddress,
  StunStreamFramer,
} from "../wire/mod.ts";

/** How long a connection may do nothing useful, each in ms. */
export interface StreamTimeouts {
  /** Between two messages. */
  readonly idleMs: number;
  /** For a message, or a PROXY header, that has begun. */
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
  readonly responder: Pick<StunResponder, "handle">;
  /** How long it may do nothing useful. */
  readonly timeouts: StreamTimeouts;
  /** The greatest message, in bytes. */
  readonly maxMessageBytes: number;
  /**
   * Whether the peer is a load balancer that is believed when it says, in a PROXY header, whose
   * connection it is. Called with that client; what it returns is whether to serve it.
   * @default {undefined} the peer is the client
   */
  readonly onProxied?: ((client: SocketAddress) => boolean) | undefined;
  /** Makes a dial-back. */
  readonly dialBack: (order: DialBackOrder, from: StreamConnection) => Promise<DialBackOutcome>;
  /** Counts bytes. */
  readonly traffic: Traffic;
  /** Takes how long answering what was read took, in seconds; dial-backs left out. */
  readonly observe?: ((seconds: number) => void) | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
}

/** How many bytes have been read and written. */
export interface Traffic {
  /** Bytes read. */
  received: number;
  /** Bytes written. */
  sent: number;
}

/**
 * One TCP or TLS connection: answers its messages in order, those of one read in one write, and
 * lives for as long as its client uses it (RFC 8489 section 6.2.2). Its age does not matter.
 */
export class StreamSession {
  readonly #options: StreamSessionOptions;
  readonly #framer: StunStreamFramer;
  #client: SocketAddress | undefined;
  #proxyHeader: ProxyHeaderReader | undefined;
  #deadline: number;
  #partialSince: number | undefined;
  #stopping = false;
  #busy = false;

  /** Takes the connection over. */
  constructor(options: StreamSessionOptions) {
    const { timeouts, clock } = options;
    this.#options = options;
    this.#framer = new StunStreamFramer({ maxMessageBytes: options.maxMessageBytes });
    if (options.onProxied === undefined) {
      this.#client = options.connection.remoteAddress;
      this.#deadline = clock.now() + timeouts.idleMs;
    } else {
      this.#proxyHeader = new ProxyHeaderReader();
      this.#deadline = clock.now() + timeouts.partialMs;
    }
  }

  /** Serves the connection until either side has had enough. Never rejects. */
  async run(): Promise<void> {
    const { connection, logger } = this.#options;
    try {
      await this.#serve();
      // FIN, so that the client reads the last answer; a reset could overtake it
      await connection.closeWrite();
      if (this.#stopping) await this.#linger();
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
    const { connection, logger, traffic } = this.#options;
    while (!this.#stopping) {
      const chunk = await connection.read();
      if (chunk === undefined) return;
      traffic.received += chunk.length;
      this.#busy = true;
      const bytes = this.#client === undefined ? this.#unwrap(chunk) : chunk;
      if (bytes === undefined) return;
      const { steps, gotMessage, failure } = this.#take(bytes);
      for (const step of steps) {
        await (step instanceof Uint8Array ? this.#write(step) : this.#dialBack(step));
      }
      this.#busy = false;
      if (failure !== undefined) {
        logger.debug("connection closed", { reason: failure.reason });
        return;
      }
      this.#prolong(gotMessage);
    }
  }

  /** What follows the PROXY header; undefined where the connection is not to be served. */
  #unwrap(chunk: Uint8Array): Uint8Array | undefined {
    const { connection, onProxied, logger } = this.#options;
    const state = this.#proxyHeader!.push(chunk);
    if (state.state === "need-more") return NOTHING;
    if (state.state === "failed") {
      logger.debug("connection closed", { reason: state.reason });
      return undefined;
    }
    // A balancer's own health check is answered as such. One that cannot say who its client is
    // makes a true answer impossible, and a false one is worse than none
    const client = state.source ?? (state.local ? connection.remoteAddress : undefined);
    if (client === undefined || state.transport === "udp" || !onProxied!(client)) return undefined;
    this.#client = client;
    this.#proxyHeader = undefined;
    return state.rest;
  }

  /**
   * What one read asks for, in order: answers that are ready, those in a row in one write, and
   * dial-backs. The hundreds of small arrays that a full read makes are garbage when this returns: a
   * client that does not take its answers must not hold them, but for their bytes, all the while.
   */
  #take(bytes: Uint8Array): Taken {
    const { frames, failure } = this.#framer.push(bytes);
    const steps: (Uint8Array | DialBackOrder)[] = [];
    let answers: Uint8Array[] = [];
    const flush = () => {
      if (answers.length > 0) steps.push(answers.length === 1 ? answers[0]! : concat(answers));
      answers = [];
    };
    for (const frame of frames) {
      const reply = this.#answer(frame);
      if (reply === undefined) continue;
      if (reply.dialBack === undefined) {
        answers.push(reply.bytes);
        continue;
      }
      // Those before it need not wait for what may take seconds
      flush();
      steps.push(reply.dialBack);
    }
    flush();
    return { steps, gotMessage: frames.length > 0, failure };
  }

  #answer(bytes: Uint8Array): Reply | undefined {
    const { responder, endpoint, clock } = this.#options;
    return responder.handle({
      bytes,
      source: this.#client!,
      endpoint,
      now: clock.now(),
      wallTime: clock.wallTime(),
    });
  }

  async #dialBack(order: DialBackOrder): Promise<void> {
    const { connection, clock, timeouts } = this.#options;
    const begun = clock.now();
    this.#deadline = begun + order.timeoutMs + timeouts.writeMs;
    const outcome = await this.#options.dialBack(order, connection);
    await this.#write(order.answer(outcome, Math.round(clock.now() - begun)));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { connection, timeouts, clock, traffic } = this.#options;
    // A client that asks and never reads fills the socket's buffer and then waits here: what it can
    // make us hold is the answers to one read
    this.#deadline = clock.now() + timeouts.writeMs;
    await connection.write(bytes);
    traffic.sent += bytes.length;
  }

  /**
   * Closing a socket that holds unread bytes resets it. A client that goes on asking while the
   * server stops has a moment to see the FIN.
   */
  async #linger(): Promise<void> {
    const { connection, clock } = this.#options;
    const cancel = clock.setTimer(LINGER_MS, () => connection.close());
    while (await connection.read() !== undefined) continue;
    cancel();
  }

  /** A message starts the idle timeout anew; a byte here and there does not. */
  #prolong(gotMessage: boolean): void {
    const { timeouts, clock } = this.#options;
    const now = clock.now();
    if (this.#client === undefined) return;
    if (gotMessage || this.#partialSince === undefined) this.#partialSince = now;
    if (this.#framer.pendingBytes > 0) {
      this.#deadline = this.#partialSince + timeouts.partialMs;
    } else {
      this.#partialSince = undefined;
      this.#deadline = now + timeouts.idleMs;
    }
  }
}

/** What one read asks for. */
interface Taken {
  /** Bytes to write and dial-backs to make, in order. */
  readonly steps: readonly (Uint8Array | DialBackOrder)[];
  /** Whether a message was completed. */
  readonly gotMessage: boolean;
  /** Why nothing more is to be read. */
  readonly failure: DecodeFailure | undefined;
}

/** About the longest round trip there is. */
const LINGER_MS = 500;

const NOTHING = new Uint8Array(0);
