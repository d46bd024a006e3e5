import { assert, assertEquals, assertThrows } from "@std/assert";
import { systemRandomness } from "../../lib/ops/mod.ts";

Deno.test("systemRandomness.bytes() gives as many bytes as wanted", () => {
  for (const length of [0, 1, 12, 65_536, 65_537, 200_000]) {
    assertEquals(systemRandomness.bytes(length).length, length);
  }
});

Deno.test("systemRandomness.bytes() fills every part of a long array", () => {
  const bytes = systemRandomness.bytes(150_000);
  for (let start = 0; start < bytes.length; start += 10_000) {
    assert(bytes.subarray(start, start + 10_000).some((byte) => byte !== 0));
  }
});

Deno.test("systemRandomness.bytes() gives other bytes each time", () => {
  const seen = new Set(Array.from({ length: 100 }, () => systemRandomness.bytes(12).join()));
  assertEquals(seen.size, 100);
});

Deno.test("systemRandomness.bytes() throws when the length is not a whole number", () => {
  for (const length of [-1, 1.5, NaN, Infinity]) {
    assertThrows(
      () => systemRandomness.bytes(length),
      RangeError,
      `Cannot make random bytes: found length ${length}, wanted 0 or more`,
    );
  }
});
