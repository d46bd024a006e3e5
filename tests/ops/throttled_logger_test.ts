import { assertEquals } from "@std/assert";
import { type LogFields, type Logger, silentLogger, ThrottledLogger } from "../../lib/ops/mod.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

Deno.test("ThrottledLogger.warn() writes the first line of a message with its fields", () => {
  const { warnings, lines } = throttled();
  warnings.warn("too many connections", { limit: 3 });
  assertEquals(lines, [["too many connections", { limit: 3 }]]);
});

Deno.test("ThrottledLogger.warn() writes no fields when it is given none", () => {
  const { warnings, lines } = throttled();
  warnings.warn("cannot accept");
  assertEquals(lines, [["cannot accept", {}]]);
});

Deno.test("ThrottledLogger.warn() counts what comes within the interval and tells it after", () => {
  const { warnings, lines, clock } = throttled();
  for (let limit = 0; limit < 100; limit++) warnings.warn("full", { limit });
  clock.advance(59_999);
  warnings.warn("full", { limit: 100 });
  assertEquals(lines, [["full", { limit: 0 }]]);
  clock.advance(1);
  warnings.warn("full", { limit: 101 });
  assertEquals(lines, [["full", { limit: 0 }], ["full", { limit: 101, suppressed: 100 }]]);
});

Deno.test("ThrottledLogger.warn() counts anew after each line", () => {
  const { warnings, lines, clock } = throttled();
  const warnThenWait = (ms: number) => {
    warnings.warn("full");
    clock.advance(ms);
  };
  for (const ms of [0, 60_000, 0, 0, 60_000, 60_000, 0]) warnThenWait(ms);
  assertEquals(lines, [
    ["full", {}],
    ["full", { suppressed: 1 }],
    ["full", { suppressed: 2 }],
    ["full", {}],
  ]);
});

Deno.test("ThrottledLogger.warn() throttles each message by itself", () => {
  const { warnings, lines } = throttled();
  for (const message of ["full", "refused", "full", "refused"]) warnings.warn(message);
  assertEquals(lines, [["full", {}], ["refused", {}]]);
});

Deno.test("ThrottledLogger.warn() keeps the interval that it was given", () => {
  const { warnings, lines, clock } = throttled(10);
  for (let ms = 0; ms < 30; ms++) {
    warnings.warn("full");
    clock.advance(1);
  }
  assertEquals(lines, [["full", {}], ["full", { suppressed: 9 }], ["full", { suppressed: 9 }]]);
});

function throttled(intervalMs?: number) {
  const clock = new VirtualClock();
  const lines: [string, LogFields | undefined][] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (message, fields) => void lines.push([message, fields]),
  };
  const warnings = new ThrottledLogger({
    logger,
    clock,
    ...intervalMs === undefined ? {} : { intervalMs },
  });
  return { warnings, lines, clock };
}
