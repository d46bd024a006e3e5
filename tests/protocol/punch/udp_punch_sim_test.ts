// Whole punches in the simulator: gathering, both machines, and NATs of every kind between them.

import { assert, assertEquals } from "@std/assert";
import { predictPunch, type PunchSide } from "../../../lib/protocol/discovery/mod.ts";
import {
  everyNatBehavior,
  NAT_PRESETS,
  type NatBehavior,
  type NatPresetName,
  SimRandom,
} from "../../sim/mod.ts";
import { UdpPunchTrial } from "./udp_punch_trial.ts";

const KINDS = [
  "full-cone",
  "restricted-cone",
  "port-restricted-cone",
  "symmetric",
] as const satisfies readonly NatPresetName[];

for (const loss of [0, 0.1, 0.3]) {
  for (const one of KINDS) {
    for (const two of KINDS) {
      const sides = [sideOf(one), sideOf(two)] as const;
      const { will } = predictPunch(...sides);
      const what = will === "yes" ? "connect" : "fail with the reason";
      Deno.test(`UdpPunch: ${one} and ${two} ${what} where ${loss * 100} % is lost`, () => {
        for (let seed = 0; seed < 10; seed++) {
          const boxes = [NAT_PRESETS[one].boxes, NAT_PRESETS[two].boxes] as const;
          const link = { loss, delayMs: 30, jitterMs: 20 };
          const trial = new UdpPunchTrial({ boxes, seed, link, sides });
          assertEquals(endOf(trial), will === "yes" ? "connected" : "incompatible");
        }
      });
    }
  }
}

for (const name of ["open", "firewall", "cgn", "hairpin-external", "hairpin-internal"] as const) {
  Deno.test(`UdpPunch: ${name} connects with all that predictPunch() says it connects with`, () => {
    for (const other of ["open", "firewall", "cgn", ...KINDS] as const) {
      const { will } = predictPunch(sideOf(name), sideOf(other));
      for (let seed = 0; seed < 3; seed++) {
        const boxes = [NAT_PRESETS[name].boxes, NAT_PRESETS[other].boxes] as const;
        const end = endOf(new UdpPunchTrial({ boxes, seed }));
        assert(
          will === "unknown" || (will === "yes") === (end === "connected"),
          `${other}: ${end}`,
        );
      }
    }
  });
}

Deno.test("UdpPunch does what predictPunch() says between NATs of all kinds", () => {
  // Hairpinning plays no part between two sites
  const all = everyNatBehavior().map(({ behavior }) => behavior)
    .filter(({ hairpinning = "none" }) => hairpinning === "none");
  const seen = { yes: 0, no: 0, unknown: 0 };
  for (const [i, one] of all.entries()) {
    for (const [j, two] of all.entries()) {
      const { will } = predictPunch(sideOfBehavior(one), sideOfBehavior(two));
      const seed = i * all.length + j;
      const end = endOf(new UdpPunchTrial({ boxes: [[one], [two]], seed }));
      // A NAT that counts can be found by its next port, which no report knows of
      const counts = [one, two].some(({ portAllocation }) => portAllocation !== "random");
      const agrees = will === "unknown" || (will === "yes") === (end === "connected") ||
        (will === "no" && counts);
      assert(agrees, `${will} but ${end}: ${JSON.stringify([one, two])}`);
      seen[will]++;
    }
  }
  assertEquals(seen, { yes: 540, no: 204, unknown: 156 });
});

Deno.test("UdpPunch finds a NAT that counts its ports by predicting the next one", () => {
  const ends = Array.from({ length: 20 }, (_, seed) => {
    const counting = NAT_PRESETS["symmetric-sequential"].boxes;
    const boxes = [counting, NAT_PRESETS["port-restricted-cone"].boxes] as const;
    return endOf(new UdpPunchTrial({ boxes, seed }));
  });
  assertEquals(ends, Array(20).fill("connected"));
});

Deno.test("UdpPunch never leaves one side connected alone, whatever is lost and whoever is late", () => {
  const all = everyNatBehavior().map(({ behavior }) => behavior);
  const ends = { connected: 0, failed: 0 };
  for (let seed = 0; seed < 1_000; seed++) {
    const random = new SimRandom(seed);
    const [one, two] = [0, 1].map(() => all[random.integer(0, all.length - 1)]!);
    const end = endOf(
      new UdpPunchTrial({
        boxes: [[one!], [two!]],
        seed,
        skewMs: random.integer(0, 16_000),
        link: {
          loss: [0, 0.1, 0.3][random.integer(0, 2)]!,
          delayMs: random.integer(5, 150),
          jitterMs: random.integer(0, 150),
          duplication: 0.05,
        },
      }),
    );
    ends[end === "connected" ? "connected" : "failed"]++;
  }
  assert(ends.connected > 500 && ends.failed > 100, JSON.stringify(ends));
});

Deno.test("UdpPunch connects two hosts of one network by their own addresses", () => {
  const trial = new UdpPunchTrial({ boxes: [[], []], seed: 1 });
  const outcomes = trial.run();
  assertEquals(outcomes.map((one) => one.kind === "connected" && one.pathKind), ["host", "host"]);
});

Deno.test("UdpPunch prefers the address that was announced to one that was only heard from", () => {
  const { boxes } = NAT_PRESETS["full-cone"];
  const outcomes = new UdpPunchTrial({ boxes: [boxes, boxes], seed: 1 }).run();
  assertEquals(
    outcomes.map((one) => one.kind === "connected" && one.pathKind),
    ["reflexive", "reflexive"],
  );
});

/**
 * `"connected"` if both sides have agreed on a path that carries datagrams both ways, else the code of
 * both sides' failure; anything else fails the test.
 */
function endOf(trial: UdpPunchTrial): string {
  const begun = trial.network.now;
  const [one, two] = trial.run();
  assertEquals(one.kind, two.kind);
  if (one.kind === "failed" && two.kind === "failed") {
    assert(trial.network.now - begun <= 15_000 + trial.skewMs, "it took too long");
    return one.code === two.code ? one.code : `${one.code} and ${two.code}`;
  }
  // Enough for one to get through, whatever the loss
  for (let i = 0; i < 30; i++) for (const side of trial.sides) side.send(Uint8Array.of(i));
  trial.pass(1_000);
  assert(trial.sides.every(({ data }) => data.length > 0), "the path does not carry datagrams");
  return "connected";
}

function sideOf(name: NatPresetName): PunchSide {
  const { mapping, filtering } = NAT_PRESETS[name].truth;
  assert(mapping !== undefined && filtering !== undefined);
  return sideOfBehavior({ mapping, filtering });
}

function sideOfBehavior(behavior: NatBehavior): PunchSide {
  const { mapping = "endpoint-independent", filtering = "address-and-port-dependent" } = behavior;
  return {
    reachable: true,
    mapping: { value: mapping, depends: mapping.startsWith("address") },
    filtering: { value: filtering },
  };
}
