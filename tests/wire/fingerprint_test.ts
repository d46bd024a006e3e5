import { assert, assertEquals } from "@std/assert";
import {
  attribute,
  BINDING,
  checkFingerprint,
  crc32,
  decodeMessage,
  encodeMessage,
  FINGERPRINT,
  IntegrityKey,
  type MessageInit,
  type RawAttribute,
  SOFTWARE,
  type StunMessage,
  USERNAME,
  type WritableAttribute,
} from "../../lib/wire/mod.ts";
import { TRANSACTION_ID } from "./attribute_shapes.ts";

Deno.test("encodeMessage() appends the CRC-32 XOR'ed with STUN when asked for FINGERPRINT", () => {
  // CRC-32 of the 20 bytes of header, by zlib: 0xAEA2FB4C
  assertEquals(
    encodeMessage(REQUEST, { fingerprint: true }).toHex(),
    "000100082112a442b7e7a701bc34d686fa87dfae" + "80280004" + FINGERPRINT_OF_REQUEST,
  );
});

Deno.test("checkFingerprint() is absent when there is none", () => {
  assertEquals(checkFingerprint(message([])), "absent");
  assertEquals(checkFingerprint(message([attribute(USERNAME, "a")])), "absent");
});

Deno.test("checkFingerprint() is valid when it is last, with and without other attributes", () => {
  const key = new IntegrityKey(Uint8Array.of(1));
  for (const attributes of [[], [attribute(USERNAME, "a")]]) {
    for (const options of [{}, { integrity: key }, { integritySha256: key }]) {
      const bytes = encodeMessage({ ...REQUEST, attributes }, { ...options, fingerprint: true });
      assertEquals(checkFingerprint(decodes(bytes)), "valid");
    }
  }
});

Deno.test("checkFingerprint() is invalid when another attribute follows, counted or ignored", () => {
  const good = decodes(encodeMessage(REQUEST, { fingerprint: true })).attributes;
  assertEquals(checkFingerprint(message([...good, attribute(SOFTWARE, "late")])), "invalid");
  const sealed = decodes(
    encodeMessage(REQUEST, { integrity: new IntegrityKey(Uint8Array.of(1)), fingerprint: true }),
  );
  assertEquals(checkFingerprint(sealed), "valid");
  const late = message([...sealed.attributes, attribute(SOFTWARE, "late")]);
  assertEquals(late.ignored.map((one) => one.type), [SOFTWARE.type]);
  assertEquals(checkFingerprint(late), "invalid");
});

Deno.test("checkFingerprint() is invalid when another attribute follows that its CRC-32 expected", () => {
  const bytes = encodeMessage({
    ...REQUEST,
    attributes: [attribute(FINGERPRINT, 0), attribute(SOFTWARE, "late")],
  });
  const value = (crc32(bytes.subarray(0, 20)) ^ 0x5354554e) >>> 0;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(24, value);
  assertEquals(checkFingerprint(decodes(bytes)), "invalid");
});

Deno.test("checkFingerprint() is invalid when there are two, though the last is right", () => {
  const bytes = encodeMessage(
    { ...REQUEST, attributes: [attribute(FINGERPRINT, 0)] },
    { fingerprint: true },
  );
  assertEquals(checkFingerprint(decodes(bytes)), "invalid");
});

Deno.test("checkFingerprint() is invalid when the value has not 4 bytes", () => {
  for (const length of [0, 3, 5, 8]) {
    const value = new Uint8Array(length);
    assertEquals(checkFingerprint(message([{ type: FINGERPRINT.type, value }])), "invalid");
  }
});

Deno.test("checkFingerprint() is invalid when the CRC-32 is right but not XOR'ed", () => {
  const bytes = encodeMessage(REQUEST, { fingerprint: true });
  const xor = [0x53, 0x54, 0x55, 0x4e];
  for (let i = 0; i < 4; i++) bytes[24 + i]! ^= xor[i]!;
  assertEquals(checkFingerprint(decodes(bytes)), "invalid");
});

Deno.test("checkFingerprint() works for a message of RFC 3489, which has no magic cookie", () => {
  const bytes = encodeMessage(
    { ...REQUEST, transactionId: new Uint8Array(16) },
    { fingerprint: true },
  );
  assertEquals(checkFingerprint(decodes(bytes)), "valid");
});

function message(attributes: readonly (RawAttribute | WritableAttribute)[]): StunMessage {
  return decodes(encodeMessage({ ...REQUEST, attributes }));
}

function decodes(bytes: Uint8Array): StunMessage {
  const result = decodeMessage(bytes);
  assert(result.ok);
  return result.value;
}

const REQUEST: MessageInit = { class: "request", method: BINDING, transactionId: TRANSACTION_ID };
const FINGERPRINT_OF_REQUEST = "fdf6ae02";
