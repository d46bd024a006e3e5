import { assertEquals } from "@std/assert";
import { LatencySampler } from "../../lib/server/latency_sampler.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

Deno.test("LatencySampler.answered() takes the first of 64 measurements, in seconds per message", () => {
  const clock = new VirtualClock();
  const samples: number[] = [];
  const sampler = new LatencySampler({ observe: (seconds) => samples.push(seconds), clock });
  const begun = clock.now();
  clock.advance(8);
  sampler.answered(4, begun);
  for (let i = 1; i < 64; i++) sampler.answered(1, begun);
  assertEquals(samples, [0.002]);
  sampler.answered(1, begun);
  assertEquals(samples, [0.002, 0.008]);
});
