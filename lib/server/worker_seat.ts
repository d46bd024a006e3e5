import type { Clock, Logger, LogLevel } from "../ops/mod.ts";
import type { SharedResponder } from "../protocol/mod.ts";
import { WorkerError } from "./worker_error.ts";
import { makeWorkerMemory, WorkerCounts } from "./worker_memory.ts";
import type { LentEndpoint, WorkerOrder, WorkerReport } from "./worker_order.ts";

/** What a {@linkcode WorkerSeat} is made of. */
export interface WorkerSeatOptions {
  /** Which worker it is, for the log: from 1. */
  readonly number: number;
  /** Lends the sockets that the worker is to serve. */
  readonly lend: () => readonly (readonly LentEndpoint[])[];
  /** What the worker's responder is made of. */
  readonly responder: SharedResponder;
  /** Starts a worker. */
  readonly spawn: () => Worker;
  /** Takes samples of how long answering took, in seconds. */
  readonly onLatency?: ((seconds: number) => void) | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
}

/**
 * The place of one worker: starts it, and another when it fails or shows no sign of life. The first
 * replacement comes at once; one that dies young too is replaced ever more slowly. Meanwhile the
 * requests for its sockets wait there, as many as fit.
 */
export class WorkerSeat {
  /** What its workers have counted so far. */
  readonly counts: WorkerCounts;
  /**
   * Resolves when its first worker answers.
   *
   * @throws {WorkerError} If that one fails instead (as a rejection); another is tried nevertheless.
   */
  readonly serving: Promise<void>;
  readonly #options: WorkerSeatOptions;
  readonly #memory = makeWorkerMemory();
  readonly #first = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #responder: SharedResponder;
  /** What the worker goes by so far. */
  #given: SharedResponder;
  #worker: Worker | undefined;
  #state: "loading" | "serving" | "stopping" = "loading";
  #servingSince = 0;
  #youngDeaths = 0;
  #cancelTimer: () => void = () => {};
  #closing: Promise<void> | undefined;

  /** Makes a seat without a worker. */
  constructor(options: WorkerSeatOptions) {
    this.#options = options;
    this.#responder = options.responder;
    this.#given = options.responder;
    this.counts = new WorkerCounts(this.#memory);
    this.serving = this.#first.promise;
    // Whoever does not ask reads it in the log
    this.serving.catch(() => {});
  }

  /** Starts a worker. */
  start(): void {
    this.#state = "loading";
    const worker = this.#options.spawn();
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<WorkerReport>) => {
      // What a worker had sent before it was given up
      if (worker === this.#worker) this.#hear(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#replace(event.message.split("\n")[0]!);
    };
    this.#watch(this.counts.beats, 0);
  }

  /** Has the worker, and those after it, go by another policy. */
  change(responder: SharedResponder): void {
    this.#responder = responder;
    if (this.#state === "serving") this.#tell();
  }

  /** Stops the worker; resolves when it uses no socket any more. */
  close(): Promise<void> {
    return this.#closing ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#cancelTimer();
    const wasServing = this.#state === "serving";
    this.#state = "stopping";
    if (wasServing) {
      this.#order({ order: "stop" });
      const cancel = this.#options.clock.setTimer(STOP_PATIENCE_MS, this.#stopped.resolve);
      await this.#stopped.promise;
      cancel();
    }
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#first.resolve();
  }

  #hear(report: WorkerReport): void {
    const { logger, onLatency, clock } = this.#options;
    switch (report.report) {
      case "loaded":
        return this.#give();
      case "serving":
        this.#state = "serving";
        this.#servingSince = clock.now();
        // However long it took to load, its silence counts from here
        this.#cancelTimer();
        this.#watch(this.counts.beats, 0);
        this.#tell();
        return this.#first.resolve();
      case "log":
        return logger[report.level](report.message, report.fields);
      case "latency":
        return onLatency?.(report.seconds);
      case "failed":
        return this.#replace(report.reason);
      case "stopped":
        return this.#stopped.resolve();
    }
  }

  #give(): void {
    const { clock, logger, onLatency, lend } = this.#options;
    this.#given = this.#responder;
    try {
      this.#order({
        order: "serve",
        groups: lend(),
        responder: this.#responder,
        memory: this.#memory,
        now: clock.now(),
        logLevels: LOG_LEVELS.filter((level) => logger.isEnabled(level)),
        measures: onLatency !== undefined,
      });
    } catch (error) {
      // Out of file descriptors, most likely
      this.#replace(error instanceof Error ? error.message : String(error));
    }
  }

  /** The policy may have changed while the worker was getting ready. */
  #tell(): void {
    if (this.#given === this.#responder) return;
    this.#given = this.#responder;
    this.#order({ order: "change", responder: this.#responder });
  }

  #order(order: WorkerOrder): void {
    this.#worker?.postMessage(order);
  }

  /** Looks for signs of life: nothing is said of a worker that has ended without a word. */
  #watch(lastBeats: number, missed: number): void {
    this.#cancelTimer = this.#options.clock.setTimer(WATCH_MS, () => {
      const { beats } = this.counts;
      const silent = beats === lastBeats ? missed + 1 : 0;
      // In times missed, not in ms: a host that was suspended has not missed any
      const patience = this.#state === "loading" ? LOAD_PATIENCE : BEAT_PATIENCE;
      if (silent < patience) this.#watch(beats, silent);
      else this.#replace("it shows no sign of life");
    });
  }

  #replace(reason: string): void {
    const { clock, logger, number } = this.#options;
    this.#cancelTimer();
    this.#worker?.terminate();
    this.#worker = undefined;
    if (this.#state === "stopping") return this.#stopped.resolve();
    const age = this.#state === "serving" ? clock.now() - this.#servingSince : 0;
    this.#youngDeaths = age >= OLD_MS ? 0 : this.#youngDeaths;
    const pauseMs = Math.min(FIRST_PAUSE_MS * (2 ** this.#youngDeaths - 1), MAX_PAUSE_MS);
    this.#youngDeaths++;
    this.#state = "loading";
    this.#first.reject(new WorkerError(reason));
    logger.error("a worker has died and is replaced", { worker: number, reason, pauseMs });
    this.#cancelTimer = clock.setTimer(pauseMs, () => this.start());
  }
}

const LOG_LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug", "trace"];
/** A worker that runs beats twice in that time. */
const WATCH_MS = 500;
/** 2 s without a sign: no work of ours takes a tenth of it, on a busy host either. */
const BEAT_PATIENCE = 4;
/** 30 s: loading takes 0.1 s, but a host that is starting has much else to do. */
const LOAD_PATIENCE = 60;
/** A stopping server is to be gone within a second. */
const STOP_PATIENCE_MS = 500;
/** Whatever killed a worker so late is not what will kill the next one at once. */
const OLD_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
