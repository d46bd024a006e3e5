import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  attribute,
  BINDING,
  decodeHeader,
  decodeMessage,
  encodeMessage,
  ERROR_CODE,
  findAttribute,
  FINGERPRINT,
  HEADER_BYTES,
  IntegrityKey,
  MAGIC_COOKIE,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  type MessageInit,
  PRIORITY,
  readAttribute,
  SOFTWARE,
  type StunMessage,
  UNKNOWN_ATTRIBUTES,
  unknownRequired,
  USE_CANDIDATE,
  USERNAME,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";
import { CLASSIC_TRANSACTION_ID, TRANSACTION_ID } from "./attribute_shapes.ts";

Deno.test("encodeMessage() gives 20 bytes when a Binding request has no attributes", () => {
  assertEquals(encodeMessage(REQUEST).toHex(), PLAIN_REQUEST);
  assertEquals(PLAIN_REQUEST.length, 2 * HEADER_BYTES);
  assertEquals(MAGIC_COOKIE, 0x2112a442);
});

Deno.test("encodeMessage() gives 32 bytes when the answer is an IPv4 address alone", () => {
  const value = { ip: Uint8Array.of(192, 0, 2, 1), port: 32853 };
  const bytes = encodeMessage({
    ...REQUEST,
    class: "success",
    attributes: [attribute(XOR_MAPPED_ADDRESS, value)],
  });
  assertEquals(
    bytes.toHex(),
    "0101000c2112a442b7e7a701bc34d686fa87dfae00200008" + "0001a147e112a643",
  );
});

Deno.test("encodeMessage() writes no magic cookie when the transaction id has 16 bytes", () => {
  const bytes = encodeMessage({ ...REQUEST, transactionId: CLASSIC_TRANSACTION_ID });
  assertEquals(bytes.toHex(), "00010000" + "000102030405060708090a0b0c0d0e0f");
});

Deno.test("encodeMessage() speaks the dialect of RFC 3489 when the transaction id has 16 bytes", () => {
  const bytes = encodeMessage({
    class: "error",
    method: BINDING,
    transactionId: CLASSIC_TRANSACTION_ID,
    attributes: [
      attribute(ERROR_CODE, { code: 420, reason: "Unknown Attribute" }),
      attribute(UNKNOWN_ATTRIBUTES, [0x7001]),
      attribute(XOR_MAPPED_ADDRESS, { ip: Uint8Array.of(192, 0, 2, 1), port: 32853 }),
    ],
  });
  assertEquals(
    bytes.toHex(),
    "01110030" + "000102030405060708090a0b0c0d0e0f" +
      "00090018" + "00000414" + "556e6b6e6f776e20417474726962757465202020" +
      "000a0004" + "70017001" + "00200008" + "00018054c0010002",
  );
  assertEquals(valueOf(decodes(bytes), UNKNOWN_ATTRIBUTES), [0x7001, 0x7001]);
});

Deno.test("encodeMessage() pads with zeros to a multiple of 4 for each length", () => {
  encodeMessage({
    ...REQUEST,
    attributes: [{ type: 0x8022, value: new Uint8Array(100).fill(0xff) }],
  });
  for (let length = 0; length < 9; length++) {
    const value = new Uint8Array(length).fill(0xaa);
    const bytes = encodeMessage({ ...REQUEST, attributes: [{ type: 0x8022, value }] });
    const body = `8022000${length}` + "aa".repeat(length) + "00".repeat(-length & 3);
    assertEquals(bytes.subarray(20).toHex(), body);
    assertEquals(bytes[3], body.length / 2);
  }
});

Deno.test("encodeMessage() writes what decodeMessage() gave, to the same bytes", () => {
  const bytes = encodeMessage({
    ...REQUEST,
    attributes: [attribute(USERNAME, "a:b"), { type: 0x7777, value: Uint8Array.of(1) }],
  });
  assertEquals(encodeMessage(decodes(bytes)), bytes);
});

Deno.test("encodeMessage() takes 65532 bytes of attributes and throws when there are more", () => {
  const filled = (length: number) => ({
    ...REQUEST,
    attributes: [{ type: 0x8022, value: new Uint8Array(length) }],
  });
  const longest = encodeMessage(filled(65528));
  assertEquals([longest.length, longest[2], longest[3]], [65552, 0xff, 0xfc]);
  const tooLong = "Cannot write a message: it has 65556 bytes, the most is 65552";
  assertThrows(() => encodeMessage(filled(65529)), RangeError, tooLong);
  assertThrows(() => encodeMessage(filled(65528), { fingerprint: true }), RangeError, "65560");
  const integrity = new IntegrityKey(Uint8Array.of(1));
  assertThrows(() => encodeMessage(filled(65528), { integrity }), RangeError, "65576");
  assertThrows(
    () => encodeMessage(filled(65528), { integritySha256: integrity }),
    RangeError,
    "65588",
  );
  assertThrows(
    () => encodeMessage(filled(65536)),
    RangeError,
    "Cannot write SOFTWARE: it has 65536 bytes, the most is 65535",
  );
});

