import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  attribute,
  ATTRIBUTE_CODECS,
  type AttributeCodec,
  checkFingerprint,
  checkIntegrity,
  decodeMessage,
  DIAL_BACK_OUTCOMES,
  encodeMessage,
  IntegrityKey,
  type MessageClass,
  type StunMessage,
} from "../../lib/wire/mod.ts";

Deno.test("decodeMessage() gives back what encodeMessage() wrote, with every codec", () => {
  fc.assert(
    fc.property(messages(transactionIds12, ATTRIBUTE_CODECS), assertRoundTrip),
    { numRuns: 1000, seed: SEED },
  );
});

Deno.test("decodeMessage() gives back what encodeMessage() wrote in the dialect of RFC 3489", () => {
  // ERROR-CODE and UNKNOWN-ATTRIBUTES are filled up there, and read with the filling
  const unfilled = ATTRIBUTE_CODECS.filter(({ type }) => type !== 0x0009 && type !== 0x000a);
  fc.assert(
    fc.property(messages(transactionIds16, unfilled), assertRoundTrip),
    { numRuns: 300, seed: SEED },
  );
});

Deno.test("checkIntegrity() and checkFingerprint() accept what encodeMessage() sealed", () => {
  const options = fc.record({
    sha1: fc.boolean(),
    sha256: fc.constantFrom(undefined, 16, 20, 24, 28, 32),
    fingerprint: fc.boolean(),
    key: fc.uint8Array({ maxLength: 70 }).map((bytes) => new IntegrityKey(bytes)),
  });
  const unsealed = ATTRIBUTE_CODECS.filter(({ type }) => ![0x0008, 0x001c, 0x8028].includes(type));
  fc.assert(
    fc.property(messages(transactionIds12, unsealed), options, (message, options) => {
      const { sha1, sha256, fingerprint, key } = options;
      const bytes = encodeMessage({
        ...message,
        attributes: message.attributes.map(({ codec, value }) => attribute(codec, value)),
      }, {
        ...(sha1 ? { integrity: key } : {}),
        ...(sha256 ? { integritySha256: key, integritySha256Bytes: sha256 } : {}),
        fingerprint,
      });
      const back = decodes(bytes);
      assertEquals(bytes.length % 4, 0);
      assertEquals(back.ignored, []);
      assertEquals(checkIntegrity(back, key, "sha1"), sha1 ? "valid" : "absent");
      assertEquals(checkIntegrity(back, key, "sha256"), sha256 ? "valid" : "absent");
      assertEquals(checkFingerprint(back), fingerprint ? "valid" : "absent");
    }),
    { numRuns: 300, seed: SEED },
  );
});

/** What a message holds, before it is written. */
interface Draft {
  class: MessageClass;
  method: number;
  transactionId: Uint8Array;
  attributes: { codec: AttributeCodec<unknown>; value: unknown }[];
}

function assertRoundTrip(draft: Draft): void {
  const bytes = encodeMessage({
    ...draft,
    attributes: draft.attributes.map(({ codec, value }) => attribute(codec, value)),
  });
  assertEquals(bytes.length % 4, 0);
  const message = decodes(bytes);
  assertStrictEquals(message.bytes, bytes);
  assertStrictEquals(message.transactionId.buffer, bytes.buffer);
  assertEquals(
    [message.class, message.method, message.transactionId],
    [draft.class, draft.method, draft.transactionId],
  );
  const found = [...message.attributes, ...message.ignored].sort((a, b) => a.offset - b.offset);
  assertEquals(found.length, draft.attributes.length);
  draft.attributes.forEach(({ codec, value }, i) => {
    assertEquals(found[i]!.type, codec.type);
    assertStrictEquals(found[i]!.value.buffer, bytes.buffer);
    assertEquals(codec.read(found[i]!.value, message.transactionId), { ok: true, value });
  });
  assertEquals(encodeMessage({ ...draft, attributes: found }), bytes);
}

function decodes(bytes: Uint8Array): StunMessage {
  const result = decodeMessage(bytes);
  assert(result.ok);
  return result.value;
}

function messages(
  transactionId: fc.Arbitrary<Uint8Array>,
  codecs: readonly AttributeCodec<unknown>[],
): fc.Arbitrary<Draft> {
  const one = codecs.map((codec) => valueOf(codec).map((value) => ({ codec, value })));
  return fc.record({
    class: fc.constantFrom<MessageClass>("request", "indication", "success", "error"),
    method: fc.nat({ max: 0xfff }),
    transactionId,
    attributes: fc.array(fc.oneof(...one), { maxLength: 8 }),
  });
}

/** Values that an attribute can carry; a codec that is missing here makes every test of this file fail. */
function valueOf(codec: AttributeCodec<unknown>): fc.Arbitrary<unknown> {
  for (const [types, values] of VALUES) if (types.includes(codec.type)) return values;
  throw new Error(`Cannot make values of ${codec.name}: it is new, wanted it in VALUES`);
}

const bytes = (...lengths: number[]) =>
  fc.oneof(
    ...lengths.map((length) => fc.uint8Array({ minLength: length, maxLength: length })),
  );
const transactionIds12 = bytes(12);
// One that begins with the magic cookie is not of RFC 3489's dialect
const transactionIds16 = bytes(16).filter((id) => id[0] !== 0x21);
const text = fc.string({ unit: "binary", maxLength: 127 });
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffffffff });
// ::ffff:a.b.c.d is read as IPv4
const address = fc.record({
  ip: bytes(4, 16).filter((ip) => ip.length === 4 || ip[10] !== 0xff),
  port: u16,
});
const algorithm = fc.record({ number: u16, parameters: fc.uint8Array({ maxLength: 9 }) });
const flags = { changeAddress: fc.boolean(), changePort: fc.boolean() };
const VALUES: readonly (readonly [types: readonly number[], values: fc.Arbitrary<unknown>])[] = [
  [
    [0x0001, 0x0002, 0x0004, 0x0005, 0x000b, 0x0020, 0x8020, 0x8023, 0x802b, 0x802c],
    address,
  ],
  [[0x0003], fc.record(flags)],
  [[0x0006, 0x0007, 0x0014, 0x0015, 0x8022], text],
  [[0x0008], bytes(20)],
  [[0x0009], fc.record({ code: fc.integer({ min: 300, max: 699 }), reason: text })],
  [[0x000a], fc.array(u16, { maxLength: 9 })],
  [[0x001c], bytes(16, 20, 24, 28, 32)],
  [[0x001d], algorithm],
  [[0x001e, 0xc0d3], bytes(32)],
  [[0x0024, 0x8027, 0x8028], u32],
  [[0x0025], fc.constant(true)],
  [[0x0026], fc.nat({ max: 1500 })],
  [[0x0027], fc.integer({ min: 1, max: 65535 })],
  [[0x8002], fc.array(algorithm, { maxLength: 4 })],
  [[0x8003], fc.stringMatching(/^[a-z0-9.-]{1,255}$/)],
  [[0x8029, 0x802a], fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })],
  [[0xc0d1], fc.record({ ...flags, token: bytes(8) })],
  [[0xc0d2], fc.record({ outcome: fc.constantFrom(...DIAL_BACK_OUTCOMES), elapsedMs: u32 })],
];
const SEED = 8489;
