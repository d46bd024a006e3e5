import { assertEquals } from "@std/assert";
import { interleaveFamilies } from "../../../lib/protocol/client/mod.ts";
import { formatIp, parseIp } from "../../../lib/wire/mod.ts";

const CASES: readonly (readonly [ips: string, wanted: string])[] = [
  ["", ""],
  ["192.0.2.1", "192.0.2.1"],
  ["::1 ::2", "::1 ::2"],
  ["::1 ::2 192.0.2.1 192.0.2.2", "::1 192.0.2.1 ::2 192.0.2.2"],
  ["192.0.2.1 192.0.2.2 192.0.2.3 ::1", "192.0.2.1 ::1 192.0.2.2 192.0.2.3"],
  ["192.0.2.1 ::1 ::2 ::3", "192.0.2.1 ::1 ::2 ::3"],
];
for (const [ips, wanted] of CASES) {
  Deno.test(`interleaveFamilies() gives "${wanted}" for "${ips}"`, () => {
    assertEquals(interleaveFamilies(read(ips)).map(formatIp).join(" "), wanted);
  });
}

function read(ips: string): Uint8Array[] {
  return ips.split(" ").filter((ip) => ip !== "").map((ip) => {
    const parsed = parseIp(ip);
    if (!parsed.ok) throw new TypeError(parsed.reason);
    return parsed.value;
  });
}
