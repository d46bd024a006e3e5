import { assert, assertEquals } from "@std/assert";
import { formatSocketAddress } from "../../../lib/wire/mod.ts";
import { NAT_PRESETS, type NatBehavior, type SimStunServerOptions } from "../../sim/mod.ts";
import {
  discover,
  expectedOutcome,
  FULL,
  FULL_2,
  mistakes,
  NAT_CASES,
  outcomeOf,
  PLAIN,
  SERVER_CASES,
} from "./nat_discovery_cases.ts";

for (const { name, servers, tells } of SERVER_CASES) {
  Deno.test(`discoverUdpNat() tells all that ${name} can tell, behind every NAT`, () => {
    for (const [seed, { name, boxes, truth }] of NAT_CASES.entries()) {
      const { report } = discover({ boxes, servers, seed });
      assertEquals(outcomeOf(report), expectedOutcome(truth, tells), name);
      assertEquals(mistakes(report, { boxes, truth, honest: true }), [], name);
    }
  });

  Deno.test(`discoverUdpNat() tells as much with ${name} where packets come late and double`, () => {
    const link = { delayMs: 60, jitterMs: 150, reordering: 0.2, duplication: 0.1 };
    for (const [seed, { name, boxes, truth }] of NAT_CASES.entries()) {
      const { report } = discover({ boxes, servers, seed, link });
      assertEquals(outcomeOf(report), expectedOutcome(truth, tells), name);
    }
  });

  Deno.test(`discoverUdpNat() is not wrong with ${name} where a tenth is lost each way`, () => {
    const link = { loss: 0.1, delayMs: 20, jitterMs: 20, reordering: 0.05 };
    // 97 NATs by three seeds by five combinations of servers: 1,455 seeds in all
    for (let seed = 0; seed < 3 * NAT_CASES.length; seed++) {
      const { name, boxes, truth } = NAT_CASES[seed % NAT_CASES.length]!;
      const { report } = discover({ boxes, servers, seed: 1000 + seed, link });
      assertEquals(mistakes(report, { boxes, truth, honest: true }), [], `${name}, seed ${seed}`);
      // Fourteen requests are not lost in a row, so it is not unknown either
      assertEquals(outcomeOf(report), expectedOutcome(truth, tells), `${name}, seed ${seed}`);
    }
  });
}

for (const [name, { boxes, truth }] of Object.entries(NAT_PRESETS)) {
  Deno.test(`discoverUdpNat() takes less than 15 s behind ${name}`, () => {
    const link = { delayMs: 50 };
    for (const { name, servers } of SERVER_CASES) {
      const { elapsedMs } = discover({ boxes, servers, link });
      assert(elapsedMs < 15_000, `${elapsedMs} ms with ${name}`);
      if (truth.classic === "blocked") assertEquals(elapsedMs, 7250);
    }
  });
}

Deno.test("discoverUdpNat() sends to no other address before the filtering is tested", () => {
  for (const { boxes } of NAT_CASES.slice(0, 13)) {
    const sentTo = new Map<string, Set<string>>();
    let tested = false;
    discover({
      boxes,
      servers: [FULL, FULL_2],
      onStep: ({ title, probes }) => {
        for (const { socket, to } of probes) {
          const destinations = sentTo.get(socket) ?? new Set();
          sentTo.set(socket, destinations.add(formatSocketAddress(to)));
        }
        if (title !== "Filtering") return;
        tested = true;
        const all = new Set([...sentTo.values()].flatMap((one) => [...one]));
        assertEquals(all, new Set(["203.0.113.1:3478", "192.0.2.1:3478"]));
        for (const [socket, destinations] of sentTo) assertEquals(destinations.size, 1, socket);
      },
    });
    assertEquals(tested, boxes[0]?.blocks === undefined);
  }
});

