import { assert, assertEquals } from "@std/assert";
import {
  type NatFiltering,
  type NatMapping,
  predictPunch,
  type PunchPrediction,
  type PunchSide,
} from "../../../lib/protocol/discovery/mod.ts";
import type { NatBehavior } from "../../sim/mod.ts";
import { tryPunch } from "./punch_trial.ts";

const MAPPINGS = [
  "none",
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent",
] as const satisfies readonly NatMapping[];
const FILTERINGS = [
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent",
] as const satisfies readonly NatFiltering[];

/** All that is known completely, all in which something is unknown, and a side without transport. */
const KNOWN = MAPPINGS.flatMap((mapping) =>
  FILTERINGS.map((filtering) => side(mapping, { filtering }))
);
const VAGUE = [...MAPPINGS, "unknown" as const].flatMap((mapping) =>
  [...FILTERINGS, "unknown" as const].flatMap((filtering) => [
    side(mapping, { filtering }),
    ...mapping === "unknown" ? [side(mapping, { filtering, depends: true })] : [],
  ])
);
const BLOCKED = { ...side("unknown", { filtering: "unknown" }), reachable: false };

for (const mapping of MAPPINGS) {
  for (const filtering of FILTERINGS) {
    Deno.test(`predictPunch() agrees with the simulator on ${mapping} and ${filtering}`, () => {
      const a = side(mapping, { filtering });
      for (const b of KNOWN) {
        const { will } = predictPunch(a, b);
        for (let seed = 0; seed < 3; seed++) {
          const met = tryPunch([behaviorOf(a), behaviorOf(b)], seed);
          const what = `${b.mapping.value} and ${b.filtering.value}, seed ${seed}`;
          assert(will === "unknown" || will === (met ? "yes" : "no"), what);
        }
      }
    });
  }
}

Deno.test("predictPunch() leaves nothing open but what differs between NATs of one kind", () => {
  const open = KNOWN.flatMap((a) =>
    KNOWN.filter((b) => predictPunch(a, b).will === "unknown").map((b) => [a, b] as const)
  );
  for (const [a, b] of open) {
    const moving = [a, b].filter(({ mapping }) => mapping.depends);
    const filters = [a, b].map(({ filtering }) => filtering.value);
    const lax = moving.some(({ filtering }) => filtering.value === "endpoint-independent") &&
      filters.includes("address-and-port-dependent");
    const byAddress = moving.length === 2 && filters.every((one) => one === "address-dependent");
    assert(lax || byAddress, JSON.stringify([a, b]));
  }
  assertEquals(open.length, 20);
});

Deno.test("predictPunch() says the same of two sides in either order", () => {
  for (const a of [...VAGUE, BLOCKED]) {
    for (const b of [...VAGUE, BLOCKED]) {
      assertEquals(predictPunch(a, b).will, predictPunch(b, a).will);
    }
  }
});

Deno.test("predictPunch() says of what is unknown what holds for all that it can be", () => {
  for (const a of VAGUE) {
    for (const b of VAGUE) {
      const ends = new Set(
        fitting(a).flatMap((one) => fitting(b).map((two) => predictPunch(one, two).will)),
      );
      const [only] = ends;
      assertEquals(predictPunch(a, b).will, ends.size === 1 ? only : "unknown");
    }
  }
});

Deno.test("predictPunch() says no where one side is blocked", () => {
  for (const other of [...VAGUE, BLOCKED]) {
    assertEquals(predictPunch(BLOCKED, other), {
      will: "no",
      reason: "one side reaches nobody over this transport",
    });
  }
});

const CONE = "endpoint-independent";
const SYMMETRIC = "address-and-port-dependent";
for (
  const [a, b, will, reason] of [
    [
      [CONE, SYMMETRIC],
      [CONE, SYMMETRIC],
      "yes",
      "both sides are found where a server has seen them",
    ],
    [
      [CONE, SYMMETRIC],
      [SYMMETRIC, SYMMETRIC],
      "no",
      "one side's port cannot be told beforehand, and the other lets in no other port",
    ],
    [
      [SYMMETRIC, SYMMETRIC],
      [SYMMETRIC, SYMMETRIC],
      "no",
      "neither side's outside port can be told beforehand",
    ],
    [
      [CONE, "address-dependent"],
      [SYMMETRIC, SYMMETRIC],
      "yes",
      "one side lets in every port of an address that it has sent to",
    ],
    [
      [CONE, "unknown"],
      [SYMMETRIC, SYMMETRIC],
      "unknown",
      "the filtering of one side is not known",
    ],
    [
      ["unknown", SYMMETRIC],
      [CONE, SYMMETRIC],
      "unknown",
      "the mapping of one side is not known",
    ],
  ] as const satisfies readonly (readonly [
    readonly [NatMapping, NatFiltering],
    readonly [NatMapping, NatFiltering],
    PunchPrediction["will"],
    string,
  ])[]
) {
  Deno.test(`predictPunch() gives its reason: ${a} with ${b}`, () => {
    const sides = [a, b].map(([mapping, filtering]) => side(mapping, { filtering }));
    assertEquals(predictPunch(sides[0]!, sides[1]!), { will, reason });
  });
}

function side(
  mapping: NatMapping,
  { filtering, depends }: { readonly filtering: NatFiltering; readonly depends?: boolean },
): PunchSide {
  return {
    reachable: true,
    mapping: {
      value: mapping,
      depends: depends ??
        (mapping === "address-dependent" || mapping === "address-and-port-dependent"),
    },
    filtering: { value: filtering },
  };
}

/** All sides with nothing unknown that this one may be. */
function fitting({ mapping, filtering }: PunchSide): readonly PunchSide[] {
  return KNOWN.filter((one) =>
    (filtering.value === "unknown" || filtering.value === one.filtering.value) &&
    (mapping.value === one.mapping.value ||
      mapping.value === "unknown" && (!mapping.depends || one.mapping.depends))
  );
}

function behaviorOf({ mapping, filtering }: PunchSide): NatBehavior {
  assert(mapping.value !== "unknown" && filtering.value !== "unknown");
  return { mapping: mapping.value, filtering: filtering.value, portAllocation: "random" };
}
