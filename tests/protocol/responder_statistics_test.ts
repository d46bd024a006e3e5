import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type OutcomeCount,
  OUTCOMES,
  ResponderStatistics,
  type TransportProtocol,
} from "../../lib/protocol/mod.ts";

Deno.test("ResponderStatistics.counts() gives nothing when nothing has been counted", () => {
  const statistics = new ResponderStatistics();
  assertEquals([...statistics.counts()], []);
  assertEquals(OUTCOMES.map((outcome) => statistics.total(outcome)), OUTCOMES.map(() => 0));
});

Deno.test("ResponderStatistics.counts() keeps every transport, family and outcome apart", () => {
  const statistics = new ResponderStatistics();
  const wanted: OutcomeCount[] = [];
  for (const transport of TRANSPORTS) {
    for (const family of FAMILIES) {
      for (const outcome of OUTCOMES) {
        const count = wanted.length + 1;
        for (let i = 0; i < count; i++) statistics.add(transport, family, outcome);
        wanted.push({ transport, family, outcome, count });
      }
    }
  }
  assertEquals([...statistics.counts()], wanted);
});

Deno.test("ResponderStatistics.total() adds up the transports and families", () => {
  const event = fc.tuple(
    fc.constantFrom(...TRANSPORTS),
    fc.constantFrom(...FAMILIES),
    fc.constantFrom(...OUTCOMES),
  );
  fc.assert(fc.property(fc.array(event), (events) => {
    const statistics = new ResponderStatistics();
    for (const one of events) statistics.add(...one);
    for (const outcome of OUTCOMES) {
      const found = events.filter(([, , other]) => other === outcome).length;
      assertEquals(statistics.total(outcome), found);
    }
  }));
});

Deno.test("OUTCOMES tells the kind of each outcome in its first word", () => {
  assertEquals(
    [...new Set(OUTCOMES.map((outcome) => outcome.split("-")[0]))],
    ["success", "error", "drop"],
  );
  assertEquals(new Set(OUTCOMES).size, OUTCOMES.length);
});

const TRANSPORTS: readonly TransportProtocol[] = ["udp", "tcp", "tls"];
const FAMILIES = [4, 6] as const;
