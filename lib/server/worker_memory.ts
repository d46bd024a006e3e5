import { ResponderStatistics, STATISTICS_BYTES } from "../protocol/mod.ts";
import type { Traffic } from "./stream_session.ts";

/**
 * Where one worker counts and the server's thread reads. What has been counted outlives the worker, and
 * its successor goes on from there.
 */
export interface WorkerMemory {
  /** What became of all arrivals, as {@linkcode ResponderStatistics} lays it out. */
  readonly statistics: SharedArrayBuffer;
  /** How many bytes came and went. */
  readonly traffic: SharedArrayBuffer;
  /** How often the worker's event loop has shown a sign of life. */
  readonly beats: SharedArrayBuffer;
}

/** Memory in which nothing has been counted yet. */
export function makeWorkerMemory(): WorkerMemory {
  return {
    statistics: new SharedArrayBuffer(STATISTICS_BYTES),
    traffic: new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT),
    beats: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  };
}

/** A {@linkcode WorkerMemory}, to be counted in by one thread and read by others. */
export class WorkerCounts {
  /** What became of all arrivals. */
  readonly statistics: ResponderStatistics;
  /** How many bytes came and went. */
  readonly traffic: Traffic;
  readonly #beats: Int32Array;

  /** Counts from where the memory stands. */
  constructor(memory: WorkerMemory) {
    this.statistics = new ResponderStatistics(memory.statistics);
    this.traffic = new SharedTraffic(new Float64Array(memory.traffic));
    this.#beats = new Int32Array(memory.beats);
  }

  /** How many signs of life there were; begins again at -2^31. */
  get beats(): number {
    return Atomics.load(this.#beats, 0);
  }

  /** Shows a sign of life. */
  beat(): void {
    Atomics.add(this.#beats, 0, 1);
  }
}

class SharedTraffic implements Traffic {
  readonly #bytes: Float64Array;

  constructor(bytes: Float64Array) {
    this.#bytes = bytes;
  }

  get received(): number {
    return this.#bytes[0]!;
  }

  set received(bytes: number) {
    this.#bytes[0] = bytes;
  }

  get sent(): number {
    return this.#bytes[1]!;
  }

  set sent(bytes: number) {
    this.#bytes[1] = bytes;
  }
}
