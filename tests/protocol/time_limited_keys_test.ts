import { assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { TimeLimitedKeys } from "../../lib/protocol/time_limited_keys.ts";
import type { IntegrityKey } from "../../lib/wire/mod.ts";

const NOW = Date.UTC(2026, 0, 1);
const LATER = NOW / 1000 + 3600;

Deno.test("TimeLimitedKeys.find() makes the key that Python makes", () => {
  // sha256("1767229200:alice:example.org:" + base64(hmac_sha1("north", "1767229200:alice"))), and md5
  const keys = new TimeLimitedKeys({ realm: "example.org", secret: "north" });
  const username = `${LATER}:alice`;
  assertEquals(username, "1767229200:alice");
  const macs = (["md5", "sha256"] as const).map((algorithm) =>
    macOf(keys.find({ username, algorithm }, NOW))
  );
  assertEquals(macs, [
    "f5c0c52b96a4edabdbe0ef6ebfa2cb11ad8f4d8fac57fdb2e11d5a97260cab63",
    "5ef6657566b78e9ba074426f20dae9943a852518b7635b0caab2a223ab1be615",
  ]);
});

Deno.test("TimeLimitedKeys.find() makes a key anew until it is kept", () => {
  const keys = new TimeLimitedKeys({ realm: "example.org", secret: "north" });
  const query = { username: `${LATER}:alice`, algorithm: "md5" } as const;
  const first = keys.find(query, NOW)!;
  assertNotStrictEquals(keys.find(query, NOW), first);
  assertEquals(keys.size, 0);
  keys.keep(query, first);
  assertStrictEquals(keys.find(query, NOW), first);
  assertNotStrictEquals(keys.find({ ...query, algorithm: "sha256" }, NOW), first);
});

Deno.test("TimeLimitedKeys.find() finds nothing when a kept key has expired", () => {
  const keys = new TimeLimitedKeys({ realm: "example.org", secret: "north" });
  const query = { username: `${LATER}:alice`, algorithm: "md5" } as const;
  keys.keep(query, keys.find(query, NOW)!);
  assertEquals(keys.find(query, LATER * 1000 + 999) === undefined, false);
  assertEquals(keys.find(query, LATER * 1000 + 1000), undefined);
});

Deno.test("TimeLimitedKeys.keep() forgets what was not used for the longest time when it is full", () => {
  const keys = new TimeLimitedKeys({ realm: "example.org", secret: "north", maxKeys: 2 });
  const query = (name: string) => ({ username: `${LATER}:${name}`, algorithm: "md5" } as const);
  const keep = (name: string) => {
    const key = keys.find(query(name), NOW)!;
    keys.keep(query(name), key);
    return key;
  };
  const [a, b] = [keep("a"), keep("b")];
  keep("a");
  keep("c");
  assertEquals(keys.size, 2);
  assertStrictEquals(keys.find(query("a"), NOW), a);
  assertNotStrictEquals(keys.find(query("b"), NOW), b);
});

Deno.test("TimeLimitedKeys refuses an empty secret", () => {
  const error = assertThrows(() => new TimeLimitedKeys({ realm: "r", secret: "" }), RangeError);
  assertEquals(
    (error as RangeError).message,
    "Cannot keep keys: the secret of time-limited credentials is empty",
  );
});

/** What a key is cannot be read, but what it makes of nothing can. */
function macOf(key: IntegrityKey | undefined): string | undefined {
  return key?.hmac("sha256").toHex();
}
