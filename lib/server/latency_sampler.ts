import type { Clock } from "../ops/mod.ts";

/** What a {@linkcode LatencySampler} is made of. */
export interface LatencySamplerOptions {
  /** Takes a sample, in seconds. */
  readonly observe: (seconds: number) => void;
  /** Tells the time. */
  readonly clock: Clock;
}

/** Lets one measurement of many through: a clock and a histogram cost more than an answer. */
export class LatencySampler {
  readonly #options: LatencySamplerOptions;
  #count = 0;

  /** Makes a sampler whose first measurement is a sample. */
  constructor(options: LatencySamplerOptions) {
    this.#options = options;
  }

  /** So many messages have been answered since `begun`, the clock's time. */
  answered(messages: number, begun: number): void {
    if (this.#count++ % SAMPLE_EVERY !== 0) return;
    const { observe, clock } = this.#options;
    observe((clock.now() - begun) / 1000 / messages);
  }
}

const SAMPLE_EVERY = 64;
