import { assertEquals } from "@std/assert";
import { PunchPath } from "../../../lib/protocol/punch/punch_path.ts";
import { simAddress } from "../../sim/mod.ts";

Deno.test("PunchPath plans checks fast at first, twice a second, and after long every 2 s", () => {
  const path = makePath();
  const waits = checkInVain(path, 60);
  assertEquals(waits.slice(0, 3), [100, 130, 169]);
  assertEquals(new Set(waits.slice(8, 39)), new Set([500]));
  assertEquals(new Set(waits.slice(45)), new Set([2_000]));
});

Deno.test("PunchPath is fast again once the other side was heard", () => {
  const path = makePath();
  checkInVain(path, 60);
  path.trigger(100_000);
  assertEquals(path.nextCheck, 100_000);
  assertEquals(checkInVain(path, 2), [100, 130]);
});

Deno.test("PunchPath.answered() takes one answer to each check, and tells its round trip", () => {
  const path = makePath();
  path.sent(idOf(1), { at: 10, nominates: false });
  path.sent(idOf(2), { at: 20, nominates: true });
  assertEquals([path.isValid, path.rttMs], [false, undefined]);
  assertEquals(path.answered(idOf(3), 25), undefined);
  assertEquals(path.answered(idOf(2), 50), { at: 20, nominates: true });
  assertEquals(path.answered(idOf(2), 51), undefined);
  assertEquals([path.isValid, path.rttMs], [true, 30]);
});

Deno.test("PunchPath knows the latest 16 checks", () => {
  const path = makePath();
  for (let i = 0; i < 17; i++) path.sent(idOf(i), { at: i, nominates: false });
  assertEquals(path.answered(idOf(0), 20), undefined);
  assertEquals(path.answered(idOf(1), 20), { at: 1, nominates: false });
});

function makePath(): PunchPath {
  return new PunchPath(simAddress("192.0.2.1:1000"), { kind: "host", nextCheck: 0 });
}

/** Checks when it is due, so often, and returns the waits after each. */
function checkInVain(path: PunchPath, times: number): readonly number[] {
  return Array.from({ length: times }, (_, i) => {
    const at = path.nextCheck;
    path.sent(idOf(1_000 + i), { at, nominates: false });
    return Math.round(path.nextCheck - at);
  });
}

function idOf(number: number): Uint8Array {
  return new Uint8Array(12).fill(number & 255, 0, 6).fill(number >> 8, 6);
}
