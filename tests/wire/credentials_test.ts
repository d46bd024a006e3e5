import { assertEquals, assertThrows } from "@std/assert";
import { IntegrityKey, longTermKey, shortTermKey, userHash } from "../../lib/wire/mod.ts";
import { LONG_TERM, SHORT_TERM } from "../vectors/rfc5769.ts";

Deno.test("shortTermKey() is the password", () => {
  assertKey(shortTermKey(SHORT_TERM.password), new TextEncoder().encode("VOkJxbRl1RmTxUk/WvJxBt"));
});

Deno.test("longTermKey() is the MD5 that RFC 5389 section 15.4 prints", () => {
  const credential = { username: "user", realm: "realm", password: "pass" };
  assertKey(longTermKey(credential), Uint8Array.fromHex("8493fbc53ba582fb4c044c456bdc40eb"));
  assertKey(longTermKey(credential, "md5"), Uint8Array.fromHex("8493fbc53ba582fb4c044c456bdc40eb"));
});

Deno.test("longTermKey() is a SHA-256 when asked for", () => {
  assertKey(
    longTermKey({ username: "user", realm: "realm", password: "pass" }, "sha256"),
    Uint8Array.fromHex("07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b"),
  );
});

Deno.test("userHash() is the one that RFC 8489 appendix B.1 prints", () => {
  assertEquals(
    userHash(LONG_TERM.username, LONG_TERM.realm).toHex(),
    "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704",
  );
});

Deno.test("shortTermKey(), longTermKey() and userHash() prepare what they are given", () => {
  const typed = "Ame\u0301lie\u00a01"; // decomposed, with a no-break space
  const prepared = "Am\u00e9lie 1";
  assertKey(shortTermKey(typed), new TextEncoder().encode(prepared));
  assertEquals(userHash(typed, typed), userHash(prepared, prepared));
  for (const algorithm of ["md5", "sha256"] as const) {
    assertEquals(
      mac(longTermKey({ username: typed, realm: typed, password: typed }, algorithm)),
      mac(longTermKey({ username: prepared, realm: prepared, password: prepared }, algorithm)),
    );
  }
});

Deno.test("longTermKey() keeps case and colons apart", () => {
  const keys = [["a", "b", "c"], ["A", "b", "c"], ["a", "B", "c"], ["a", "b", "C"], ["a", "c", "b"]]
    .map(([username, realm, password]) =>
      mac(longTermKey({ username: username!, realm: realm!, password: password! }))
    );
  assertEquals(new Set(keys).size, keys.length);
});

Deno.test("shortTermKey(), longTermKey() and userHash() throw when a part cannot be prepared", () => {
  const good = { username: "a", realm: "b", password: "c" };
  const empty = "it is empty, wanted a character at least";
  const control = "U+0009 is not a character of PRECIS FreeformClass";
  for (
    const [attempt, message] of [
      [() => shortTermKey(""), `Cannot prepare the password: ${empty}`],
      [() => shortTermKey("a\tb"), `Cannot prepare the password: ${control}`],
      [() => longTermKey({ ...good, username: "" }), `Cannot prepare the username: ${empty}`],
      [() => longTermKey({ ...good, realm: "\t" }), `Cannot prepare the realm: ${control}`],
      [() => longTermKey({ ...good, password: "" }), `Cannot prepare the password: ${empty}`],
      [() => userHash("\t", "realm"), `Cannot prepare the username: ${control}`],
      [() => userHash("user", ""), `Cannot prepare the realm: ${empty}`],
    ] as const
  ) {
    assertEquals(assertThrows(attempt, RangeError).message, message);
  }
});

/** A key does not show its bytes, but the same HMAC means the same key. */
function assertKey(key: IntegrityKey, bytes: Uint8Array): void {
  assertEquals(mac(key), mac(new IntegrityKey(bytes)));
}

function mac(key: IntegrityKey): string {
  return key.hmac("sha256", Uint8Array.of(1, 2, 3)).toHex();
}
