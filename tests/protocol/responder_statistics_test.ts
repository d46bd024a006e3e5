import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type OutcomeCount,
  OUTCOMES,
  ResponderStatistics,
  STATISTICS_BYTES,
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

Deno.test("new ResponderStatistics() goes on with the counts that stand in its memory", () => {
  const memory = new SharedArrayBuffer(STATISTICS_BYTES);
  const first = new ResponderStatistics(memory);
  first.add("udp", 4, "success");
  const second = new ResponderStatistics(memory);
  second.add("udp", 4, "success");
  const counts = [{ transport: "udp", family: 4, outcome: "success", count: 2 }];
  assertEquals<unknown>([[...first.counts()], [...second.counts()]], [counts, counts]);
});

Deno.test("new ResponderStatistics() refuses memory of another size", () => {
  assertThrows(
    () => new ResponderStatistics(new ArrayBuffer(8)),
    RangeError,
    `Cannot count: the memory has 8 bytes, wanted ${STATISTICS_BYTES}`,
  );
});

Deno.test("ResponderStatistics.plus() adds up, and leaves what it adds as it was", () => {
  const [a, b, c] = [1, 2, 3].map((times) => {
    const statistics = new ResponderStatistics();
    for (let i = 0; i < times; i++) statistics.add("udp", 6, "error-401");
    statistics.declineDialBack("unsupported");
    return statistics;
  });
  b!.add("tcp", 4, "success");
  const sum = a!.plus([b!, c!]);
  a!.add("udp", 6, "error-401");
  assertEquals<unknown>([...sum.counts()], [
    { transport: "udp", family: 6, outcome: "error-401", count: 6 },
    { transport: "tcp", family: 4, outcome: "success", count: 1 },
  ]);
  assertEquals([...sum.declinedDialBacks], [["unsupported", 3]]);
  assertEquals(c!.total("error-401"), 3);
});

const TRANSPORTS: readonly TransportProtocol[] = ["udp", "tcp", "tls"];
const FAMILIES = [4, 6] as const;
