import { assertEquals } from "@std/assert";
import { doctorReportMetrics } from "../../lib/cli/doctor_report_metrics.ts";
import { MIXED, SILENT } from "./doctor_reports.ts";

Deno.test("doctorReportMetrics() has a sample for every check and result, and what was measured", async () => {
  const [warned] = MIXED.checks.filter(({ id }) => id === "tcp-hold");
  assertEquals(await samples({ ...MIXED, checks: [warned!] }), [
    "pinhole_doctor_up 1",
    'pinhole_doctor_check{check="tcp-hold",result="pass"} 0',
    'pinhole_doctor_check{check="tcp-hold",result="warn"} 1',
    'pinhole_doctor_check{check="tcp-hold",result="fail"} 0',
    'pinhole_doctor_check{check="tcp-hold",result="skip"} 0',
    "pinhole_doctor_hold_seconds 3",
    "pinhole_doctor_amplification_ratio 4.4",
    "pinhole_doctor_requests 10",
    "pinhole_doctor_lost_requests 1",
    'pinhole_doctor_latency_seconds{percentile="50"} 0.0123456',
    'pinhole_doctor_latency_seconds{percentile="99"} 0.02',
  ]);
});

Deno.test("doctorReportMetrics() leaves out what was not measured", async () => {
  const names = (await samples({ ...SILENT, checks: [] })).map((line) => line.split(" ")[0]);
  assertEquals(names, ["pinhole_doctor_up"]);
  assertEquals((await samples(SILENT))[0], "pinhole_doctor_up 0");
});

Deno.test("doctorReportMetrics() says without a report that the server is not up", async () => {
  assertEquals(await samples(undefined), ["pinhole_doctor_up 0"]);
});

async function samples(report: typeof MIXED | undefined): Promise<readonly string[]> {
  const text = await doctorReportMetrics(report);
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}
