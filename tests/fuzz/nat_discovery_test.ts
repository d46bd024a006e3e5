import { assertEquals } from "@std/assert";
import {
  discover,
  expectedOutcome,
  mistakes,
  NAT_CASES,
  outcomeOf,
  SERVER_CASES,
} from "../protocol/discovery/nat_discovery_cases.ts";

// A thousand take ten minutes: SEEDS=1000 deno test --allow-env=SEEDS tests/fuzz/nat_discovery_test.ts
const asked = Deno.permissions.querySync({ name: "env", variable: "SEEDS" }).state === "granted";
const SEEDS = Number((asked && Deno.env.get("SEEDS")) || 20);

for (const { name, servers, tells } of SERVER_CASES) {
  Deno.test(`discoverUdpNat() is never wrong with ${name}: every NAT, ${SEEDS} seeds`, () => {
    const link = { loss: 0.1, delayMs: 20, jitterMs: 40, reordering: 0.05, duplication: 0.02 };
    const wrong: string[] = [];
    let complete = 0;
    let unknown = 0;
    for (const { name, boxes, truth } of NAT_CASES) {
      const expected = JSON.stringify(expectedOutcome(truth, tells));
      for (let seed = 0; seed < SEEDS; seed++) {
        const { report } = discover({ boxes, servers, seed, link });
        const found = mistakes(report, { boxes, truth, honest: true });
        if (found.length > 0) wrong.push(`${name}, seed ${seed}: ${found.join("; ")}`);
        else if (JSON.stringify(outcomeOf(report)) === expected) complete++;
        else unknown++;
      }
    }
    Deno.stderr.writeSync(new TextEncoder().encode(
      `\n${name}: ${complete} told all that can be told, ${unknown} less, ${wrong.length} wrong\n`,
    ));
    assertEquals(wrong, []);
  });
}
