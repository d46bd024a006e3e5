import type { LogFields, LogLevel } from "../ops/mod.ts";
import type { Endpoint, SharedResponder } from "../protocol/mod.ts";
import type { LentSocket } from "../transport/mod.ts";
import type { WorkerMemory } from "./worker_memory.ts";

/** What the server's thread tells a worker: to begin, to go by another policy, to stop. */
export type WorkerOrder =
  | ServeOrder
  | { readonly order: "change"; readonly responder: SharedResponder }
  | { readonly order: "stop" };

/** Which sockets to serve, and how. */
export interface ServeOrder {
  /** What is to be done. */
  readonly order: "serve";
  /** The sockets; those of one inner list answer for each other. */
  readonly groups: readonly (readonly LentEndpoint[])[];
  /** What the responder is made of. */
  readonly responder: SharedResponder;
  /** Where to count. */
  readonly memory: WorkerMemory;
  /** What the server's clock shows, in ms: that of a worker begins with the worker. */
  readonly now: number;
  /** Which lines of the log are wanted. */
  readonly logLevels: readonly LogLevel[];
  /** Whether samples of latency are wanted. */
  readonly measures: boolean;
}

/** An endpoint and its socket. */
export interface LentEndpoint extends Endpoint {
  /** What it serves. */
  readonly transport: "udp";
  /** The socket. */
  readonly lent: LentSocket;
}

/** What a worker tells the server's thread. */
export type WorkerReport =
  /** It waits for orders. */
  | { readonly report: "loaded" }
  /** It answers. */
  | { readonly report: "serving" }
  | {
    readonly report: "log";
    readonly level: LogLevel;
    readonly message: string;
    readonly fields: LogFields;
  }
  /** A sample of how long answering took. */
  | { readonly report: "latency"; readonly seconds: number }
  /** It cannot go on, for a mistake of ours. */
  | { readonly report: "failed"; readonly reason: string }
  /** What had been read is answered; it uses no socket any more. */
  | { readonly report: "stopped" };
