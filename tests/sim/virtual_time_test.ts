import { assertEquals, assertThrows } from "@std/assert";
import { VirtualTime } from "./virtual_time.ts";

Deno.test("VirtualTime.run() rings timers in the order of their times, then of their setting", () => {
  const time = new VirtualTime();
  const rung: string[] = [];
  const expected: [number, string][] = [];
  // A permutation of 0 … 99 in tens, so that ten timers ring at each moment
  for (let i = 0; i < 100; i++) {
    const ms = Math.floor(((i * 37) % 100) / 10);
    time.setTimer(ms, () => rung.push(`${time.now}: ${i}`));
    expected.push([ms, `${ms}: ${i}`]);
  }
  time.run(9);
  assertEquals(rung, expected.sort(([a], [b]) => a - b).map(([, text]) => text));
  assertEquals(time.now, 9);
});

Deno.test("VirtualTime.run() stops after the moment that it is given", () => {
  const time = new VirtualTime();
  const rung: number[] = [];
  for (const ms of [5, 10, 11]) time.setTimer(ms, () => rung.push(ms));
  time.run(10);
  assertEquals(rung, [5, 10]);
  assertEquals([time.now, time.next], [10, 11]);
});

Deno.test("VirtualTime.run() rings what is set while it runs", () => {
  const time = new VirtualTime();
  const rung: number[] = [];
  const again = () => {
    rung.push(time.now);
    time.setTimer(3, again);
  };
  time.setTimer(0, again);
  time.run(9);
  assertEquals(rung, [0, 3, 6, 9]);
});

Deno.test("VirtualTime.setTimer() returns what calls the timer off", () => {
  const time = new VirtualTime();
  const rung: string[] = [];
  const cancel = time.setTimer(1, () => rung.push("called off"));
  time.setTimer(2, () => rung.push("kept"));
  cancel();
  assertEquals(time.next, 2);
  assertEquals([time.step(), time.step()], [true, false]);
  assertEquals(rung, ["kept"]);
});

Deno.test("VirtualTime.setTimer() refuses a time that never comes", () => {
  const time = new VirtualTime();
  for (const ms of [-1, NaN, Infinity]) {
    assertThrows(() => time.setTimer(ms, () => {}), RangeError, `${ms} ms, wanted 0 or more`);
  }
});

Deno.test("VirtualTime.runUntil() stops as soon as it is done, or at the limit", () => {
  const time = new VirtualTime();
  let rung = 0;
  for (const ms of [10, 20, 30]) time.setTimer(ms, () => rung++);
  assertEquals([time.runUntil(() => rung === 2, 100), time.now], [true, 20]);
  assertEquals([time.runUntil(() => rung === 5, 100), time.now, rung], [false, 100, 3]);
});
