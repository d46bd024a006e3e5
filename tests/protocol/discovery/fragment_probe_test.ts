import { assertEquals } from "@std/assert";
import { probeFragments, type Verdict } from "../../../lib/protocol/discovery/mod.ts";
import {
  addSite,
  type NatBehavior,
  SimNetwork,
  SimStunServer,
  type SimStunServerOptions,
} from "../../sim/mod.ts";
import { runNatSteps } from "../../sim/run_nat_steps.ts";
import { FULL, NAT_CASES, PLAIN } from "./nat_discovery_cases.ts";

Deno.test("probeFragments() says yes behind every NAT that lets them through", () => {
  for (const { name, boxes, truth } of NAT_CASES) {
    if (truth.mapping !== undefined) assertEquals(probe(boxes).value, "yes", name);
  }
  assertEquals(probe([{}]), {
    value: "yes",
    confidence: "high",
    reason: "a request of 1624 bytes and an answer of 1624 passed",
  });
});

Deno.test("probeFragments() says no behind every NAT that drops them", () => {
  for (const { name, boxes, truth } of NAT_CASES) {
    if (truth.mapping === undefined || boxes.length === 0) continue;
    const dropping = boxes.map((box) => ({ ...box, fragments: "drop" } as const));
    assertEquals(probe(dropping).value, "no", name);
  }
  assertEquals(probe([{ fragments: "drop" }]), {
    value: "no",
    confidence: "medium",
    reason: "a request of 1624 bytes was not answered, small ones were",
  });
});

Deno.test("probeFragments() is not wrong where a tenth is lost each way", () => {
  for (let seed = 0; seed < 100; seed++) {
    const fragments = seed % 2 === 0 ? "pass" : "drop";
    const { value } = probe([{ fragments }], { seed, loss: 0.1 });
    assertEquals(value, fragments === "pass" ? "yes" : "no", `seed ${seed}`);
  }
});

for (
  const [when, server, reason] of [
    ["does not know PADDING", PLAIN, "the server does not know PADDING"],
    ["does not answer", { ...FULL, silentAfter: 0 }, "the server did not answer"],
    ["falls silent", { ...FULL, silentAfter: 1 }, "the server answers no more"],
    [
      "answers without padding",
      { ...FULL, lies: ["mapped-address-only"] },
      "the request passed, but the answer has only 32 bytes",
    ],
  ] as const satisfies readonly (readonly [string, SimStunServerOptions, string])[]
) {
  Deno.test(`probeFragments() cannot tell when the server ${when}`, () => {
    assertEquals(probe([{}], { server }), {
      value: "unknown",
      confidence: "none",
      reason: `this cannot be told: ${reason}`,
    });
  });
}

function probe(
  boxes: readonly NatBehavior[],
  options: {
    readonly server?: SimStunServerOptions;
    readonly seed?: number;
    readonly loss?: number;
  } = {},
): Verdict<"yes" | "no" | "unknown"> {
  const { seed = 0, loss = 0 } = options;
  const network = new SimNetwork({ seed, link: { loss } });
  const server = new SimStunServer(network, options.server ?? FULL).address;
  const { host } = addSite(network, { boxes, site: 1 });
  const transactionId = () => network.random.bytes(12);
  return runNatSteps(probeFragments({ server, transactionId }), { network, host }).value;
}
