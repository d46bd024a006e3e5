/**
 * The program of a worker: one of the threads that serve UDP for a `StunServer` with `workers`. It is
 * loaded by `new Worker()` and by nobody else, obeys {@linkcode WorkerOrder} and answers with
 * {@linkcode WorkerReport}.
 *
 * A worker has all permissions of the program that starts it: to give it fewer, Deno wants a flag
 * (`--unstable-worker-options`) of the user, and whatever a worker gives up by itself is taken from
 * the whole program. It uses `--allow-ffi` alone; to load it takes `--allow-read` for the files of
 * this package, where they are local ones.
 *
 * @module
 */
import { type Clock, type Logger, type LogLevel, systemClock } from "../ops/mod.ts";
import { joinResponder, type SharedResponder, StunResponder } from "../protocol/mod.ts";
import { chooseDatagramIo } from "../transport/mod.ts";
import { DatagramService } from "./datagram_service.ts";
import { LatencySampler } from "./latency_sampler.ts";
import { WorkerCounts } from "./worker_memory.ts";
import type { ServeOrder, WorkerOrder, WorkerReport } from "./worker_order.ts";

/** What is running in this worker. */
interface Running {
  readonly counts: WorkerCounts;
  readonly services: readonly DatagramService[];
}

let running: Running | undefined;

async function obey(order: WorkerOrder): Promise<void> {
  switch (order.order) {
    case "serve":
      running = await serve(order);
      return report({ report: "serving" });
    case "change":
      return change(order.responder);
    case "stop":
      await Promise.all(running?.services.map((service) => service.close()) ?? []);
      return report({ report: "stopped" });
  }
}

async function serve(order: ServeOrder): Promise<Running> {
  const clock = clockShowing(order.now);
  const { sharing } = await chooseDatagramIo("batched");
  const counts = new WorkerCounts(order.memory);
  const responder = makeResponder(order.responder, counts);
  const common = {
    responder,
    traffic: counts.traffic,
    latency: order.measures ? new LatencySampler({ observe: reportLatency, clock }) : undefined,
    clock,
    logger: reportingLogger(order.logLevels),
  };
  const services = order.groups.map((endpoints) => {
    const group = endpoints.map(({ lent, ...endpoint }) => ({
      ...endpoint,
      socket: sharing!.adopt(lent),
    }));
    return new DatagramService({ ...common, group });
  });
  for (const service of services) service.start();
  setInterval(() => counts.beat(), BEAT_MS);
  return { counts, services };
}

function change(shared: SharedResponder): void {
  if (running === undefined) return;
  const responder = makeResponder(shared, running.counts);
  for (const service of running.services) service.responder = responder;
}

function makeResponder(shared: SharedResponder, { statistics }: WorkerCounts): StunResponder {
  return new StunResponder({ ...joinResponder(shared), statistics });
}

/** The shared table of the rate limit wants one time for all; what a message takes is the error. */
function clockShowing(now: number): Clock {
  const ahead = now - systemClock.now();
  return { ...systemClock, now: () => systemClock.now() + ahead };
}

function reportLatency(seconds: number): void {
  report({ report: "latency", seconds });
}

function reportingLogger(levels: readonly LogLevel[]): Logger {
  const log = (level: LogLevel): Logger["error"] => (message, fields = {}) => {
    if (!levels.includes(level)) return;
    // An error would lose its name on the way
    const named = Object.entries(fields).map(([key, value]) =>
      [key, value instanceof Error ? describe(value) : value] as const
    );
    report({ report: "log", level, message, fields: Object.fromEntries(named) });
  };
  return {
    error: log("error"),
    warn: log("warn"),
    info: log("info"),
    debug: log("debug"),
    trace: log("trace"),
    isEnabled: (level) => levels.includes(level),
  };
}

/** A mistake of ours: the server's thread ends this worker and starts another. */
function fail(error: unknown): void {
  report({ report: "failed", reason: error instanceof Error ? describe(error) : String(error) });
}

function describe(error: Error): string {
  return `${error.name}: ${error.message}`;
}

function report(what: WorkerReport): void {
  scope.postMessage(what);
}

/** The part of a worker's global scope that is used here: the compiler takes this file for a page's. */
interface WorkerScope {
  onmessage: (event: MessageEvent<WorkerOrder>) => void;
  onerror: (event: ErrorEvent) => void;
  onunhandledrejection: (event: PromiseRejectionEvent) => void;
  postMessage(message: WorkerReport): void;
}

/** How often a worker shows a sign of life. */
const BEAT_MS = 250;

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data }) => void obey(data).catch(fail);
scope.onerror = (event) => {
  event.preventDefault();
  fail(event.error);
};
scope.onunhandledrejection = (event) => {
  event.preventDefault();
  fail(event.reason);
};
report({ report: "loaded" });
