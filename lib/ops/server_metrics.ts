import type { Registry } from "prom-client";
import {
  type OutcomeCount,
  OUTCOMES,
  type ResponderOutcome,
  type TransportProtocol,
} from "../protocol/mod.ts";
import { DIAL_BACK_OUTCOMES, type DialBackOutcome } from "../wire/mod.ts";
import { type Clock, systemClock } from "./clock.ts";

/** What a server has done so far, as far as it is published. All counts are since its start. */
export interface ServerSnapshot {
  /** What became of all arrivals, as `ResponderStatistics.counts()` has it. */
  readonly outcomes: Iterable<OutcomeCount>;
  /** What the server serves, one entry per transport. */
  readonly transports: Iterable<TransportSnapshot>;
  /** What became of the dial-backs that were asked for; outcomes that are left out are 0. */
  readonly dialBacks: Readonly<Partial<Record<DialBackOutcome, number>>>;
  /** How many connections were refused at a cap. @default {0} */
  readonly refusedConnections?: number;
}

/** What went through one transport. */
export interface TransportSnapshot {
  /** Which one. */
  readonly transport: TransportProtocol;
  /** Bytes of payload that came in. */
  readonly receivedBytes: number;
  /** Bytes of payload that went out. */
  readonly sentBytes: number;
  /** How many connections are open now; left out for UDP, which has none. */
  readonly openConnections?: number;
}

