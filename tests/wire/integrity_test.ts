import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  attribute,
  BINDING,
  checkIntegrity,
  decodeMessage,
  encodeMessage,
  type EncodeMessageOptions,
  equalInConstantTime,
  IntegrityKey,
  type MessageInit,
  SOFTWARE,
  type StunMessage,
  USERNAME,
} from "../../lib/wire/mod.ts";
import { TRANSACTION_ID } from "./attribute_shapes.ts";

Deno.test("IntegrityKey.hmac() gives the HMACs of RFC 2202 and RFC 4231", () => {
  for (const { key, data, sha1, sha256 } of HMACS) {
    const one = new IntegrityKey(key);
    for (let again = 0; again < 2; again++) {
      assertEquals(one.hmac("sha1", data).toHex(), sha1);
      assertEquals(one.hmac("sha256", data).toHex(), sha256);
    }
  }
});

Deno.test("IntegrityKey keeps its key when the caller's bytes change", () => {
  const { key, data, sha1 } = HMACS[1]!;
  const bytes = key.slice();
  const one = new IntegrityKey(bytes);
  bytes.fill(0);
  assertEquals(one.hmac("sha1", data).toHex(), sha1);
});

Deno.test("checkIntegrity() is absent when the attribute is not there", () => {
  const message = sealed({});
  assertEquals(checkIntegrity(message, KEY), "absent");
  assertEquals(checkIntegrity(message, KEY, "sha256"), "absent");
  assertEquals(checkIntegrity(sealed({ integrity: KEY }), KEY, "sha256"), "absent");
});

Deno.test("checkIntegrity() is valid under the right key alone", () => {
  const message = sealed({ integrity: KEY, integritySha256: OTHER_KEY, fingerprint: true });
  assertEquals(checkIntegrity(message, KEY, "sha1"), "valid");
  assertEquals(checkIntegrity(message, OTHER_KEY, "sha256"), "valid");
  assertEquals(checkIntegrity(message, OTHER_KEY, "sha1"), "invalid");
  assertEquals(checkIntegrity(message, KEY, "sha256"), "invalid");
});

Deno.test("checkIntegrity() takes MESSAGE-INTEGRITY-SHA256 of 16 to 32 bytes", () => {
  for (const integritySha256Bytes of [16, 20, 24, 28, 32]) {
    const message = sealed({ integritySha256: KEY, integritySha256Bytes, fingerprint: true });
    assertEquals(message.attributes[1]!.value.length, integritySha256Bytes);
    assertEquals(checkIntegrity(message, KEY, "sha256"), "valid");
    assertEquals(checkIntegrity(message, OTHER_KEY, "sha256"), "invalid");
  }
});

Deno.test("encodeMessage() throws when MESSAGE-INTEGRITY-SHA256 would have a wrong length", () => {
  for (const integritySha256Bytes of [0, 12, 15, 18, 33, 36, NaN]) {
    assertThrows(
      () => encodeMessage(REQUEST, { integritySha256: KEY, integritySha256Bytes }),
      RangeError,
      `Cannot write MESSAGE-INTEGRITY-SHA256: ${integritySha256Bytes} bytes asked for, ` +
        "wanted 16 to 32 in steps of 4",
    );
  }
});

Deno.test("checkIntegrity() is invalid when the right HMAC is cut to fewer bytes than allowed", () => {
  for (
    const [algorithm, type, lengths] of [
      ["sha1", 0x0008, [0, 4, 16]],
      ["sha256", 0x001c, [0, 4, 12]],
    ] as const
  ) {
    for (const length of lengths) {
      // What stands before the attribute, with a length that counts the shortened attribute
      const before = encodeMessage(REQUEST);
      before[3] = before.length - 20 + 4 + length;
      const hmac = KEY.hmac(algorithm, before).subarray(0, length);
      const bytes = encodeMessage({
        ...REQUEST,
        attributes: [...REQUEST.attributes!, { type, value: hmac }],
      });
      assertEquals(checkIntegrity(decodes(bytes), KEY, algorithm), "invalid", `${length}`);
    }
  }
});