Deno.test("encodeMessage() throws when the transaction id has neither 12 nor 16 bytes", () => {
  for (const length of [0, 11, 13, 15, 17]) {
    assertThrows(
      () => encodeMessage({ ...REQUEST, transactionId: new Uint8Array(length) }),
      RangeError,
      `Cannot write a message: the transaction id has ${length} bytes, wanted 12 or 16`,
    );
  }
});

Deno.test("encodeMessage() throws when an attribute's type has more than 16 bits", () => {
  for (const type of [-1, 0x10000, 0.5, NaN]) {
    assertThrows(
      () => encodeMessage({ ...REQUEST, attributes: [{ type, value: new Uint8Array(0) }] }),
      RangeError,
      `Cannot write an attribute: its type is ${type}, wanted 0 to 0xFFFF`,
    );
  }
});

Deno.test("encodeMessage() works as before when the last message threw", () => {
  const bad = { ...REQUEST, attributes: [attribute(USERNAME, "a".repeat(513))] };
  assertThrows(
    () => encodeMessage(bad),
    RangeError,
    "Cannot write USERNAME: text has 513 bytes, the most is 512",
  );
  const messages = Array.from({ length: 3 }, () => encodeMessage(REQUEST));
  assertEquals(messages.map((bytes) => bytes.toHex()), Array(3).fill(PLAIN_REQUEST));
  // By the writer that all messages share, which may have begun a new buffer once
  assert(new Set(messages.map((bytes) => bytes.buffer)).size < 3);
});

Deno.test("encodeMessage() can be called by an attribute that is being written", () => {
  const bytes = encodeMessage({
    ...REQUEST,
    attributes: [{
      type: 0x8001,
      write(into) {
        into.u16(0xaaaa);
        const inner = encodeMessage({ ...REQUEST, class: "error" });
        into.bytes(inner.subarray(0, 2));
      },
    }],
  });
  assertEquals(bytes.toHex(), "000100082112a442b7e7a701bc34d686fa87dfae" + "80010004" + "aaaa0111");
});

Deno.test("encodeMessage() gives bytes that no later message overwrites", () => {
  const messages = Array.from(
    { length: 1000 },
    (_, method) => encodeMessage({ ...REQUEST, method }),
  );
  messages.forEach((bytes, method) => assertEquals(decodes(bytes).method, method));
});

Deno.test("decodeHeader() reads class, method and transaction id", () => {
  assertEquals(decodeHeader(Uint8Array.fromHex(PLAIN_REQUEST)), {
    ok: true,
    value: { class: "request", method: BINDING, transactionId: TRANSACTION_ID },
  });
  assertEquals(decodeHeader(Uint8Array.fromHex("01110000" + "2112a443" + "00".repeat(12))), {
    ok: true,
    value: {
      class: "error",
      method: BINDING,
      transactionId: Uint8Array.fromHex("2112a443" + "00".repeat(12)),
    },
  });
});

Deno.test("decodeHeader() says why and where when the bytes are no header", () => {
  const rest = "2112a442b7e7a701bc34d686fa87dfae";
  for (
    const [hex, reason, offset] of [
      ["", "0 bytes, wanted 20 or more", 0],
      ["00010000" + rest.slice(2), "19 bytes, wanted 20 or more", 0],
      ["40010000" + rest, "the first two bits are not zero", 0],
      ["80010000" + rest, "the first two bits are not zero", 0],
      ["00010004" + rest, "length is 4, 0 bytes follow and it must be a multiple of 4", 2],
      ["00010000" + rest + "00000000", "length is 0, 4 bytes follow", 2],
      ["00010002" + rest + "0000", "length is 2, 2 bytes follow", 2],
    ] as const
  ) {
    const result = decodeHeader(Uint8Array.fromHex(hex));
    assert(!result.ok, hex);
    assert(result.reason.startsWith(`Cannot read a STUN header: ${reason}`), result.reason);
    assertEquals(result.offset, offset);
    assertEquals(decodeMessage(Uint8Array.fromHex(hex)), result);
  }
});

Deno.test("decodeMessage() says which attribute is too long for the message", () => {
  const header = "000100082112a442b7e7a701bc34d686fa87dfae";
  assertEquals(decodeMessage(Uint8Array.fromHex(header + "80220005" + "aabbccdd")), {
    ok: false,
    reason: "Cannot read the attributes: SOFTWARE says it has 5 bytes, 4 are left",
    offset: 20,
  });
  assertEquals(decodeMessage(Uint8Array.fromHex(header + "00250000" + "7abc0001")), {
    ok: false,
    reason: "Cannot read the attributes: 0x7ABC says it has 1 bytes, 0 are left",
    offset: 24,
  });
});

Deno.test("decodeMessage() copies nothing", () => {
  const around = new Uint8Array(200);
  const bytes = around.subarray(7, 7 + 52);
  bytes.set(encodeMessage({
    ...REQUEST,
    attributes: [
      attribute(MESSAGE_INTEGRITY, new Uint8Array(20)),
      { type: 0x7777, value: Uint8Array.of(9) },
    ],
  }));
  const message = decodes(bytes);
  assertStrictEquals(message.bytes, bytes);
  assertEquals(
    [message.transactionId, message.attributes[0]!.value, message.ignored[0]!.value]
      .map((view) => [view.buffer === around.buffer, view.byteOffset, view.length]),
    [[true, 15, 12], [true, 31, 20], [true, 55, 1]],
  );
});

