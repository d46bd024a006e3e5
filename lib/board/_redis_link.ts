import type { RedisClientType } from "@redis/client";
import type { Clock, Logger } from "../ops/mod.ts";
import { BoardStoreError } from "./board_store.ts";

/** How a {@linkcode RedisLink} connects. */
export interface RedisLinkOptions {
  /** `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss:` for TLS. */
  readonly url: string;
  /** Called when Redis can be reached, at first or again, and everything is to be told to it anew. */
  readonly recover: () => Promise<void>;
  /** Called when that has been done, and Redis can be asked again. */
  readonly onRecovered: () => void;
  /** Called when it can be reached no longer. */
  readonly onLost: () => void;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
}

/**
 * Two connections to one Redis, for commands and for what it publishes. They come back by themselves;
 * a Redis that is connected and does not answer counts as gone too.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #commands: RedisClientType;
  readonly #subscriber: RedisClientType;
  #isAvailable = false;
  /** Whether it has been said, once, that Redis cannot be reached. */
  #isToldLost = false;
  #isClosed = false;
  #recovering: Promise<void> | undefined;

  private constructor(
    options: RedisLinkOptions,
    { commands, subscriber }: {
      readonly commands: RedisClientType;
      readonly subscriber: RedisClientType;
    },
  ) {
    this.#options = options;
    this.#commands = commands;
    this.#subscriber = subscriber;
    for (const client of [commands, subscriber]) {
      client.on("ready", () => void this.recover());
      client.on("error", (error: unknown) => this.#lose(error));
    }
  }

  /** Makes one that does not connect yet. */
  static async load(options: RedisLinkOptions): Promise<RedisLink> {
    // Here and not before: the package is large, and who keeps the board in memory does without
    const { createClient } = await import("@redis/client");
    const client = (): RedisClientType =>
      createClient({
        url: options.url,
        // What waits for a Redis that is gone would grow; who asks is told at once
        disableOfflineQueue: true,
        pingInterval: PATIENCE_MS,
        // Both are none of our business, and would read the environment of the process
        disableClientInfo: true,
        maintNotifications: "disabled",
        socket: {
          connectTimeout: PATIENCE_MS,
          socketTimeout: 3 * PATIENCE_MS,
          // Not with one another: several servers come back to a Redis that has just started
          reconnectStrategy: (retries) =>
            Math.min(100 * 2 ** retries, 2000) * (0.5 + Math.random()),
        },
      }) as RedisClientType;
    return new RedisLink(options, {
      commands: client(),
      subscriber: client(),
    });
  }

  /** Connects, or has tried to once when this resolves, and goes on trying. Never rejects. */
  async connect(): Promise<void> {
    const clients = [this.#commands, this.#subscriber];
    const tried = Promise.withResolvers<void>();
    for (const client of clients) {
      client.once("error", () => tried.resolve());
      client.once("ready", () => clients.every(({ isReady }) => isReady) && tried.resolve());
      // It rejects when the link is closed before Redis was ever there
      client.connect().catch(() => {});
    }
    await tried.promise;
    await this.#recovering;
  }

  /** Whether Redis is there and knows what it has to. */
  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  /**
   * Asks Redis something.
   *
   * @throws {BoardStoreError} If it is not there, or does not answer in time.
   */
  async ask<T>(command: (client: RedisClientType) => Promise<T>): Promise<T> {
    return await this.#within(command(this.#commands));
  }

  /** Hears what is published on a channel. */
  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    await this.#within(this.#subscriber.subscribe(channel, listener));
  }

  /** Hears it no longer. */
  async unsubscribe(channel: string): Promise<void> {
    await this.#within(this.#subscriber.unsubscribe(channel));
  }

  /** Tells Redis everything anew, if it is there; what is under way already is waited for. */
  async recover(): Promise<void> {
    if (this.#isClosed || !this.#commands.isReady || !this.#subscriber.isReady) return;
    await (this.#recovering ??= this.#recover().finally(() => this.#recovering = undefined));
  }

  /** Ends both connections. */
  close(): void {
    this.#isClosed = true;
    this.#isAvailable = false;
    for (const client of [this.#commands, this.#subscriber]) if (client.isOpen) client.destroy();
  }

  async #recover(): Promise<void> {
    try {
      await this.#options.recover();
      if (!this.#isAvailable) this.#options.logger.info("board store connected");
      this.#isAvailable = true;
      this.#isToldLost = false;
      this.#options.onRecovered();
    } catch (error) {
      // The next heartbeat tries again
      if (!(error instanceof BoardStoreError)) throw error;
      this.#lose(error);
    }
  }

  #lose(error: unknown): void {
    if (this.#isClosed || this.#isToldLost) return;
    this.#isToldLost = true;
    const wasAvailable = this.#isAvailable;
    this.#isAvailable = false;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.logger.warn("board store cannot be reached", { reason });
    if (wasAvailable) this.#options.onLost();
  }

  async #within<T>(answer: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const cancel = this.#options.clock.setTimer(
      PATIENCE_MS,
      () => reject(new Error("no answer in time")),
    );
    try {
      return await Promise.race([answer, promise]);
    } catch (cause) {
      answer.catch(() => {});
      const reason = cause instanceof Error ? cause.message : String(cause);
      const error = new BoardStoreError(`Cannot reach the board's Redis: ${reason}`, { cause });
      this.#lose(error);
      throw error;
    } finally {
      cancel();
    }
  }
}

/** Redis answers in less than a millisecond; peers are not to wait long to hear that it does not. */
const PATIENCE_MS = 2000;
