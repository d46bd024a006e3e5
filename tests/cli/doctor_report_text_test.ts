import { assertEquals } from "@std/assert";
import { doctorReportText } from "../../lib/cli/doctor_report_text.ts";
import { DoctorWorld } from "../protocol/doctor/doctor_world.ts";
import { MIXED } from "./doctor_reports.ts";

Deno.test("doctorReportText() tells each check, why, and where it is written", () => {
  assertEquals(
    doctorReportText(MIXED),
    `\
203.0.113.1:3478
pass  Answers over UDP, to a plain request                           RFC 8489 12
      a success with XOR-MAPPED-ADDRESS
fail  Does not answer a message of a wrong length                   RFC 8489 6.3
      a request that lacks 8 bytes by its length was answered with a success,
      which is longer than a line
pass  Dials back to a client that wants it                               Pinhole
      it tried, nobody listened here: refused
warn  Holds a TCP connection that is in use                       RFC 8489 6.2.2
      reset after 3.0 s
skip  the server has no RFC 5780: other-address, response-origin

6 checks: 2 pass, 1 warn, 1 fail, 2 skip`,
  );
});

Deno.test("doctorReportText() keeps to 80 columns, and to no spaces at the end of a line", () => {
  for (const world of [new DoctorWorld(), new DoctorWorld({ answers: () => [] })]) {
    for (const line of doctorReportText(world.examine()).split("\n")) {
      assertEquals([line.length <= 80, line.trimEnd() === line], [true, true], line);
    }
  }
});