Deno.test("decodeMessage() ignores what follows MESSAGE-INTEGRITY but -SHA256 and FINGERPRINT", () => {
  const order = [PRIORITY, MESSAGE_INTEGRITY, USE_CANDIDATE, MESSAGE_INTEGRITY_SHA256, FINGERPRINT];
  assertEquals(sorted(order.map((one) => one.type)), {
    attributes: [0x0024, 0x0008, 0x001c, 0x8028],
    ignored: [0x0025],
  });
  assertEquals(sorted([0x0008, 0x0008, 0x8022, 0x7777]), {
    attributes: [0x0008],
    ignored: [0x0008, 0x8022, 0x7777],
  });
});

Deno.test("decodeMessage() ignores what follows MESSAGE-INTEGRITY-SHA256 but FINGERPRINT", () => {
  assertEquals(sorted([0x0024, 0x001c, 0x0008, 0x001c, 0x0025, 0x8028]), {
    attributes: [0x0024, 0x001c, 0x8028],
    ignored: [0x0008, 0x001c, 0x0025],
  });
  assertEquals(sorted([0x0008, 0x001c, 0x8022]), {
    attributes: [0x0008, 0x001c],
    ignored: [0x8022],
  });
});

Deno.test("decodeMessage() ignores nothing when there is no integrity", () => {
  assertEquals(sorted([0x8028, 0x0024, 0x0024]), {
    attributes: [0x8028, 0x0024, 0x0024],
    ignored: [],
  });
});

Deno.test("readAttribute() reads the first of a kind", () => {
  const message = decodes(encodeMessage({
    ...REQUEST,
    attributes: [attribute(SOFTWARE, "one"), attribute(SOFTWARE, "two")],
  }));
  assertEquals(readAttribute(message, SOFTWARE), { ok: true, value: "one" });
  assertEquals(valueOf(message, SOFTWARE), "one");
  assertEquals(findAttribute(message, SOFTWARE.type)?.offset, 20);
});

Deno.test("readAttribute() gives undefined when the attribute is absent or ignored", () => {
  const message = decodes(encodeMessage({
    ...REQUEST,
    attributes: [attribute(MESSAGE_INTEGRITY, new Uint8Array(20)), attribute(SOFTWARE, "late")],
  }));
  for (const codec of [SOFTWARE, USERNAME]) {
    assertEquals(readAttribute(message, codec), undefined);
    assertEquals(valueOf(message, codec), undefined);
    assertEquals(findAttribute(message, codec.type), undefined);
  }
});

Deno.test("readAttribute() says where in the message a value cannot be read", () => {
  const message = decodes(encodeMessage({
    ...REQUEST,
    attributes: [
      attribute(USE_CANDIDATE, true),
      { type: XOR_MAPPED_ADDRESS.type, value: Uint8Array.fromHex("0003a147e112a643") },
    ],
  }));
  assertEquals(readAttribute(message, XOR_MAPPED_ADDRESS), {
    ok: false,
    reason: "Cannot read XOR-MAPPED-ADDRESS: family is 3, wanted 1 (IPv4) or 2 (IPv6)",
    offset: 20 + 4 + 4 + 1,
  });
  assertEquals(valueOf(message, XOR_MAPPED_ADDRESS), undefined);
});

Deno.test("unknownRequired() lists each unknown type below 0x8000 once, in order", () => {
  const types = [0x7777, 0x0006, 0x8888, 0x0024, 0x7777, 0x0000, 0x7fff, 0x0008, 0x4444];
  const message = decodes(encodeMessage({
    ...REQUEST,
    attributes: types.map((type) => ({ type, value: new Uint8Array(0) })),
  }));
  const known = new Set([USERNAME.type, MESSAGE_INTEGRITY.type]);
  // 0x4444 follows the integrity
  assertEquals(unknownRequired(message, known), [0x7777, 0x0024, 0x0000, 0x7fff]);
  assertEquals(unknownRequired(message, new Set(types)), []);
});

/** Which of these types, each with an empty value, count and which are ignored. */
function sorted(types: readonly number[]): { attributes: number[]; ignored: number[] } {
  const attributes = types.map((type) => ({ type, value: new Uint8Array(0) }));
  const message = decodes(encodeMessage({ ...REQUEST, attributes }));
  return {
    attributes: message.attributes.map((one) => one.type),
    ignored: message.ignored.map((one) => one.type),
  };
}

function decodes(bytes: Uint8Array): StunMessage {
  const result = decodeMessage(bytes);
  assert(result.ok);
  return result.value;
}

const REQUEST: MessageInit = { class: "request", method: BINDING, transactionId: TRANSACTION_ID };
const PLAIN_REQUEST = "000100002112a442b7e7a701bc34d686fa87dfae";
