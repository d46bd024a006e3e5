// What the doctor says of Debian's turnserver, as it is and with a second address, and what
// Prometheus' own tool says of the doctor's metrics.

import { assertEquals } from "@std/assert";
import { doctorReportMetrics } from "../../lib/cli/doctor_report_metrics.ts";
import { examineServer } from "../../lib/client/doctor/mod.ts";
import { MIXED, SILENT } from "../cli/doctor_reports.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import { Turnserver } from "../support/turnserver.ts";
import { PROMTOOL, promtool } from "./_promtool.ts";

/** A way to run turnserver (4.6.1), and all that the doctor has to say of it but "pass". */
interface Patient {
  readonly as: string;
  readonly args: readonly string[];
  /** A check whose outcome is a matter of luck here. */
  readonly either?: string;
  readonly found: readonly (readonly [id: string, result: string, detail: string])[];
}

const ONE_FAMILY = [
  "other-family",
  "skip",
  "the server has an address of one family alone",
] as const;
const UNHEARD_OF = [
  "tcp-dial-back",
  "skip",
  "the server does not know DIAL-BACK, which is Pinhole's own",
] as const;
const PATIENT = ["tcp-garbage", "warn", "still open after 3.0 s"] as const;
const FORGETFUL = [
  "response-port",
  "fail",
  "answered with a success to the port that asked",
] as const;
/**
 * With -S turnserver ends every connection after three seconds of its own, and the doctor waits three
 * for one with garbage to be ended: whoever is first.
 */
const GARBAGE_UNDER_S = "tcp-garbage";
const NO_5780 = ["other-address", "skip", "the server has no RFC 5780"] as const;

const PATIENTS: readonly Patient[] = [
  {
    as: "a STUN server",
    args: ["-S"],
    found: [
      FORGETFUL,
      NO_5780,
      ONE_FAMILY,
      UNHEARD_OF,
      ["tcp-hold", "warn", "reset after 3 s"],
    ],
    either: GARBAGE_UNDER_S,
  },
  {
    as: "a TURN server",
    args: ["--no-auth"],
    found: [
      [
        "silent-method",
        "fail",
        "a request of method 0xEEE was answered with 400 Bad Request",
      ],
      FORGETFUL,
      NO_5780,
      ONE_FAMILY,
      PATIENT,
      UNHEARD_OF,
    ],
  },
  {
    as: "a STUN server with two addresses",
    args: ["-S", "--listening-ip", "127.0.0.2"],
    found: [ONE_FAMILY, UNHEARD_OF, ["tcp-hold", "warn", "reset after 3 s"]],
    either: GARBAGE_UNDER_S,
  },
];

for (const { as, args, found, either } of PATIENTS) {
  testWithTool({
    name: `examineServer() finds in turnserver as ${as} what is the matter with it`,
    tools: [TOOLS.turnserver],
    fn: async () => {
      await using server = await Turnserver.start({ args });
      const { hostname, port } = server.target;
      const { checks } = await examineServer(`stun:${hostname}:${port}`, { holdMs: 5000 });
      assertEquals(
        checks
          .filter(({ id, result }) => result !== "pass" && !id.startsWith("tls-") && id !== either)
          .map(({ id, result, detail }) => [id, result, untimed(detail)]),
        found.map(([id, result, detail]) => [id, result, untimed(detail)]),
      );
    },
  });
}

testWithTool({
  name: "promtool check metrics has no complaint about what pinhole doctor --prometheus prints",
  tools: [PROMTOOL],
  fn: async () => {
    for (const report of [MIXED, SILENT, undefined]) {
      const metrics = await doctorReportMetrics(report);
      assertEquals(await promtool(metrics), { code: 0, stdout: "", stderr: "" }, metrics);
    }
  },
});

/**
 * turnserver counts whole seconds from a tick of its own, so its 3 s may be 2.6 or, on a busy
 * machine, 4.2. That it is less than `holdMs` is told by "reset", which no other end is called.
 */
function untimed(detail: string): string {
  return detail.replace(/\d+(\.\d)? s$/, "N s");
}
