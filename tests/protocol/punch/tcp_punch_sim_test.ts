// Whole punches in the simulator: what two servers tell, both machines, and NATs of every kind.

import { assert, assertEquals } from "@std/assert";
import { predictPunch, type PunchSide } from "../../../lib/protocol/discovery/mod.ts";
import {
  everyNatBehavior,
  NAT_PRESETS,
  type NatBehavior,
  type NatPresetName,
  SimRandom,
} from "../../sim/mod.ts";
import {
  greetingOf,
  type TcpTrialResult,
  type TcpTrialSide,
  tryTcpPunch,
} from "./tcp_punch_trial.ts";

const KINDS = [
  "full-cone",
  "restricted-cone",
  "port-restricted-cone",
  "symmetric",
] as const satisfies readonly NatPresetName[];

/** What the NATs do with a SYN that comes too early, and with a connection that is refused. */
const TEMPERS = {
  "drop early SYNs": { unsolicitedTcp: "drop" },
  "reset early SYNs": { unsolicitedTcp: "reset" },
  "reset early SYNs and forget what is refused": { unsolicitedTcp: "reset", forgetsRefused: true },
  "answer early SYNs by ICMP": { unsolicitedTcp: "icmp" },
} as const satisfies Record<string, NatBehavior>;

for (const [temper, behavior] of Object.entries(TEMPERS)) {
  for (const one of KINDS) {
    for (const two of KINDS) {
      const { will } = predictPunch(sideOf(one), sideOf(two));
      const end = will === "yes" ? "connect" : "fail with the reason within 15 s";
      Deno.test(`TcpPunch: ${one} and ${two} that ${temper} ${end}`, () => {
        for (let seed = 0; seed < 12; seed++) {
          const random = new SimRandom(seed);
          // One host is far from its NAT; where SYNs have to cross between the NATs, it is these that
          // are far from each other
          const slow = "forgetsRefused" in behavior ? undefined : random.integer(0, 1);
          const side = (kind: NatPresetName, i: number): TcpTrialSide => ({
            boxes: NAT_PRESETS[kind].boxes.map((box) => ({ ...box, ...behavior })),
            link: { delayMs: i === slow ? random.integer(10, 290) : 5, jitterMs: 5 },
            startsAt: random.integer(0, 1) * random.integer(0, 2_000),
            side: sideOf(kind),
          });
          const link = { delayMs: slow === undefined ? random.integer(5, 300) : 10 };
          const results = tryTcpPunch([side(one, 0), side(two, 1)], { seed, link });
          assertEquals(endOf(results), will === "yes" ? "connected" : "incompatible");
        }
      });
    }
  }
}

Deno.test("TcpPunch does what predictPunch() says between NATs of all kinds", () => {
  // Hairpinning plays no part between two sites
  const all = everyNatBehavior().map(({ behavior }) => behavior)
    .filter(({ hairpinning = "none" }) => hairpinning === "none");
  const seen = { yes: 0, no: 0, unknown: 0 };
  for (const [i, one] of all.entries()) {
    for (const [j, two] of all.entries()) {
      const { will } = predictPunch(sideOfBehavior(one), sideOfBehavior(two));
      seen[will]++;
      const results = tryTcpPunch(
        [{ boxes: [one], startsAt: 100 * (j % 5) }, { boxes: [two], startsAt: 100 * (i % 3) }],
        { seed: i * all.length + j },
      );
      // Who dials several ports of one NAT that all lead to one port behind it makes one connection of
      // several there, and the end of one is the end of all
      const merges = [one, two].some((behavior) =>
        sideOfBehavior(behavior).mapping.depends &&
        behavior.filtering !== "address-and-port-dependent"
      );
      const [{ outcome: first }, { outcome: second }] = results;
      assertEquals(first?.kind, second?.kind);
      const end = merges ? first!.kind : endOf(results);
      // A port that was predicted may let two meet who could not be sure of it
      const counts = [one, two].some(({ portAllocation }) => portAllocation !== "random");
      const agrees = will === "unknown" || (will === "yes") === (end === "connected") ||
        (will === "no" && counts);
      assert(agrees, `${JSON.stringify([one, two])}: ${end}, foretold ${will}`);
    }
  }
  assert(seen.yes > 100 && seen.no > 100 && seen.unknown > 50, JSON.stringify(seen));
});

