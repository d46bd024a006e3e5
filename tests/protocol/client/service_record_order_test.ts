import { assert, assertEquals } from "@std/assert";
import { orderServiceRecords, type ServiceRecord } from "../../../lib/protocol/client/mod.ts";
import { SimRandom } from "../../sim/sim_random.ts";

Deno.test("orderServiceRecords() gives nothing for nothing", () => {
  assertEquals(orderServiceRecords([], () => 0), []);
});

Deno.test("orderServiceRecords() puts the lowest priority first, whatever the weights", () => {
  const records = [record("c", 20, 65535), record("a", 0, 0), record("b", 10, 1)];
  for (const lot of [0, 0.5, 0.999]) {
    assertEquals(names(orderServiceRecords(records, () => lot)), "abc");
  }
});

Deno.test("orderServiceRecords() takes the record in whose share the lot falls", () => {
  // RFC 2782: running sums 0, 1, 4 over "z", "a", "b"; a lot of 0 to 4
  const records = [record("a", 1, 1), record("b", 1, 3), record("z", 1, 0)];
  const first = (lot: number) => names(orderServiceRecords(records, () => lot / 5))[0];
  assertEquals([0, 1, 2, 3, 4].map(first), ["z", "a", "b", "b", "b"]);
});

Deno.test("orderServiceRecords() draws once for every record", () => {
  let draws = 0;
  const order = orderServiceRecords(
    [record("a", 1, 1), record("b", 2, 1), record("c", 1, 1)],
    () => (draws++, 0.999),
  );
  assertEquals([names(order), draws], ["cab", 3]);
});

Deno.test("orderServiceRecords() gives every record once, and keeps its argument", () => {
  const random = new SimRandom(1);
  for (let round = 0; round < 200; round++) {
    const records = Array.from({ length: random.integer(0, 8) }, (_, i) => {
      return record(String.fromCharCode(97 + i), random.integer(0, 2), random.integer(0, 3));
    });
    const before = structuredClone(records);
    const order = orderServiceRecords(records, () => random.unit());
    assertEquals(records, before);
    assertEquals(order.toSorted((a, b) => a.target < b.target ? -1 : 1), records);
    assert(order.every(({ priority }, i) => priority >= (order[i - 1]?.priority ?? 0)));
  }
});

Deno.test("orderServiceRecords() puts records first as often as their weights say", () => {
  const random = new SimRandom(7);
  const records = [record("a", 1, 600), record("b", 1, 300), record("c", 1, 100)];
  const firsts = { a: 0, b: 0, c: 0 };
  for (let round = 0; round < 10_000; round++) {
    const [first] = orderServiceRecords(records, () => random.unit());
    firsts[first!.target as keyof typeof firsts]++;
  }
  const shares = Object.values(firsts).map((count) => Math.round(count / 100) / 100);
  assertEquals(shares.map((share) => Math.round(share * 10)), [6, 3, 1]);
});

function record(target: string, priority: number, weight: number): ServiceRecord {
  return { target, priority, weight, port: 3478 };
}

function names(records: readonly ServiceRecord[]): string {
  return records.map(({ target }) => target).join("");
}
