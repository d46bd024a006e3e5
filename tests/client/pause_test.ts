import { assertEquals } from "@std/assert";
import { pause } from "../../lib/client/pause.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

Deno.test("pause() ends when its time has come, and not before", async () => {
  const clock = new VirtualClock();
  let over = false;
  const pausing = pause(100, { clock, signal: undefined }).then(() => over = true);
  clock.advance(99);
  await settle();
  assertEquals([over, clock.timers], [false, [100]]);
  clock.advance(1);
  await pausing;
  assertEquals([over, clock.timers], [true, []]);
});

Deno.test("pause() ends when what it waits for is there, and leaves no timer", async () => {
  const clock = new VirtualClock();
  const { promise, resolve } = Promise.withResolvers<void>();
  const pausing = pause(100, { clock, signal: undefined, until: promise });
  assertEquals(clock.timers, [100]);
  resolve();
  await pausing;
  assertEquals(clock.timers, []);
});

Deno.test("pause() ends when it is given up, and leaves no timer", async () => {
  const clock = new VirtualClock();
  const giveUp = new AbortController();
  const pausing = pause(100, { clock, signal: giveUp.signal });
  giveUp.abort();
  await pausing;
  assertEquals(clock.timers, []);
});

Deno.test("pause() does not begin once it is given up", async () => {
  const clock = new VirtualClock();
  await pause(100, { clock, signal: AbortSignal.abort() });
  assertEquals(clock.timers, []);
});

async function settle(): Promise<void> {
  await new Promise<void>((resolve) => queueMicrotask(resolve));
}
