import { assertEquals, assertThrows } from "@std/assert";
import {
  BINDING,
  type MessageClass,
  messageClassOf,
  messageMethodOf,
  packMessageType,
} from "../../lib/wire/mod.ts";

Deno.test("packMessageType() gives the types that the RFCs print", () => {
  for (const [type, messageClass, method] of TYPES) {
    assertEquals(packMessageType(messageClass, method), type);
  }
});

Deno.test("messageClassOf() and messageMethodOf() read the types that the RFCs print", () => {
  for (const [type, messageClass, method] of TYPES) {
    assertEquals([messageClassOf(type), messageMethodOf(type)], [messageClass, method]);
  }
});

Deno.test("packMessageType() undoes the unpacking for each of the 16384 types", () => {
  for (let type = 0; type < 0x4000; type++) {
    assertEquals(packMessageType(messageClassOf(type), messageMethodOf(type)), type);
  }
});

Deno.test("packMessageType() throws when the method has more than 12 bits", () => {
  for (const method of [-1, 0x1000, 0.5, NaN]) {
    assertThrows(
      () => packMessageType("request", method),
      RangeError,
      `Cannot pack a message type: the method is ${method}, wanted 0 to 0xFFF`,
    );
  }
});

/** RFC 8489 section 5 (Binding), RFC 8656 section 17 (Allocate, Send), and each method bit alone. */
const TYPES: readonly (readonly [type: number, messageClass: MessageClass, method: number])[] = [
  [0x0001, "request", BINDING],
  [0x0011, "indication", BINDING],
  [0x0101, "success", BINDING],
  [0x0111, "error", BINDING],
  [0x0003, "request", 0x003],
  [0x0103, "success", 0x003],
  [0x0113, "error", 0x003],
  [0x0016, "indication", 0x006],
  [0x0008, "request", 0x008],
  [0x0020, "request", 0x010],
  [0x0040, "request", 0x020],
  [0x0080, "request", 0x040],
  [0x0200, "request", 0x080], // GOOG-PING
  [0x0400, "request", 0x100],
  [0x0800, "request", 0x200],
  [0x1000, "request", 0x400],
  [0x2000, "request", 0x800],
  [0x3fff, "error", 0xfff],
];
