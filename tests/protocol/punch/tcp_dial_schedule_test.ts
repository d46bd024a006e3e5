import { assertEquals } from "@std/assert";
import {
  type TcpDialFailure,
  TcpDialSchedule,
} from "../../../lib/protocol/punch/tcp_dial_schedule.ts";
import { simAddress } from "../../sim/mod.ts";

const ADDRESS = simAddress("192.0.2.3:45664");

for (
  const [why, tookMs, quickDials, least, most] of [
    ["timed-out", 4000, 10, 250, 1000],
    ["refused", 0, 10, 0, 16],
    ["refused", 40, 10, 0, 160],
    ["reset", 40, 10, 0, 160],
    ["unreachable", 40, 10, 0, 0],
    ["unreachable", 0, 10, 8, 8],
    ["unreachable", 40, 0, 250, 1000],
    ["refused", 600, 10, 0, 300],
    ["refused", 40, 0, 250, 1000],
    ["in-use", 0, 10, 250, 1000],
    ["other", 0, 10, 250, 1000],
  ] as const satisfies readonly (readonly [TcpDialFailure, ...number[]])[]
) {
  const left = quickDials === 0 ? "without quick attempts left " : "";
  Deno.test(`TcpDialSchedule ${left}waits ${least} to ${most} ms when ${why} in ${tookMs} ms`, () => {
    const pauses = [0, 1].map((chance) => {
      const schedule = scheduleOf({ quickDials, draw: () => chance });
      schedule.begin(1000);
      schedule.fail(why, 1000 + tookMs);
      return schedule.nextAt - 1000 - tookMs;
    });
    assertEquals(pauses, [least, most]);
  });
}

Deno.test("TcpDialSchedule begins at its time, counts, and has so many quick attempts only", () => {
  const schedule = scheduleOf({ quickDials: 2, draw: () => 0 });
  assertEquals([schedule.nextAt, schedule.dials], [1000, 0]);
  const pauses = [1, 2, 3].map((i) => {
    schedule.begin(1000 * i);
    schedule.fail("refused", 1000 * i);
    return schedule.nextAt - 1000 * i;
  });
  assertEquals({ pauses, dials: schedule.dials }, { pauses: [0, 0, 250], dials: 3 });
});

Deno.test("TcpDialSchedule uses up no quick attempt on what was not refused", () => {
  const schedule = scheduleOf({ quickDials: 1, draw: () => 0 });
  for (const why of ["timed-out", "in-use", "other"] as const) schedule.fail(why, 1000);
  schedule.fail("refused", 1000);
  assertEquals(schedule.nextAt, 1000);
});

function scheduleOf(
  options: { readonly quickDials: number; readonly draw: () => number },
): TcpDialSchedule {
  const candidate = { kind: "reflexive", address: ADDRESS } as const;
  return new TcpDialSchedule({ candidate, startsAt: 1000, ...options });
}
