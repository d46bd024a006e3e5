import { assertEquals } from "@std/assert";
import { hmac } from "@noble/hashes/hmac";
import { sha1 } from "@noble/hashes/legacy";
import { createHmac } from "node:crypto";
import { HmacSha1Key } from "../../lib/wire/hmac_sha1.ts";
import { SeededRandom } from "../fuzz/_mutator.ts";

Deno.test("HmacSha1Key.digest() gives what two libraries give, for every length of a message", () => {
  const random = new SeededRandom(2104);
  for (let length = 0; length <= 300; length++) {
    const key = random.bytes(random.below(150));
    const message = random.bytes(length);
    assertEquals(new HmacSha1Key(key).digest([message]).toHex(), libraries(key, message));
  }
});

Deno.test("HmacSha1Key.digest() gives what two libraries give, for every length of a key", () => {
  const random = new SeededRandom(3174);
  for (let length = 0; length <= 200; length++) {
    const key = random.bytes(length);
    const message = random.bytes(random.below(2000));
    assertEquals(new HmacSha1Key(key).digest([message]).toHex(), libraries(key, message));
  }
});

Deno.test("HmacSha1Key.digest() gives the same however the message is cut", () => {
  const random = new SeededRandom(180);
  const message = random.bytes(200);
  const key = new HmacSha1Key(random.bytes(20));
  const whole = key.digest([message]);
  for (let cut = 0; cut <= message.length; cut++) {
    const end = cut + random.below(message.length - cut + 1);
    const parts = [message.subarray(0, cut), message.subarray(cut, end), message.subarray(end)];
    assertEquals(key.digest(parts), whole, `cut at ${cut} and ${end}`);
  }
  assertEquals(key.digest([]).toHex(), key.digest([new Uint8Array(0)]).toHex());
});

Deno.test("HmacSha1Key.digest() is not disturbed by other keys, nor by what is done to its result", () => {
  const message = Uint8Array.of(1, 2, 3);
  const one = new HmacSha1Key(Uint8Array.of(1));
  const first = one.digest([message]);
  const copy = first.slice();
  new HmacSha1Key(Uint8Array.of(2)).digest([message]);
  assertEquals(first, copy);
  first.fill(0);
  assertEquals(one.digest([message]), copy);
});

/** The HMAC that both libraries give. */
function libraries(key: Uint8Array, message: Uint8Array): string {
  const found = hmac(sha1, key, message).toHex();
  assertEquals(createHmac("sha1", key).update(message).digest("hex"), found);
  return found;
}
