import { assertEquals } from "@std/assert";
import type { PunchSide } from "../../../lib/protocol/discovery/mod.ts";
import { planPunch, type PunchDescription } from "../../../lib/protocol/punch/mod.ts";
import { otherDescription, punchDescription } from "./punch_description_cases.ts";

const STABLE = side("endpoint-independent");
const RESTRICTED = side("endpoint-independent", "address-and-port-dependent");
const MOVING = side("address-and-port-dependent");
const MOVING_RESTRICTED = side("address-and-port-dependent", "address-and-port-dependent");
const DEAF: PunchSide = { ...side("unknown"), reachable: false };

for (
  const [what, one, other, plan] of [
    ["what works over both", { tcp: STABLE, udp: STABLE }, { tcp: STABLE, udp: STABLE }, [
      ["tcp", "yes"],
      ["udp", "yes"],
    ]],
    ["UDP alone that works", { tcp: MOVING, udp: STABLE }, { tcp: STABLE, udp: STABLE }, [
      ["udp", "yes"],
      ["tcp", "unknown"],
    ]],
    ["TCP alone that works", { tcp: STABLE, udp: MOVING }, { tcp: STABLE, udp: STABLE }, [
      ["tcp", "yes"],
      ["udp", "unknown"],
    ]],
    ["nothing that is known to work", { tcp: MOVING, udp: MOVING }, { tcp: STABLE, udp: STABLE }, [
      ["tcp", "unknown"],
      ["udp", "unknown"],
    ]],
    ["sides that tell nothing", { tcp: undefined, udp: undefined }, { tcp: STABLE, udp: STABLE }, [
      ["tcp", "unknown"],
      ["udp", "unknown"],
    ]],
    ["TCP that cannot work", { tcp: DEAF, udp: undefined }, { tcp: STABLE, udp: STABLE }, [
      ["udp", "unknown"],
    ]],
    ["UDP that cannot work", { tcp: STABLE, udp: MOVING_RESTRICTED }, {
      tcp: STABLE,
      udp: RESTRICTED,
    }, [["tcp", "yes"]]],
    ["nothing that can work", { tcp: DEAF, udp: MOVING_RESTRICTED }, {
      tcp: STABLE,
      udp: RESTRICTED,
    }, [["tcp", "no"], ["udp", "no"]]],
    ["one side's UDP alone", { udp: STABLE }, { tcp: STABLE, udp: STABLE }, [["udp", "yes"]]],
    ["nothing in common", { udp: STABLE }, { tcp: STABLE }, []],
    ["no descriptions", {}, {}, []],
  ] as const satisfies readonly Case[]
) {
  Deno.test(`planPunch() tells both sides the same of ${what}`, () => {
    const here = descriptions(one, punchDescription);
    const there = descriptions(other, otherDescription);
    for (const [a, b] of [[here, there], [there, here], [here.toReversed(), there]] as const) {
      assertEquals(
        planPunch(a, b).map(({ transport, prediction: { will } }) => [transport, will]),
        plan.map((planned) => [...planned]),
      );
    }
  });
}

/** What is known of a side over each transport that it has. */
type Sides = Partial<Record<PunchDescription["transport"], PunchSide | undefined>>;
type Case = readonly [string, Sides, Sides, readonly (readonly [string, string])[]];

function descriptions(sides: Sides, describe: typeof punchDescription): PunchDescription[] {
  return (["udp", "tcp"] as const).filter((transport) => transport in sides)
    .map((transport) => describe({ transport, side: sides[transport] }));
}

function side(
  mapping: PunchSide["mapping"]["value"],
  filtering: PunchSide["filtering"]["value"] = "unknown",
): PunchSide {
  const depends = mapping === "address-and-port-dependent";
  return { reachable: true, mapping: { value: mapping, depends }, filtering: { value: filtering } };
}
