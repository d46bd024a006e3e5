import type { Clock } from "../ops/mod.ts";
import type {
  TcpDialFailure,
  TcpPunch,
  TcpPunchAction,
  TcpPunchOutcome,
} from "../protocol/punch/mod.ts";
import {
  AcceptError,
  ConnectionError,
  ListenError,
  LocalPortError,
  type SharedTcpPort,
  type StreamConnection,
} from "../transport/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";

/** What a {@linkcode TcpPunchRun} is made of. */
export interface TcpPunchRunOptions {
  /** What decides. */
  readonly punch: TcpPunch;
  /** The port from which it dials, and on which it listens. */
  readonly port: SharedTcpPort;
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** Carries out over real sockets what a TCP punch decides. */
export class TcpPunchRun implements AsyncDisposable {
  readonly #options: TcpPunchRunOptions;
  readonly #end = Promise.withResolvers<TcpPunchOutcome>();
  readonly #streams = new Map<number, { readonly stream: StreamConnection; close(): void }>();
  readonly #dials = new Map<number, AbortController>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #giveUp = () => this.#end.reject(this.#options.signal.reason);
  #cancelTimer: () => void = () => {};
  /** Whether nothing is to be decided any more, whatever happens. */
  #isOver = false;

  /** Makes a run and lets it begin. */
  constructor(options: TcpPunchRunOptions) {
    this.#options = options;
    const { signal, punch } = options;
    signal.addEventListener("abort", this.#giveUp, { once: true });
    if (signal.aborted) this.#giveUp();
    this.#follow((now) => punch.wake(now));
    this.#spawn(this.#accept());
  }

  /** How it ended; rejects with the signal's reason if it is given up. */
  get outcome(): Promise<TcpPunchOutcome> {
    return this.#end.promise;
  }

  /** The connection of the outcome, which is not the run's any more. */
  take(connection: number): StreamConnection {
    const { stream } = this.#streams.get(connection)!;
    this.#streams.delete(connection);
    return stream;
  }

  /** Closes what has not been taken. The port must have been closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#cancelTimer();
    this.#options.signal.removeEventListener("abort", this.#giveUp);
    for (const dial of this.#dials.values()) dial.abort();
    this.#dials.clear();
    for (const one of this.#streams.values()) one.close();
    this.#streams.clear();
    await Promise.all(this.#tasks);
  }

  #follow(decide: (now: number) => readonly TcpPunchAction[]): void {
    if (this.#isOver) return;
    const { clock, punch } = this.#options;
    const now = clock.now();
    for (const action of decide(now)) this.#carryOut(action);
    this.#cancelTimer();
    const next = punch.nextWake();
    if (next === undefined) {
      this.#isOver = true;
      return this.#end.resolve(punch.outcome!);
    }
    this.#cancelTimer = clock.setTimer(
      Math.max(0, next - now),
      () => this.#follow((now) => punch.wake(now)),
    );
  }

  #carryOut(action: TcpPunchAction): void {
    const { connection } = action;
    switch (action.kind) {
      case "dial":
        return this.#spawn(this.#dial(connection, action.to));
      case "write":
        return this.#spawn(this.#write(connection, action.bytes));
      case "close": {
        this.#dials.get(connection)?.abort();
        this.#dials.delete(connection);
        this.#streams.get(connection)?.close();
        this.#streams.delete(connection);
      }
    }
  }

  async #dial(connection: number, to: SocketAddress): Promise<void> {
    const { port, punch } = this.#options;
    const attempt = new AbortController();
    this.#dials.set(connection, attempt);
    try {
      const stream = await port.connect(to, { signal: attempt.signal });
      if (attempt.signal.aborted) return stream.reset();
      this.#dials.delete(connection);
      // FIN would keep the pair of addresses for a minute, and it is to be dialled again
      this.#streams.set(connection, { stream, close: () => stream.reset() });
      this.#follow((now) => punch.connected(connection, now));
      await this.#read(connection, stream);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#dials.delete(connection);
      if (attempt.signal.aborted) return;
      this.#follow((now) => punch.dialFailed(connection, failureOf(error), now));
    }
  }

  async #accept(): Promise<void> {
    const { port, punch, clock } = this.#options;
    for (;;) {
      try {
        const stream = await port.accept();
        if (stream === undefined) return;
        const connection = punch.accepted(stream.remoteAddress, clock.now());
        if (connection === undefined) {
          stream.close();
          continue;
        }
        this.#streams.set(connection, { stream, close: () => stream.close() });
        this.#follow(() => []);
        this.#spawn(this.#read(connection, stream));
      } catch (error) {
        // Nobody can come any more, but the other side may yet be reached by dialling
        if (error instanceof ListenError) return;
        if (!(error instanceof AcceptError)) throw error;
        if (!error.peerGaveUp) return;
      }
    }
  }

  async #read(connection: number, stream: StreamConnection): Promise<void> {
    const { punch } = this.#options;
    try {
      while (!this.#isOver && this.#streams.has(connection)) {
        const bytes = await stream.read();
        if (bytes === undefined) break;
        this.#follow((now) => punch.received(connection, bytes, now));
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
    this.#follow((now) => punch.ended(connection, now));
  }

  async #write(connection: number, bytes: Uint8Array): Promise<void> {
    try {
      await this.#streams.get(connection)?.stream.write(bytes);
    } catch (error) {
      // Whoever reads from it is told
      if (!(error instanceof ConnectionError)) throw error;
    }
  }

  #spawn(task: Promise<void>): void {
    const watched = task.catch((error) => this.#end.reject(error))
      .finally(() => this.#tasks.delete(watched));
    this.#tasks.add(watched);
  }
}

function failureOf(error: ConnectionError): TcpDialFailure {
  if (error instanceof LocalPortError) return error.problem === "pair-in-use" ? "in-use" : "other";
  switch (error.code) {
    case "refused":
    case "reset":
    case "unreachable":
    case "timed-out":
      return error.code;
    default:
      return "other";
  }
}
