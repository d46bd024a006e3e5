import type { DoctorReport, DoctorResult } from "../protocol/doctor/mod.ts";

/**
 * A report in Prometheus' text format (version 0.0.4), for a probe whose output a textfile collector
 * picks up. Without a report, as where a name leads nowhere, it says that the server is not up.
 */
export async function doctorReportMetrics(report: DoctorReport | undefined): Promise<string> {
  // Loaded when it is needed: it takes longer to load than all the rest
  const { Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name: `pinhole_doctor_${name}`, help, labelNames, registers: [registry] });
  gauge("up", "Whether the server answered at all.").set(report?.answered ? 1 : 0);
  if (report === undefined) return await registry.metrics();
  const { checks, holdMs, amplification, latency } = report;
  const results = gauge("check", "Whether a check had a result.", ["check", "result"]);
  for (const { id, result } of checks) {
    for (const one of RESULTS) results.set({ check: id, result: one }, one === result ? 1 : 0);
  }
  if (holdMs !== undefined) {
    gauge("hold_seconds", "How long a connection was held.").set(holdMs / 1000);
  }
  if (amplification !== undefined) {
    gauge("amplification_ratio", "Bytes of the greatest answer over UDP by those of its request.")
      .set(amplification.factor);
  }
  if (latency !== undefined) {
    gauge("requests", "Requests over UDP that were sent once each.").set(latency.requests);
    gauge("lost_requests", "How many of them were not answered.").set(latency.lost);
    if (latency.p50Ms !== undefined && latency.p99Ms !== undefined) {
      // Not "quantile": that label belongs to summaries
      const latencies = gauge("latency_seconds", "How long the answers took.", ["percentile"]);
      latencies.set({ percentile: "50" }, latency.p50Ms / 1000);
      latencies.set({ percentile: "99" }, latency.p99Ms / 1000);
    }
  }
  return await registry.metrics();
}

const RESULTS: readonly DoctorResult[] = ["pass", "warn", "fail", "skip"];
