import type { DoctorReport } from "../protocol/doctor/mod.ts";
import { formatSocketAddress } from "../wire/mod.ts";

/** A report as `pinhole doctor --json` prints it: addresses as text, durations in ms. */
export function doctorReportJson(report: DoctorReport): Record<string, unknown> {
  const { server, checks, holdMs, amplification, latency } = report;
  return {
    server: formatSocketAddress(server),
    checks: checks.map(({ id, title, rfc, result, detail }) => ({
      id,
      title,
      rfc,
      result,
      detail,
    })),
    holdMs: holdMs ?? null,
    amplification: amplification === undefined ? null : thousandths(amplification.factor),
    latency: latency === undefined ? null : {
      requests: latency.requests,
      lost: latency.lost,
      p50Ms: thousandths(latency.p50Ms),
      p99Ms: thousandths(latency.p99Ms),
    },
  };
}

function thousandths(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1000) / 1000;
}
