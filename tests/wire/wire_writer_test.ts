import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { WireWriter } from "../../lib/wire/mod.ts";

Deno.test("WireWriter writes numbers in network byte order", () => {
  const into = new WireWriter();
  into.u8(0x01);
  into.u16(0x0203);
  into.u32(0x84050607);
  into.bytes(Uint8Array.of(8, 9));
  into.zeros(2);
  assertEquals(into.length, 11);
  assertEquals(into.finish().toHex(), "0102038405060708090000");
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

Deno.test("WireWriter.finish() gives bytes that nothing overwrites when the writer goes on", () => {
  for (let capacity = 0; capacity < 12; capacity++) {
    const into = new WireWriter(capacity);
    const finished = Array.from({ length: 50 }, (_, i) => {
      into.u8(0xff);
      into.reset();
      into.u16(i);
      into.zeros(i % 5);
      into.patchU16(0, 1000 + i);
      assertEquals(into.length, 2 + i % 5);
      const bytes = into.finish();
      assertEquals(into.length, 0);
      return bytes;
    });
    finished.forEach((bytes, i) => {
      assertEquals(bytes.toHex(), (1000 + i).toString(16).padStart(4, "0") + "00".repeat(i % 5));
    });
  }
});

Deno.test("WireWriter.finish() gives views on one buffer while there is room", () => {
  const into = new WireWriter(8);
  const [first, second, third] = [1, 2, 3].map((value) => {
    into.u32(value);
    return into.finish();
  });
  assertStrictEquals(first!.buffer, second!.buffer);
  assertNotStrictEquals(second!.buffer, third!.buffer);
  assertEquals([first, second, third].map((bytes) => bytes!.byteOffset), [0, 4, 0]);
});

Deno.test("WireWriter goes back to its capacity when a long message is through", () => {
  const into = new WireWriter(16);
  into.zeros(1000);
  assertEquals(into.finish().length, 1000);
  into.zeros(1001);
  into.reset();
  into.zeros(2002);
  into.finish();
  into.zeros(2003);
  const { buffer } = into.finish();
  into.zeros(2003);
  into.finish();
  into.u8(1);
  assertNotStrictEquals(into.view.buffer, buffer);
  assertEquals(into.view.buffer.byteLength, 16);
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

Deno.test("WireWriter goes on when somebody has transferred its buffer away", () => {
  const into = new WireWriter(64);
  into.u32(1);
  const { buffer } = into.finish();
  structuredClone(buffer, { transfer: [buffer] });
  into.u32(0x01020304);
  assertEquals(into.finish().toHex(), "01020304");
});
