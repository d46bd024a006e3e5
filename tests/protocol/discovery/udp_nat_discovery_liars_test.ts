import { assert, assertEquals } from "@std/assert";
import type { UdpNatReport } from "../../../lib/protocol/discovery/mod.ts";
import type { SimStunServerOptions, StunServerLie } from "../../sim/mod.ts";
import {
  discover,
  FULL,
  FULL_2,
  mistakes,
  NAT_CASES,
  type NatCase,
  PLAIN,
} from "./nat_discovery_cases.ts";

const LIES: readonly (readonly StunServerLie[])[] = [
  ["ignores-change-request"],
  ["changes-port-only"],
  ["answers-from-wrong-port"],
  ["same-ip-other-address"],
  ["no-other-address"],
  ["dead-other-address"],
  ["mapped-address-only"],
  ["garbage"],
  ["ignores-change-request", "dead-other-address"],
  ["answers-from-wrong-port", "same-ip-other-address"],
];
const LOSSES = [0, 0.1];

for (const lies of LIES) {
  const liar: SimStunServerOptions = { ...FULL_2, lies };
  const what = lies.join(" and ");

  Deno.test(`discoverUdpNat() is not wrong with a server that has the fault ${what}`, () => {
    for (const one of eachNat()) assertNotWrong(one, { servers: [liar], honest: false });
  });

  Deno.test(`discoverUdpNat() is right with an honest server beside one with ${what}`, () => {
    for (const one of eachNat()) {
      for (const servers of [[liar, FULL], [FULL, liar]]) {
        const report = assertNotWrong(one, { servers, honest: true });
        assertRight(report, one);
      }
    }
  });

  Deno.test(`discoverUdpNat() is not wrong with a plain server beside one with ${what}`, () => {
    for (const one of eachNat()) assertNotWrong(one, { servers: [liar, PLAIN], honest: true });
  });
}

Deno.test("discoverUdpNat() is not wrong with a server that falls silent, whenever it does", () => {
  for (const one of eachNat(NAT_CASES.slice(0, 13))) {
    for (let silentAfter = 0; silentAfter < 90; silentAfter++) {
      const servers = [{ ...FULL, silentAfter }];
      assertNotWrong(one, { servers, honest: false });
    }
  }
});

Deno.test("discoverUdpNat() is right with a server beside one that falls silent", () => {
  for (const one of eachNat(NAT_CASES.slice(0, 13))) {
    for (let silentAfter = 0; silentAfter < 50; silentAfter++) {
      const servers = [{ ...FULL_2, silentAfter }, FULL];
      const report = assertNotWrong(one, { servers, honest: true });
      assertRight(report, one);
    }
  }
});

for (
  const [lie, boxes, reason] of [
    ["ignores-change-request", [], "ignores CHANGE-REQUEST and answers from where it was asked"],
    ["ignores-change-request", [{}], "ignores CHANGE-REQUEST and answers from where it was asked"],
    ["changes-port-only", [], "answered from another port when it was asked for another address"],
    ["same-ip-other-address", [{}], "the server's other address is the same IP address"],
    ["no-other-address", [{}], "this server has no RFC 5780"],
    ["mapped-address-only", [{}], "this server has no RFC 5780"],
    ["dead-other-address", [], "does not answer from its other address"],
    ["garbage", [{}], "the server did not answer"],
  ] as const
) {
  const where = boxes.length === 0 ? "without a NAT" : "behind a port-restricted cone";
  Deno.test(`discoverUdpNat() says ${where} why the fault ${lie} leaves the filtering open`, () => {
    const { report } = discover({ boxes, servers: [{ ...FULL, lies: [lie] }] });
    assertEquals([report.filtering.value, report.filtering.confidence], ["unknown", "none"]);
    assert(report.filtering.reason.endsWith(reason), report.filtering.reason);
  });
}

Deno.test("discoverUdpNat() tells a port filter by ports alone, where the other address is dead", () => {
  const { report } = discover({
    boxes: [{}],
    servers: [{ ...FULL, lies: ["dead-other-address"] }],
  });
  assertEquals(report.filtering, {
    value: "address-and-port-dependent",
    confidence: "high",
    reason: "nothing came in from another port of 203.0.113.1:3478 before it had been sent to",
  });
});

Deno.test("discoverUdpNat() does not wait again for what has not answered", () => {
  for (const lies of LIES) {
    for (const { name, boxes } of NAT_CASES) {
      const { elapsedMs } = discover({ boxes, servers: [{ ...FULL, lies }] });
      assert(elapsedMs < 20_000, `${elapsedMs} ms behind ${name} with ${lies}`);
    }
  }
});

interface Trial extends NatCase {
  readonly loss: number;
  readonly seed: number;
}

function eachNat(cases: readonly NatCase[] = NAT_CASES): readonly Trial[] {
  return cases.flatMap((one, i) =>
    LOSSES.map((loss, j) => ({ ...one, loss, seed: i * LOSSES.length + j }))
  );
}

function assertNotWrong(
  { name, boxes, truth, loss, seed }: Trial,
  { servers, honest }: {
    readonly servers: readonly SimStunServerOptions[];
    readonly honest: boolean;
  },
): UdpNatReport {
  const { report } = discover({ boxes, servers, seed, link: { loss } });
  assertEquals(mistakes(report, { boxes, truth, honest }), [], `${name}, loss ${loss}`);
  return report;
}

function assertRight({ mapping, filtering }: UdpNatReport, { name, truth, loss }: Trial): void {
  const right = { mapping: truth.mapping ?? "unknown", filtering: truth.filtering ?? "unknown" };
  const told = { mapping: mapping.value, filtering: filtering.value };
  assertEquals(told, right, `${name}, loss ${loss}: ${mapping.reason}; ${filtering.reason}`);
}
