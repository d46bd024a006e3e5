import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { WireWriter } from "../../lib/wire/mod.ts";

Deno.test("WireWriter writes numbers in network byte order", () => {
  const into = new WireWriter();
  into.u8(0x01);
  into.u16(0x0203);
  into.u32(0x84050607);
  into.bytes(Uint8Array.of(8, 9));
  into.zeros(2);
  assertEquals(into.finish().toHex(), "0102038405060708090000");
  assertEquals(into.length, 11);
});

Deno.test("WireWriter keeps what it holds when it grows from any capacity", () => {
  for (let capacity = 0; capacity < 12; capacity++) {
    const into = new WireWriter(capacity);
    for (let i = 0; i < 100; i++) into.u8(i);
    into.bytes(new Uint8Array(1000).fill(7));
    into.u32(0xfffefdfc);
    const bytes = into.finish();
    assertEquals(bytes.subarray(0, 100), Uint8Array.from({ length: 100 }, (_, i) => i));
    assertEquals(bytes.subarray(100, 1100), new Uint8Array(1000).fill(7));
    assertEquals(bytes.subarray(1100), Uint8Array.of(0xff, 0xfe, 0xfd, 0xfc));
  }
});

Deno.test("WireWriter.patchU16() overwrites two bytes and no more", () => {
  const into = new WireWriter();
  into.u32(0xaaaaaaaa);
  into.patchU16(1, 0x1234);
  assertEquals(into.finish().toHex(), "aa1234aa");
});

Deno.test("WireWriter.finish() gives bytes of its own when the writer goes on", () => {
  const into = new WireWriter();
  into.u16(0x0102);
  const first = into.finish();
  into.reset();
  into.u16(0x0304);
  assertEquals(first.toHex(), "0102");
  assertEquals(first.buffer.byteLength, 2);
  assertNotStrictEquals(into.finish().buffer, first.buffer);
});

Deno.test("WireWriter.reset() forgets the bytes and keeps the buffer", () => {
  const into = new WireWriter(8);
  into.u32(0xffffffff);
  const { buffer } = into.view;
  into.reset();
  assertEquals(into.length, 0);
  into.zeros(2);
  assertEquals(into.view.toHex(), "0000");
  assertStrictEquals(into.view.buffer, buffer);
});