Deno.test("discoverUdpNat() is sure of what it has seen, less so of what it could not check", () => {
  const confidence = (boxes: readonly NatBehavior[]) => {
    const { mapping, filtering } = discover({ boxes, servers: [FULL] }).report;
    return [mapping.confidence, filtering.confidence];
  };
  assertEquals(confidence([]), ["high", "high"]);
  assertEquals(confidence([{}]), ["high", "high"]);
  assertEquals(confidence([{ filtering: "address-dependent" }]), ["high", "high"]);
  // No way in can be opened for a mapping that is another one for each destination
  assertEquals(confidence([{ mapping: "address-and-port-dependent" }]), ["high", "medium"]);
  assertEquals(
    confidence([{ mapping: "address-and-port-dependent", filtering: "endpoint-independent" }]),
    ["high", "high"],
  );
});

Deno.test("discoverUdpNat() keeps evidence of every probe: what was sent, what came from where", () => {
  let probes = 0;
  const { report } = discover({
    boxes: [{ filtering: "address-dependent" }],
    servers: [FULL],
    onStep: (step) => void (probes += step.probes.length),
  });
  assertEquals(report.evidence.length, probes);
  const lines = report.evidence.map(({ socket, to, asks, from, attempts }) =>
    `${socket}: ${asks} to ${formatSocketAddress(to)}: ` +
    `${from === undefined ? "silence" : formatSocketAddress(from)} after ${attempts}`
  );
  assertEquals(lines, [
    "hello 1: binding to 203.0.113.1:3478: 203.0.113.1:3478 after 1",
    "filter address 1: binding to 203.0.113.1:3478: 203.0.113.1:3478 after 1",
    "filter port 1: binding to 203.0.113.1:3478: 203.0.113.1:3478 after 1",
    "filter port 1: answer from another port to 203.0.113.1:3478: 203.0.113.1:3479 after 1",
    "filter address 1: answer from another address and port to 203.0.113.1:3478: silence after 14",
    "mapping: binding to 203.0.113.1:3478: 203.0.113.1:3478 after 1",
    "mapping: binding to 203.0.113.2:3478: 203.0.113.2:3478 after 1",
    "mapping: binding to 203.0.113.2:3479: 203.0.113.2:3479 after 1",
    "mapping: binding to 203.0.113.1:3479: 203.0.113.1:3479 after 1",
    "filter address 1: binding to 203.0.113.2:3479: 203.0.113.2:3479 after 1",
    "filter address 1: answer from another address and port to 203.0.113.1:3478: " +
    "203.0.113.2:3479 after 1",
    "hairpin 1: binding to 203.0.113.1:3478: 203.0.113.1:3478 after 1",
    "hairpin 2: binding to 203.0.113.1:3478: 203.0.113.1:3478 after 1",
    "hairpin 1: hairpin to 198.51.100.1:" + portOf(report.evidence.at(-1)?.local) +
    ": silence after 7",
    "hairpin 2: hairpin to 198.51.100.1:" + portOf(report.evidence.at(-2)?.local) +
    ": silence after 7",
  ]);
});

Deno.test("discoverUdpNat() tells a provider's NAT from a home router's by what both do together", () => {
  const { report } = discover({ boxes: NAT_PRESETS.cgn.boxes, servers: [FULL] });
  assertEquals(outcomeOf(report), expectedOutcome(NAT_PRESETS.cgn.truth, "all"));
  assertEquals([report.hairpinning.value, report.portPreservation.value], ["yes", "no"]);
  assertEquals(report.reflexive?.ip, Uint8Array.of(198, 51, 100, 1));
});

for (
  const [filtering, classic] of [
    ["endpoint-independent", "open"],
    ["address-dependent", "firewall"],
    ["address-and-port-dependent", "firewall"],
  ] as const
) {
  Deno.test(`discoverUdpNat() finds IPv6 untranslated behind an ${filtering} filter`, () => {
    const ips = ["2001:db8:99::1", "2001:db8:99::2"];
    const { report } = discover({ boxes: [{ filtering }], servers: [{ ips }], ipv6: true });
    assertEquals(outcomeOf(report), {
      reachable: true,
      mapping: "none",
      depends: false,
      filtering,
      classic,
    });
    assertEquals(report.local, report.reflexive);
  });
}