Deno.test("checkIntegrity() does not mind what follows the attribute", () => {
  const bytes = encodeMessage(REQUEST, { integrity: KEY });
  const longer = encodeMessage({
    ...REQUEST,
    attributes: [...decodes(bytes).attributes, attribute(SOFTWARE, "added on the way")],
  }, { fingerprint: true });
  assertEquals(checkIntegrity(decodes(longer), KEY), "valid");
});

Deno.test("checkIntegrity() with sha256 covers a MESSAGE-INTEGRITY before it", () => {
  const bytes = encodeMessage(REQUEST, { integrity: KEY, integritySha256: KEY });
  const sha1 = decodes(bytes).attributes[1]!;
  bytes[sha1.offset + 4]! ^= 1;
  assertEquals(checkIntegrity(decodes(bytes), KEY, "sha1"), "invalid");
  assertEquals(checkIntegrity(decodes(bytes), KEY, "sha256"), "invalid");
});

Deno.test("checkIntegrity() looks at the first MESSAGE-INTEGRITY when there are two", () => {
  const good = decodes(encodeMessage(REQUEST, { integrity: KEY }));
  const bad = { type: 0x0008, value: new Uint8Array(20) };
  const second = decodes(encodeMessage({ ...REQUEST, attributes: [...good.attributes, bad] }));
  assertEquals(checkIntegrity(second, KEY), "valid");
  const first = encodeMessage({ ...REQUEST, attributes: [USER, bad] }, { integrity: KEY });
  assertEquals(checkIntegrity(decodes(first), KEY), "invalid");
});

Deno.test("equalInConstantTime() compares bytes", () => {
  const bytes = (hex: string) => Uint8Array.fromHex(hex);
  assertEquals(equalInConstantTime(bytes(""), bytes("")), true);
  assertEquals(equalInConstantTime(bytes("0102ff"), bytes("0102ff")), true);
  assertEquals(equalInConstantTime(bytes("0102ff"), bytes("0102fe")), false);
  assertEquals(equalInConstantTime(bytes("0102ff"), bytes("8102ff")), false);
  assertEquals(equalInConstantTime(bytes("0102"), bytes("010200")), false);
});

function sealed(options: EncodeMessageOptions): StunMessage {
  return decodes(encodeMessage(REQUEST, options));
}

function decodes(bytes: Uint8Array): StunMessage {
  const result = decodeMessage(bytes);
  assert(result.ok);
  return result.value;
}

const USER = attribute(USERNAME, "evtj:h6vY");
const REQUEST: MessageInit = {
  class: "request",
  method: BINDING,
  transactionId: TRANSACTION_ID,
  attributes: [USER],
};
const KEY = new IntegrityKey(new TextEncoder().encode("VOkJxbRl1RmTxUk/WvJxBt"));
const OTHER_KEY = new IntegrityKey(new Uint8Array(100).fill(7));
/**
 * RFC 2202 section 3, cases 1, 2 and 6, and RFC 4231 section 4, cases 1 and 2; the last SHA-256 is
 * Python's.
 */
const HMACS = [
  {
    key: new Uint8Array(20).fill(0x0b),
    data: new TextEncoder().encode("Hi There"),
    sha1: "b617318655057264e28bc0b6fb378c8ef146be00",
    sha256: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  },
  {
    key: new TextEncoder().encode("Jefe"),
    data: new TextEncoder().encode("what do ya want for nothing?"),
    sha1: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    sha256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  },
  {
    key: new Uint8Array(80).fill(0xaa),
    data: new TextEncoder().encode("Test Using Larger Than Block-Size Key - Hash Key First"),
    sha1: "aa4ae5e15272d00e95705637ce8a3b55ed402112",
    sha256: "6953025ed96f0c09f80a96f78e6538dbe2e7b820e3dd970e7ddd39091b32352f",
  },
] as const;
