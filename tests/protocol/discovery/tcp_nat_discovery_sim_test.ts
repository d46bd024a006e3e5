import { assert, assertEquals } from "@std/assert";
import type { TcpNatReport } from "../../../lib/protocol/discovery/mod.ts";
import type { NatBehavior, NatTruth, SimStunServerOptions, StunServerLie } from "../../sim/mod.ts";
import {
  expectedOutcome,
  FULL,
  FULL_2,
  NAT_CASES,
  PLAIN,
  SERVER_CASES,
} from "./nat_discovery_cases.ts";
import { discoverTcp } from "./tcp_nat_trial.ts";

/** Over TCP the preset "blocked" lets everything out and answers in: it blocks UDP alone. */
const CASES = NAT_CASES.filter(({ truth }) => truth.mapping !== undefined);

for (const { name, servers, tells } of SERVER_CASES) {
  Deno.test(`discoverTcpNat() tells the mapping that ${name} can tell, behind every NAT`, () => {
    for (const [seed, { name, boxes, truth }] of CASES.entries()) {
      const { report } = discoverTcp({ boxes, servers, seed });
      assertEquals(mistakes(report, truth), [], name);
      const { mapping: { value: mapping, depends } } = report;
      const expected = expectedOutcome(truth, tells) as Record<string, unknown>;
      assertEquals({ mapping, depends }, {
        mapping: expected.mapping,
        depends: expected.depends,
      }, name);
    }
  });
}

for (const { name, servers } of SERVER_CASES.filter(({ tells }) => tells === "all")) {
  Deno.test(`discoverTcpNat() tells the filtering with ${name}, behind every NAT`, () => {
    for (const unsolicitedTcp of ["drop", "reset", "icmp"] as const) {
      for (const [seed, { name, boxes, truth }] of CASES.entries()) {
        const strict = boxes.map((box) => ({ ...box, unsolicitedTcp }));
        const { report, elapsedMs } = discoverTcp({ boxes: strict, servers, seed });
        assertEquals(report.filtering.value, truth.filtering, `${name}, ${unsolicitedTcp}`);
        assertEquals(report.classic, truth.classic, `${name}, ${unsolicitedTcp}`);
        assert(elapsedMs < 11_000, `${elapsedMs} ms`);
      }
    }
  });
}

Deno.test("discoverTcpNat() tells from a plain server that dials back that a filter minds ports", () => {
  for (const { name, boxes, truth } of CASES) {
    const { report } = discoverTcp({ boxes, servers: [PLAIN] });
    const minds = truth.filtering === "address-and-port-dependent";
    assertEquals(report.filtering.value, minds ? truth.filtering : "unknown", name);
  }
});

for (const { name, servers } of SERVER_CASES) {
  Deno.test(`discoverTcpNat() is not wrong with ${name} where a tenth is lost each way`, () => {
    const link = { loss: 0.1, delayMs: 20, jitterMs: 20 };
    for (let seed = 0; seed < 3 * CASES.length; seed++) {
      const { name, boxes, truth } = CASES[seed % CASES.length]!;
      const { report } = discoverTcp({ boxes, servers, seed: 5000 + seed, link });
      assertEquals(mistakes(report, truth), [], `${name}, seed ${seed}`);
    }
  });
}

const LIES: readonly StunServerLie[] = [
  "ignores-change-request",
  "changes-port-only",
  "answers-from-wrong-port",
  "same-ip-other-address",
  "no-other-address",
  "dead-other-address",
  "mapped-address-only",
  "garbage",
];
for (const lie of LIES) {
  Deno.test(`discoverTcpNat() is not wrong with a server that has the fault ${lie}`, () => {
    const liar: SimStunServerOptions = { ...FULL_2, lies: [lie] };
    for (const [seed, { name, boxes, truth }] of CASES.entries()) {
      for (const servers of [[liar], [liar, FULL], [FULL, liar]]) {
        const { report } = discoverTcp({ boxes, servers, seed });
        assertEquals(mistakes(report, truth), [], name);
      }
    }
  });
}

Deno.test("discoverTcpNat() is not wrong with a server that falls silent, whenever it does", () => {
  for (const { name, boxes, truth } of CASES.slice(0, 12)) {
    for (let silentAfter = 0; silentAfter < 15; silentAfter++) {
      const { report } = discoverTcp({ boxes, servers: [{ ...FULL, silentAfter }] });
      assertEquals(mistakes(report, truth), [], `${name}, silent after ${silentAfter}`);
    }
  }
});

Deno.test("discoverTcpNat() is not wrong with a server that holds no connection for long", () => {
  for (const { name, boxes, truth } of CASES.slice(0, 12)) {
    for (const tcpHoldMs of [10, 100, 1000, 3000, 6000]) {
      const { report } = discoverTcp({ boxes, servers: [{ ...FULL, tcpHoldMs }] });
      assertEquals(mistakes(report, truth), [], `${name}, ${tcpHoldMs} ms`);
    }
  }
});

Deno.test("discoverTcpNat() takes TCP for itself where a NAT treats it otherwise than UDP", () => {
  const boxes: readonly NatBehavior[] = [{
    mapping: "address-and-port-dependent",
    tcpMapping: "endpoint-independent",
    tcpFiltering: "address-dependent",
  }];
  const { report } = discoverTcp({ boxes, servers: [FULL] });
  assertEquals(report.classic, "restricted-cone");
});

Deno.test("discoverTcpNat() is blocked where a NAT lets no TCP through", () => {
  const { report, elapsedMs } = discoverTcp({
    boxes: [{ blocks: ["tcp"] }],
    servers: [FULL, FULL_2],
  });
  assertEquals([report.reachable, report.classic], [false, "blocked"]);
  assertEquals(elapsedMs, 20_000);
});

for (
  const [filtering, classic] of [
    ["endpoint-independent", "open"],
    ["address-dependent", "firewall"],
    ["address-and-port-dependent", "firewall"],
  ] as const
) {
  Deno.test(`discoverTcpNat() finds IPv6 untranslated behind an ${filtering} filter`, () => {
    const ips = ["2001:db8:99::1", "2001:db8:99::2"];
    const { report } = discoverTcp({ boxes: [{ filtering }], servers: [{ ips }], ipv6: true });
    assertEquals([report.mapping.value, report.filtering.value], ["none", filtering]);
    assertEquals(report.classic, classic);
  });
}

/** What is wrong in a report, in words; none where all is right or left open. */
function mistakes(report: TcpNatReport, truth: NatTruth): string[] {
  const found: string[] = [];
  const check = (what: string, value: string, right: readonly (string | undefined)[]) => {
    if (!right.includes(value)) found.push(`${what} is ${value}, not ${right.join(" or ")}`);
  };
  const depends = truth.classic === "symmetric";
  check("mapping", report.mapping.value, ["unknown", truth.mapping]);
  check("depends", String(report.mapping.depends), ["false", String(depends)]);
  check("filtering", report.filtering.value, ["unknown", truth.filtering]);
  if (report.reachable) check("classic", report.classic, ["unknown", truth.classic]);
  return found;
}