Deno.test("discoverUdpNat() names the reason where no server answers", () => {
  const boxes = NAT_PRESETS.blocked.boxes;
  for (
    const [servers, reason] of [
      [[FULL], "the server did not answer"],
      [[FULL, PLAIN], "no server answered"],
    ] as const
  ) {
    const { report } = discover({ boxes, servers });
    assertEquals(report.classic, "blocked");
    for (const { mapping, filtering, hairpinning } of [report]) {
      assertEquals([mapping, filtering, hairpinning].map((one) => one.reason), [
        reason,
        reason,
        reason,
      ]);
    }
  }
});

Deno.test("discoverUdpNat() does without servers that do not answer", () => {
  const dead: SimStunServerOptions = { ips: ["192.0.2.99"], transports: ["tcp"] };
  for (const { name, boxes, truth } of NAT_CASES.slice(0, 13)) {
    const { report } = discover({ boxes, servers: [dead, FULL] });
    assertEquals(outcomeOf(report), expectedOutcome(truth, "all"), name);
    assertEquals(report.servers.map(({ answered }) => answered), [false, report.reachable]);
  }
});

for (
  const [hairpinning, boxes, value, reason] of [
    ["no hairpinning", [{}], "no", "packets between the outside endpoints of two ports"],
    [
      "hairpinning from outside",
      [{ hairpinning: "external-source" }],
      "yes",
      "came back in",
    ],
    [
      "hairpinning from inside",
      [{ hairpinning: "internal-source" }],
      "yes",
      "though from its inside address",
    ],
    [
      "a symmetric NAT",
      [{ mapping: "address-and-port-dependent", hairpinning: "external-source" }],
      "unknown",
      "the mapping depends on the destination",
    ],
    [
      "a symmetric NAT that lets everybody in",
      [{
        mapping: "address-and-port-dependent",
        filtering: "endpoint-independent",
        hairpinning: "external-source",
      }],
      "yes",
      "came back in",
    ],
    ["no NAT", [], "unknown", "there is no NAT to go through"],
  ] as const
) {
  Deno.test(`discoverUdpNat() says ${value} of hairpinning with ${hairpinning}`, () => {
    const { report } = discover({ boxes, servers: [FULL] });
    assertEquals(report.hairpinning.value, value);
    assert(report.hairpinning.reason.includes(reason), report.hairpinning.reason);
  });
}

Deno.test("discoverUdpNat() does not blame the mapping where hairpinning fails and it is unknown", () => {
  const { report } = discover({ boxes: [{}], servers: [PLAIN] });
  assertEquals(report.hairpinning, {
    value: "unknown",
    confidence: "none",
    reason:
      "no packet came back in, but whether the endpoint is the one for everybody is not known",
  });
});

for (
  const [allocation, value] of [
    ["preserving", "yes"],
    ["sequential", "no"],
    ["random", "no"],
  ] as const
) {
  Deno.test(`discoverUdpNat() says ${value} of port preservation with ${allocation} ports`, () => {
    const { report } = discover({ boxes: [{ portAllocation: allocation }], servers: [FULL] });
    assertEquals(report.portPreservation.value, value);
  });
}

for (
  const [where, link] of [
    ["on a perfect network", {}],
    ["where packets come late", { delayMs: 40, jitterMs: 60 }],
    ["where a tenth is lost each way", { delayMs: 20, jitterMs: 20, loss: 0.1 }],
  ] as const
) {
  Deno.test(`discoverUdpNat() is not misled by a server that limits its clients, ${where}`, () => {
    let seed = 0;
    for (const ratePerSecond of [0.5, 1, 2, 3, 5]) {
      for (const burst of [1, 2, 3, 5, 8]) {
        for (const { name, boxes, truth } of NAT_CASES.slice(0, 13)) {
          const servers = [{ ...FULL, rateLimit: { ratePerSecond, burst } }];
          const { report } = discover({ boxes, servers, link, seed: seed++ });
          const which = `${name}, ${ratePerSecond}/s, ${burst} at once`;
          assertEquals(mistakes(report, { boxes, truth, honest: false }), [], which);
        }
      }
    }
  });
}

function portOf(address: { readonly port: number } | undefined): number | undefined {
  return address?.port;
}
