import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { SimRandom } from "./sim_random.ts";

Deno.test("SimRandom gives the same numbers for the same seed and others for another", () => {
  const draw = (seed: number) => {
    const random = new SimRandom(seed);
    return Array.from({ length: 5 }, () => random.u32());
  };
  assertEquals(draw(1), draw(1));
  const drawn = [0, 1, 2, -1, 2 ** 32, 2 ** 33, Number.MAX_SAFE_INTEGER].map((seed) =>
    draw(seed).join()
  );
  assertEquals(new Set(drawn).size, drawn.length);
});

Deno.test("SimRandom.integer() gives every integer of the range evenly", () => {
  const random = new SimRandom(3);
  const counts = new Array<number>(6).fill(0);
  for (let i = 0; i < 60_000; i++) counts[random.integer(0, 5)]!++;
  for (const count of counts) assertAlmostEquals(count, 10_000, 400);
});

Deno.test("SimRandom.chance() draws no number for certainties", () => {
  const one = new SimRandom(4);
  const other = new SimRandom(4);
  assertEquals([one.chance(0), one.chance(1)], [false, true]);
  assertEquals(one.u32(), other.u32());
});

Deno.test("SimRandom.bytes() gives bytes of every value", () => {
  const bytes = new SimRandom(5).bytes(10_000);
  assert(new Set(bytes).size === 256);
});

Deno.test("SimRandom refuses a seed that is not a safe integer", () => {
  assertThrows(() => new SimRandom(0.5), RangeError, "the seed is 0.5, wanted a safe integer");
});
