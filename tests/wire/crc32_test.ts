import { assertEquals } from "@std/assert";
import { crc32 } from "../../lib/wire/mod.ts";

Deno.test("crc32() gives the check values of its catalogues", () => {
  for (const [text, value] of CHECKS) {
    assertEquals(crc32(new TextEncoder().encode(text)), value, text);
  }
});

Deno.test("crc32() is an unsigned number when its top bit is set", () => {
  assertEquals(crc32(Uint8Array.of(0)), 0xd202ef8d);
  assertEquals(crc32(Uint8Array.of(0xff, 0xff, 0xff, 0xff)), 0xffffffff);
});

Deno.test("crc32() differs when any single bit is flipped", () => {
  const bytes = new TextEncoder().encode("123456789");
  const seen = new Set([crc32(bytes)]);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    seen.add(crc32(bytes));
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  assertEquals(seen.size, 8 * bytes.length + 1);
});

const CHECKS: readonly (readonly [text: string, value: number])[] = [
  ["", 0],
  ["a", 0xe8b7be43],
  ["123456789", 0xcbf43926],
  ["The quick brown fox jumps over the lazy dog", 0x414fa339],
];
