import { assertEquals } from "@std/assert";
import { looksLikeStun } from "../../lib/wire/looks_like_stun.ts";

Deno.test("looksLikeStun() takes a message of every class and of methods to come", () => {
  for (const type of [0x0001, 0x0011, 0x0101, 0x0111, 0x0003, 0x03ff]) {
    assertEquals(looksLikeStun(message({ type })), true, `type ${type}`);
  }
});

Deno.test("looksLikeStun() goes by the first byte as RFC 7983 cuts its range", () => {
  const taken = Array.from({ length: 256 }, (_, first) => first)
    .filter((first) => looksLikeStun(message({ type: (first << 8) | 1 })));
  assertEquals(taken, [0, 1, 2, 3]);
});

Deno.test("looksLikeStun() takes a message with attributes", () => {
  assertEquals(looksLikeStun(message({ attributeBytes: 1480 })), true);
});

Deno.test("looksLikeStun() refuses every prefix of a message and a message with a byte too many", () => {
  const whole = message({ attributeBytes: 8 });
  for (let length = 0; length < whole.length; length++) {
    assertEquals(looksLikeStun(whole.subarray(0, length)), false, `${length} bytes`);
  }
  assertEquals(looksLikeStun(whole), true);
  assertEquals(looksLikeStun(Uint8Array.of(...whole, 0)), false);
});

Deno.test("looksLikeStun() refuses a length that is not a multiple of 4", () => {
  for (const attributeBytes of [1, 2, 3]) {
    assertEquals(looksLikeStun(message({ attributeBytes })), false);
  }
});

Deno.test("looksLikeStun() refuses another cookie in any of its bytes, so RFC 3489 too", () => {
  for (let i = 4; i < 8; i++) {
    const bytes = message({});
    bytes[i]! ^= 1;
    assertEquals(looksLikeStun(bytes), false, `byte ${i}`);
  }
});

function message(
  { type = 0x0001, attributeBytes = 0 }: { type?: number; attributeBytes?: number },
): Uint8Array {
  const bytes = new Uint8Array(20 + attributeBytes);
  bytes.set([type >> 8, type & 0xff, attributeBytes >> 8, attributeBytes & 0xff]);
  bytes.set([0x21, 0x12, 0xa4, 0x42], 4);
  return bytes;
}
