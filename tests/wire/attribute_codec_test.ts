import { assert, assertEquals, assertThrows } from "@std/assert";
import { ATTRIBUTE_CODECS, attributeName, WireWriter } from "../../lib/wire/mod.ts";
import { ATTRIBUTE_CASES } from "./attribute_cases.ts";
import { type AttributeCases, TRANSACTION_ID } from "./attribute_shapes.ts";

Deno.test("ATTRIBUTE_CODECS has a case for each codec when the case list is complete", () => {
  assertEquals(
    ATTRIBUTE_CASES.map(({ codec }) => label(codec)).toSorted(),
    ATTRIBUTE_CODECS.map(label).toSorted(),
  );
  for (const { codec, golden } of ATTRIBUTE_CASES) assert(golden.length > 0, label(codec));
});

for (const cases of ATTRIBUTE_CASES) {
  const name = label(cases.codec);
  Deno.test(`${name}.write() gives the golden bytes`, () => writesGoldenBytes(cases));
  Deno.test(`${name}.read() gives the values of the golden bytes`, () => readsGoldenBytes(cases));
  Deno.test(`${name}.read() takes no strict prefix for the whole`, () => refusesPrefixes(cases));
  Deno.test(`${name}.read() says why when bytes hold no value`, () => refusesBytes(cases));
  Deno.test(`${name}.write() throws when a value is not allowed`, () => refusesValues(cases));
}

Deno.test("AttributeCodec.read() returns a view on the message when the value is opaque", () => {
  const message = new Uint8Array(60);
  for (const { codec, golden } of ATTRIBUTE_CASES) {
    for (const { value, hex, only } of golden) {
      if (!(value instanceof Uint8Array) || only === "write") continue;
      const bytes = message.subarray(20, 20 + hex.length / 2);
      const result = codec.read(bytes, TRANSACTION_ID);
      assert(result.ok && result.value instanceof Uint8Array);
      assertEquals(result.value.buffer, message.buffer);
      assertEquals(result.value.byteOffset, 20);
    }
  }
});

function writesGoldenBytes({ codec, golden }: AttributeCases<unknown>): void {
  for (const { value, hex, only, transactionId = TRANSACTION_ID } of golden) {
    if (only === "read") continue;
    const into = new WireWriter(1);
    codec.write(value, into, transactionId);
    assertEquals(into.finish().toHex(), hex);
  }
}

function readsGoldenBytes({ codec, golden }: AttributeCases<unknown>): void {
  for (const { value, hex, only, transactionId = TRANSACTION_ID } of golden) {
    if (only === "write") continue;
    assertEquals(codec.read(atOddPlace(hex), transactionId), { ok: true, value });
  }
}

function refusesPrefixes({ codec, golden, prefixes }: AttributeCases<unknown>): void {
  for (const { value, hex, only, transactionId = TRANSACTION_ID } of golden) {
    if (only === "write") continue;
    const whole = atOddPlace(hex);
    for (let length = 0; length < whole.length; length++) {
      const result = codec.read(whole.subarray(0, length), transactionId);
      if (!result.ok) {
        assert(result.reason.startsWith(`Cannot read ${codec.name}: `), result.reason);
        assert(result.offset >= 0 && result.offset <= whole.length, `${result.offset}`);
      } else {
        assertEquals(prefixes, "shorter", `${length} bytes of ${hex}`);
        assert(JSON.stringify(result.value) !== JSON.stringify(value), `${length} of ${hex}`);
      }
    }
  }
}

function refusesBytes({ codec, unreadable }: AttributeCases<unknown>): void {
  for (const [hex, reason] of unreadable) {
    const result = codec.read(atOddPlace(hex), TRANSACTION_ID);
    assert(!result.ok, hex);
    assertEquals(result.reason, `Cannot read ${codec.name}: ${reason}`);
    assert(result.offset <= hex.length / 2, `${result.offset}`);
  }
}

function refusesValues({ codec, unwritable }: AttributeCases<unknown>): void {
  for (const [value, reason] of unwritable) {
    const error = assertThrows(
      () => codec.write(value, new WireWriter(), TRANSACTION_ID),
      RangeError,
    );
    assertEquals(error.message, `Cannot write ${codec.name}: ${reason}`);
  }
}

/** Bytes within a larger buffer, where a reader that forgets `byteOffset` goes wrong. */
function atOddPlace(hex: string): Uint8Array {
  const value = Uint8Array.fromHex(hex);
  const around = new Uint8Array(value.length + 14).fill(0xee);
  around.set(value, 7);
  return around.subarray(7, 7 + value.length);
}

/** The name, with the number for the two that share one. */
function label(codec: { readonly type: number; readonly name: string }): string {
  return codec.type === 0x8020 ? `${attributeName(0x8020)} (0x8020)` : codec.name;
}
