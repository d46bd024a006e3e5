import { assert, assertEquals, assertThrows } from "@std/assert";
import { systemClock } from "../../lib/ops/mod.ts";

Deno.test("systemClock.now() never goes back", () => {
  const first = systemClock.now();
  assert(systemClock.now() >= first);
});

Deno.test("systemClock.wallTime() is the date in milliseconds since 1970", () => {
  const before = Date.now();
  const now = systemClock.wallTime();
  assert(before <= now && now <= Date.now());
});

Deno.test("systemClock.setTimer() calls back once the time has passed", async () => {
  const start = systemClock.now();
  await new Promise<void>((resolve) => systemClock.setTimer(5, resolve));
  // Timers are rounded to whole milliseconds.
  assert(systemClock.now() - start >= 4);
});

Deno.test("systemClock.setTimer() does not call back when it is called off", async () => {
  const fired: string[] = [];
  const cancel = systemClock.setTimer(1, () => fired.push("cancelled"));
  cancel();
  await new Promise<void>((resolve) => systemClock.setTimer(5, resolve));
  cancel();
  assertEquals(fired, []);
});

Deno.test("systemClock.setTimer() waits when the time is more than setTimeout can take", async () => {
  const fired: string[] = [];
  const cancel = systemClock.setTimer(2 ** 31 + 5, () => fired.push("early"));
  const cancelEndless = systemClock.setTimer(Infinity, () => fired.push("ever"));
  await new Promise<void>((resolve) => systemClock.setTimer(5, resolve));
  cancel();
  cancelEndless();
  assertEquals(fired, []);
});

Deno.test("systemClock.setTimer() throws when the time is not a number", () => {
  assertThrows(
    () => systemClock.setTimer(NaN, () => {}),
    RangeError,
    "Cannot set a timer: found NaN, wanted milliseconds",
  );
});