Deno.test("TcpPunch: every pair that loses one packet of ten connects, whoever is late", () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new SimRandom(seed);
    const side = (): TcpTrialSide => ({
      boxes: NAT_PRESETS["port-restricted-cone"].boxes,
      link: { delayMs: random.integer(0, 145) },
      startsAt: random.integer(0, 2_000),
    });
    const end = endOf(tryTcpPunch([side(), side()], { seed, link: { loss: 0.1 } }));
    assertEquals(end, "connected", `seed ${seed}`);
  }
});

Deno.test("TcpPunch leaves nobody with a connection to who has failed, though three of ten are lost", () => {
  let connected = 0;
  for (let seed = 0; seed < 300; seed++) {
    const boxes = NAT_PRESETS["port-restricted-cone"].boxes;
    const sides = [{ boxes, startsAt: 7 * seed }, { boxes }] as const;
    const results = tryTcpPunch(sides, { seed, link: { loss: 0.3 } });
    if (results.some(({ outcome }) => outcome?.kind === "failed")) {
      assertEquals(results.map(({ isOpen }) => isOpen), [false, false], `seed ${seed}`);
    } else {
      assertEquals(endOf(results), "connected");
      connected++;
    }
  }
  assert(connected > 240, `${connected} of 300 have connected`);
});

Deno.test("TcpPunch: two hosts of one network connect directly", () => {
  for (const hairpinning of ["none", "external-source"] as const) {
    const results = tryTcpPunch([{ boxes: [{ hairpinning }] }, { boxes: [], behind: "first" }], {
      seed: 1,
    });
    assertEquals(endOf(results), "connected");
    assertEquals(
      results.map(({ outcome }) => outcome?.kind === "connected" && outcome.candidate?.kind),
      [
        "host",
        "host",
      ],
    );
  }
});

Deno.test("TcpPunch meets a NAT that counts at a port that was predicted", () => {
  const counting: NatBehavior = { ...NAT_PRESETS["symmetric-sequential"].boxes[0]! };
  for (let seed = 0; seed < 20; seed++) {
    const results = tryTcpPunch([{ boxes: [{}] }, { boxes: [counting] }], { seed });
    assertEquals(endOf(results), "connected");
    const [{ outcome }] = results;
    assertEquals(outcome?.kind === "connected" && outcome.candidate?.kind, "predicted");
  }
});

Deno.test("TcpPunch needs no listener where neither NAT maps each destination anew", () => {
  for (let seed = 0; seed < 20; seed++) {
    const boxes = NAT_PRESETS["port-restricted-cone"].boxes;
    const sides = [{ boxes, startsAt: 50 * seed }, { boxes }] as const;
    assertEquals(endOf(tryTcpPunch(sides, { seed, listens: false })), "connected");
  }
});

/** What both ended with; fails unless they agree, in time, and each application got what it was told. */
function endOf(results: readonly [TcpTrialResult, TcpTrialResult]): string {
  const [one, two] = results;
  const { outcome: first } = one;
  const { outcome: second } = two;
  assert(first !== undefined && second !== undefined);
  if (first.kind === "failed" || second.kind === "failed") {
    assert(first.kind === "failed" && second.kind === "failed", `${first.kind}, ${second.kind}`);
    for (const { elapsedMs, isOpen } of results) {
      assertEquals({ elapsedMs, isOpen }, { elapsedMs: 15_000, isOpen: false });
    }
    return first.code;
  }
  assertEquals([one.isOpen, two.isOpen], [true, true]);
  assertEquals([one.read, two.read], [two, one].map(({ description }) => greetingOf(description)));
  return "connected";
}

function sideOf(kind: NatPresetName): PunchSide {
  return sideOfBehavior(NAT_PRESETS[kind].boxes[0]!);
}

function sideOfBehavior(behavior: NatBehavior): PunchSide {
  const { mapping = "endpoint-independent", filtering = "address-and-port-dependent" } = behavior;
  const depends = mapping === "address-dependent" || mapping === "address-and-port-dependent";
  return { reachable: true, mapping: { value: mapping, depends }, filtering: { value: filtering } };
}
