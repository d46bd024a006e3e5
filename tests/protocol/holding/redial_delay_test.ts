import { assertEquals } from "@std/assert";
import { redialDelayMs } from "../../../lib/protocol/holding/mod.ts";

Deno.test("redialDelayMs() doubles up to a minute, and takes half of it or more", () => {
  const delays = (random: Uint8Array) =>
    [0, 1, 2, 3, 4, 5, 6, 7, 2000].map((failures) => redialDelayMs(failures, random));
  assertEquals(delays(Uint8Array.of(0, 0)), [
    ...[500, 1000, 2000, 4000, 8000, 16_000],
    ...[30_000, 30_000, 30_000],
  ]);
  assertEquals(delays(Uint8Array.of(255, 255)), [
    ...[1000, 2000, 4000, 8000, 16_000, 32_000],
    ...[60_000, 60_000, 60_000],
  ]);
});
