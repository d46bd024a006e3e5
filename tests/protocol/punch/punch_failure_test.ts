import { assertEquals } from "@std/assert";
import type { PunchSide } from "../../../lib/protocol/discovery/mod.ts";
import {
  explainPunchFailure,
  type PunchFailureCode,
  type PunchProgress,
} from "../../../lib/protocol/punch/mod.ts";
import { otherDescription, punchDescription } from "./punch_description_cases.ts";

const CONE = side("endpoint-independent", "address-and-port-dependent");
const SYMMETRIC = side("address-and-port-dependent", "address-and-port-dependent");
const MOVING: PunchSide = {
  reachable: true,
  mapping: { value: "unknown", depends: true },
  filtering: { value: "unknown" },
};

for (
  const [progress, sides, code, reason] of [
    ["nothing", [undefined, undefined], "unheard", "nothing was heard from the other side"],
    ["nothing", [CONE, CONE], "unheard", "nothing was heard from the other side"],
    [
      "nothing",
      [MOVING, undefined],
      "unheard",
      "nothing was heard from the other side; the NAT of this side gives each destination " +
      "another port",
    ],
    [
      "nothing",
      [undefined, MOVING],
      "unheard",
      "nothing was heard from the other side; the NAT of the other side gives each destination " +
      "another port",
    ],
    [
      "nothing",
      [MOVING, MOVING],
      "unheard",
      "nothing was heard from the other side; the NATs of both sides give each destination " +
      "another port",
    ],
    [
      "nothing",
      [CONE, SYMMETRIC],
      "incompatible",
      "one side's port cannot be told beforehand, and the other lets in no other port; a relay " +
      "is needed",
    ],
    [
      "refusals",
      [undefined, MOVING],
      "refused",
      "the other side, or its NAT, refuses every connection; the NAT of the other side gives each " +
      "destination another port",
    ],
    [
      "strangers",
      [CONE, undefined],
      "unauthentic",
      "something was heard, but nothing under the other side's credentials; are both codes of " +
      "this very punch?",
    ],
    [
      "peer",
      [undefined, undefined],
      "one-way",
      "the other side is heard here, but does not hear this one",
    ],
    [
      "path",
      [CONE, SYMMETRIC],
      "unagreed",
      "a path was found, but the other side did not agree to it in time",
    ],
  ] as const satisfies readonly (readonly [
    PunchProgress,
    readonly [PunchSide | undefined, PunchSide | undefined],
    PunchFailureCode,
    string,
  ])[]
) {
  const [one, other] = sides.map((side) => side?.mapping.value ?? "not told");
  Deno.test(`explainPunchFailure() of ${progress} heard, ${one} and ${other}`, () => {
    const local = punchDescription({ side: sides[0] });
    const remote = otherDescription({ side: sides[1] });
    assertEquals(explainPunchFailure({ local, remote }, progress), {
      kind: "failed",
      code,
      reason,
    });
  });
}

function side(
  mapping: PunchSide["mapping"]["value"],
  filtering: PunchSide["filtering"]["value"],
): PunchSide {
  const depends = mapping !== "endpoint-independent";
  return { reachable: true, mapping: { value: mapping, depends }, filtering: { value: filtering } };
}