/** What {@linkcode openServerMetrics} needs. */
export interface ServerMetricsOptions {
  /** The version of this program. */
  readonly version: string;
  /** How the server talks to the system: `deno` or `batched`. */
  readonly io: string;
  /** Called once per scrape. */
  readonly snapshot: () => ServerSnapshot;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Makes the metrics of a server that starts now. prom-client is loaded here and not before: it
 * takes some 60 ms and 8 MB, which a server without `--http-port` can do without. It asks for no
 * permission, and its metrics of the process, which read /proc, are left out.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 *
 * const metrics = await openServerMetrics({
 *   version: "1.0.0",
 *   io: "deno",
 *   snapshot: () => ({
 *     outcomes: [{ transport: "udp", family: 4, outcome: "success", count: 7 }],
 *     transports: [{ transport: "udp", receivedBytes: 140, sentBytes: 224 }],
 *     dialBacks: {},
 *   }),
 * });
 * assertStringIncludes(
 *   await metrics.text(),
 *   'pinhole_requests_total{transport="udp",family="ipv4",outcome="success"} 7\n',
 * );
 * ```
 */
export async function openServerMetrics(options: ServerMetricsOptions): Promise<ServerMetrics> {
  const { clock = systemClock, version, io, snapshot } = options;
  const start = { now: clock.now(), wallTime: clock.wallTime() };
  const client = await import("prom-client");
  // Its own, so that two servers in one program, or a program's own metrics, stay apart
  const registry = new client.Registry();
  const metrics = define(client, registry);
  metrics.buildInfo.set({ version, io }, 1);
  metrics.startTime.set(start.wallTime / 1000);
  return {
    contentType: registry.contentType,
    observe: (seconds) => metrics.duration.observe(seconds),
    text: () => {
      metrics.uptime.set((clock.now() - start.now) / 1000);
      fill(metrics, snapshot());
      return registry.metrics();
    },
  };
}

/** The metrics of one server, as Prometheus reads them. */
export interface ServerMetrics {
  /** The media type of {@linkcode ServerMetrics.text}. */
  readonly contentType: string;
  /**
   * Adds one measurement to the histogram of latencies. It takes about a microsecond, which is too
   * much for every request: the caller chooses a sample.
   *
   * @param seconds Finite, 0 or more.
   * @throws {TypeError} If `seconds` is not a finite number.
   */
  observe(seconds: number): void;
  /** All metrics as of now, in Prometheus' text format (version 0.0.4). */
  text(): Promise<string>;
}

type Metrics = ReturnType<typeof define>;

function define(client: typeof import("prom-client"), registry: Registry) {
  const metric = (name: string, help: string, labelNames: readonly string[] = []) => {
    return { name, help, labelNames, registers: [registry] };
  };
  const gauge = (...args: Parameters<typeof metric>) => new client.Gauge(metric(...args));
  const counter = (...args: Parameters<typeof metric>) => new client.Counter(metric(...args));
  return {
    buildInfo: gauge("pinhole_build_info", "Always 1, about what is running.", ["version", "io"]),
    startTime: gauge("pinhole_start_time_seconds", "When the server started, in Unix time."),
    uptime: gauge("pinhole_uptime_seconds", "How long ago the server started."),
    request: counter(
      "pinhole_requests_total",
      "Requests that were answered: success, or error with the code of the answer.",
      ["transport", "family", "outcome"],
    ),
    drop: counter(
      "pinhole_dropped_total",
      "Messages that got no answer, without those over a rate limit, by reason.",
      ["transport", "family", "reason"],
    ),
    limited: counter(
      "pinhole_rate_limited_total",
      "Requests that got no answer because their source was over a limit, by what it limits.",
      ["transport", "family", "limit"],
    ),
    received: counter("pinhole_received_bytes_total", "Payload that came in.", ["transport"]),
    sent: counter("pinhole_sent_bytes_total", "Payload that went out.", ["transport"]),
    open: gauge("pinhole_open_connections", "Connections that are open now.", ["transport"]),
    dialBacks: counter("pinhole_dial_backs_total", "Dial-backs asked for.", ["outcome"]),
    refused: counter("pinhole_refused_connections_total", "Connections refused at a cap."),
    duration: new client.Histogram({
      ...metric(
        "pinhole_request_duration_seconds",
        "From the arrival of a message until its answer is handed to the system; a sample.",
      ),
      buckets: DURATION_BUCKETS,
    }),
  };
}

function fill(metrics: Metrics, snapshot: ServerSnapshot): void {
  const { request, drop, limited, received, sent, open, dialBacks, refused } = metrics;
  for (const metric of [request, drop, limited, received, sent, open, dialBacks, refused]) {
    metric.reset();
  }
  refused.inc(snapshot.refusedConnections ?? 0);
  for (const { transport, receivedBytes, sentBytes, openConnections } of snapshot.transports) {
    received.inc({ transport }, receivedBytes);
    sent.inc({ transport }, sentBytes);
    if (openConnections !== undefined) open.set({ transport }, openConnections);
    // What has not happened yet is 0, not missing, so that its first time is seen as a rise
    for (const outcome of OUTCOMES) {
      addArrivals(metrics, { transport, family: 4, outcome, count: 0 });
      addArrivals(metrics, { transport, family: 6, outcome, count: 0 });
    }
  }
  for (const count of snapshot.outcomes) addArrivals(metrics, count);
  for (const outcome of DIAL_BACK_OUTCOMES) {
    dialBacks.inc({ outcome }, snapshot.dialBacks[outcome] ?? 0);
  }
}

function addArrivals(metrics: Metrics, arrivals: OutcomeCount): void {
  const { transport, outcome, count } = arrivals;
  const { kind, label } = classify(outcome);
  metrics[kind].inc({ transport, family: `ipv${arrivals.family}`, ...label }, count);
}

/** The words of an outcome before the first hyphen say which kind it is. */
function classify(
  outcome: ResponderOutcome,
): {
  readonly kind: "request" | "drop" | "limited";
  readonly label: Readonly<Record<string, string>>;
} {
  if (outcome === "drop-rate-limited") return { kind: "limited", label: { limit: "requests" } };
  if (outcome === "drop-challenge-limited") {
    return { kind: "limited", label: { limit: "challenges" } };
  }
  return outcome.startsWith("drop-")
    ? { kind: "drop", label: { reason: outcome.slice("drop-".length) } }
    : { kind: "request", label: { outcome } };
}

/** From what a memory access takes to where a client sends again (RFC 8489 section 6.2.1: 500 ms). */
const DURATION_BUCKETS = [
  ...[0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005],
  ...[0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
];
