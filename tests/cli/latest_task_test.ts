import { assertEquals } from "@std/assert";
import { LatestTask } from "../../lib/cli/latest_task.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

Deno.test("LatestTask does what it is offered, one after the other", async () => {
  const { task, begun, end, clock } = drill();
  task.offer("a");
  assertEquals(begun, ["a"]);
  await end("a");
  task.offer("b");
  assertEquals(begun, ["a", "b"]);
  await end("b");
  await task.close({ clock, graceMs: 10 });
});

Deno.test("LatestTask skips what is out of date when its turn comes", async () => {
  const { task, begun, end, clock } = drill();
  for (const name of ["a", "b", "c", "d"]) task.offer(name);
  assertEquals(begun, ["a"]);
  await end("a");
  assertEquals(begun, ["a", "d"]);
  await end("d");
  assertEquals(begun, ["a", "d"]);
  await task.close({ clock, graceMs: 10 });
});

Deno.test("LatestTask.close() gives the task that runs a moment, and begins no other", async () => {
  const { task, begun, signals, clock } = drill();
  task.offer("a");
  task.offer("b");
  const closing = task.close({ clock, graceMs: 1000 });
  task.offer("c");
  clock.advance(999);
  assertEquals(signals[0]!.aborted, false);
  clock.advance(1);
  assertEquals(signals[0]!.aborted, true);
  await closing;
  assertEquals([begun, clock.timers], [["a"], []]);
});

Deno.test("LatestTask.close() returns when there is nothing to do", async () => {
  const { task, clock } = drill();
  await task.close({ clock, graceMs: 1000 });
  assertEquals(clock.timers, []);
});

/** A task that goes on until the test ends it, or it is called off. */
function drill() {
  const begun: string[] = [];
  const signals: AbortSignal[] = [];
  const running = new Map<string, () => void>();
  const task = new LatestTask((name: string, signal: AbortSignal) => {
    begun.push(name);
    signals.push(signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    running.set(name, resolve);
    signal.addEventListener("abort", () => resolve());
    return promise;
  });
  const end = async (name: string) => {
    running.get(name)!();
    for (let turns = 0; turns < 10; turns++) await Promise.resolve();
  };
  return { task, begun, signals, end, clock: new VirtualClock() };
}
