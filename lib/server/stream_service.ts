import type { Endpoint, StunResponder } from "../protocol/mod.ts";
import { type Clock, type Logger, ThrottledLogger } from "../ops/mod.ts";
import { AcceptError, type StreamConnection, type StreamListener } from "../transport/mod.ts";
import { formatIp } from "../wire/mod.ts";
import { StreamSession, type StreamTimeouts } from "./stream_session.ts";

/** One listening TCP or TLS socket of the server. */
export interface StreamEndpoint extends Endpoint {
  /** Its socket. */
  readonly listener: StreamListener;
}

/** How much strangers may take. */
export interface StreamLimits {
  /** Open connections in all. */
  readonly maxConnections: number;
  /** Open connections of one address: an IPv4 address, an IPv6 /64. */
  readonly maxConnectionsPerAddress: number;
  /** The greatest message, in bytes. */
  readonly maxMessageBytes: number;
  /** How long a connection may do nothing useful. */
  readonly timeouts: StreamTimeouts;
}

/** What a {@linkcode StreamService} is made of. */
export interface StreamServiceOptions {
  /** The listening sockets. */
  readonly endpoints: readonly StreamEndpoint[];
  /** Decides the answers. */
  readonly responder: StunResponder;
  /** How much strangers may take. */
  readonly limits: StreamLimits;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
}

/** Accepts connections, within limits, and holds them. */
export class StreamService {
  readonly #options: StreamServiceOptions;
  readonly #warnings: ThrottledLogger;
  readonly #sessions = new Map<StreamSession, Promise<void>>();
  readonly #perAddress = new Map<string, number>();
  #stopSweeping: () => void = () => {};
  #endPause: () => void = () => {};
  #closing = false;
  #loops: Promise<unknown> = Promise.resolve();

  /** Takes the listeners over; they are closed with the service. */
  constructor(options: StreamServiceOptions) {
    this.#options = options;
    this.#warnings = new ThrottledLogger(options);
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Begins to accept. */
  start(): void {
    this.#loops = Promise.all(this.#options.endpoints.map((endpoint) => this.#accept(endpoint)));
    this.#sweep();
  }

  /** Stops accepting; resolves when what had been read is answered and all connections are closed. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#stopSweeping();
    this.#endPause();
    for (const { listener } of this.#options.endpoints) listener.close();
    for (const session of this.#sessions.keys()) session.stop();
    const { clock } = this.#options;
    const patience = clock.setTimer(CLOSE_PATIENCE_MS, () => {
      for (const session of this.#sessions.keys()) session.expire(Infinity);
    });
    await Promise.all([this.#loops, ...this.#sessions.values()]);
    patience();
  }

  async #accept(endpoint: StreamEndpoint): Promise<void> {
    while (!this.#closing) {
      try {
        const connection = await endpoint.listener.accept();
        if (connection === undefined) return;
        this.#admit(connection, endpoint);
      } catch (error) {
        this.#warnings.warn("cannot accept connections", { error });
        if (error instanceof AcceptError && !error.transient) return;
        // Out of file descriptors, most often: held connections go on, new ones wait a moment
        await this.#pause();
      }
    }
  }

  #admit(connection: StreamConnection, endpoint: StreamEndpoint): void {
    const { limits, responder, clock, logger } = this.#options;
    const key = addressKey(connection.remoteAddress.ip);
    const ofAddress = this.#perAddress.get(key) ?? 0;
    if (this.#sessions.size >= limits.maxConnections) {
      this.#warnings.warn("connection refused: too many connections", {
        limit: limits.maxConnections,
      });
      return connection.close();
    }
    if (ofAddress >= limits.maxConnectionsPerAddress) {
      this.#warnings.warn("connection refused: too many connections of one address", {
        limit: limits.maxConnectionsPerAddress,
      });
      return connection.close();
    }
    const { timeouts, maxMessageBytes } = limits;
    const session = new StreamSession({
      connection,
      endpoint,
      responder,
      timeouts,
      maxMessageBytes,
      clock,
      logger,
    });
    this.#perAddress.set(key, ofAddress + 1);
    this.#sessions.set(
      session,
      session.run().finally(() => {
        this.#sessions.delete(session);
        const left = this.#perAddress.get(key)! - 1;
        if (left > 0) this.#perAddress.set(key, left);
        else this.#perAddress.delete(key);
      }),
    );
  }

  /** One timer for all connections: thousands of timers would cost more than the connections do. */
  #sweep(): void {
    const { clock } = this.#options;
    this.#stopSweeping = clock.setTimer(SWEEP_MS, () => {
      const now = clock.now();
      for (const session of this.#sessions.keys()) session.expire(now);
      this.#sweep();
    });
  }

  #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.setTimer(ACCEPT_PAUSE_MS, resolve);
    this.#endPause = () => {
      cancel();
      resolve();
    };
    return promise;
  }
}

/** An IPv4 address, or the /64 that one IPv6 customer can use as he likes. */
function addressKey(ip: Uint8Array): string {
  return ip.length === 4 ? formatIp(ip) : ip.subarray(0, 8).toHex();
}

/** How exact timeouts are. */
const SWEEP_MS = 1000;
/** How long to wait when the system refuses to accept; long enough not to spin. */
const ACCEPT_PAUSE_MS = 100;
/** How long a stopping server waits for clients to take their last answers. */
const CLOSE_PATIENCE_MS = 5000;
