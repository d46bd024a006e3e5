import { assertEquals } from "@std/assert";
import { doctorReportJson } from "../../lib/cli/doctor_report_json.ts";
import { MIXED, SILENT } from "./doctor_reports.ts";

Deno.test("doctorReportJson() has an address as text, and durations in ms", () => {
  const { checks, ...rest } = doctorReportJson(MIXED);
  assertEquals(checks, MIXED.checks);
  assertEquals(rest, {
    server: "203.0.113.1:3478",
    holdMs: 3000,
    amplification: 4.4,
    latency: { requests: 10, lost: 1, p50Ms: 12.346, p99Ms: 20 },
  });
});

Deno.test("doctorReportJson() has null for what was not measured", () => {
  const { checks: _, ...rest } = doctorReportJson(SILENT);
  assertEquals(rest, {
    server: "[2001:db8::1]:3478",
    holdMs: null,
    amplification: null,
    latency: null,
  });
  const latency = { requests: 1, lost: 1, p50Ms: undefined, p99Ms: undefined };
  assertEquals(doctorReportJson({ ...SILENT, latency }).latency, {
    requests: 1,
    lost: 1,
    p50Ms: null,
    p99Ms: null,
  });
});
