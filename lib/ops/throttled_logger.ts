import type { Clock } from "./clock.ts";
import type { LogFields, Logger } from "./logger.ts";

/** What a {@linkcode ThrottledLogger} needs. */
export interface ThrottledLoggerOptions {
  /** Takes the lines that pass. */
  readonly logger: Logger;
  /** Tells the time. */
  readonly clock: Clock;
  /** How many ms lie between two lines of the same message at least. @default {60000} */
  readonly intervalMs?: number;
}

/**
 * Warns of what strangers can cause as often as they like, at most once per interval and message:
 * the line that follows says in `suppressed` how often it happened in between.
 */
export class ThrottledLogger {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #messages = new Map<string, { until: number; suppressed: number }>();

  /** Makes one; messages are told apart by their text, of which a program has few. */
  constructor(options: ThrottledLoggerOptions) {
    this.#logger = options.logger;
    this.#clock = options.clock;
    this.#intervalMs = options.intervalMs ?? 60_000;
  }

  /** Writes a warning, or counts it. */
  warn(message: string, fields: LogFields = {}): void {
    const now = this.#clock.now();
    const last = this.#messages.get(message);
    if (last !== undefined && now < last.until) {
      last.suppressed++;
      return;
    }
    this.#messages.set(message, { until: now + this.#intervalMs, suppressed: 0 });
    const suppressed = last?.suppressed ?? 0;
    this.#logger.warn(message, suppressed === 0 ? fields : { ...fields, suppressed });
  }
}
