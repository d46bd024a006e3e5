import { assertEquals } from "@std/assert";
import { HoldingRecord } from "../../../lib/protocol/holding/mod.ts";

Deno.test("HoldingRecord knows a habit after two ends at the same age", () => {
  for (const [first, second] of [[3000, 3004], [60_000, 60_900], [300, 1200], [60_000, 65_500]]) {
    const record = new HoldingRecord();
    assertEquals(record.ended(after(first!)), false);
    assertEquals(record.closesAfterMs, undefined);
    assertEquals(record.ended(after(second!)), true);
    assertEquals(record.closesAfterMs, second);
    // Known once and for all
    assertEquals(record.ended(after(first!)), false);
  }
});

for (
  const [name, between] of [
    ["the ages differ", (record: HoldingRecord) => record.ended(after(9_000))],
    ["the server was away in between", (record: HoldingRecord) => record.failed()],
    [
      "this side ended one in between",
      (record: HoldingRecord) => record.ended({ ...after(3000), end: "by-us" }),
    ],
    [
      "the server answered nothing in between",
      (record: HoldingRecord) => record.ended({ ...after(3000), answers: 0 }),
    ],
  ] as const
) {
  Deno.test(`HoldingRecord knows no habit when ${name}`, () => {
    const record = new HoldingRecord();
    record.ended(after(3000));
    between(record);
    assertEquals(record.ended(after(3000)), false);
    assertEquals(record.closesAfterMs, undefined);
  });
}

Deno.test("HoldingRecord does not mind connections that are ended after hours", () => {
  const record = new HoldingRecord();
  for (let i = 0; i < 3; i++) assertEquals(record.ended(after(3_600_000)), false);
});

Deno.test("HoldingRecord forgets a habit when a connection lives twice as long", () => {
  const record = new HoldingRecord();
  record.ended(after(3000));
  record.ended(after(3000));
  record.alive(6000);
  assertEquals(record.closesAfterMs, 3000);
  record.alive(6001);
  assertEquals(record.closesAfterMs, undefined);
  assertEquals(record.ended(after(3000)), false);
});

function after(heldMs: number) {
  return { heldMs, answers: 2, end: "by-server" } as const;
}
