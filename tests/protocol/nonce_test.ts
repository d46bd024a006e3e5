import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { NonceAuthority, nonceFeatures } from "../../lib/protocol/nonce.ts";
import { type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";

Deno.test("NonceAuthority.issue() writes cookie, flags, expiry and code when asked", () => {
  // Computed with Python's hmac, hashlib and base64.
  assertEquals(authority().issue(ALICE, NOW), "obMatJos2AAADBlU/NY+irF6+LJOudnn");
  const features = { passwordAlgorithms: true, usernameAnonymity: false };
  assertEquals(
    authority({ features }).issue(ALICE_V6, NOW),
    "obMatJos2AAABBlU/NY5tHTIaDmDVwpL",
  );
});

Deno.test("NonceAuthority.issue() rounds the expiry up when it is not a whole second", () => {
  const late = authority().issue(ALICE, NOW - 999);
  assertEquals(late, authority().issue(ALICE, NOW));
  assertNotEquals(late, authority().issue(ALICE, NOW - 1000));
});

Deno.test("NonceAuthority.check() accepts a nonce until 5 s after its expiry", () => {
  const nonce = authority().issue(ALICE, NOW);
  const expiry = NOW + LIFETIME_MS;
  const cases: readonly [now: number, verdict: string][] = [
    [NOW, "valid"],
    [NOW - 60_000, "valid"], // a server whose clock is behind
    [expiry, "valid"],
    [expiry + 5000, "valid"],
    [expiry + 5001, "expired"],
    [expiry * 2, "expired"],
  ];
  for (const [now, verdict] of cases) assertEquals(authority().check(nonce, ALICE, now), verdict);
});

Deno.test("NonceAuthority.check() serves the shortest lifetime when clocks differ by 5 s", () => {
  const short = authority({ lifetimeMs: 1000 });
  assertEquals(short.check(short.issue(ALICE, NOW), ALICE, NOW + 5000), "valid");
});

Deno.test("NonceAuthority.check() takes the bytes of the attribute as well as text", () => {
  const nonce = authority().issue(ALICE, NOW);
  assertEquals(authority().check(new TextEncoder().encode(nonce), ALICE, NOW), "valid");
});

Deno.test("NonceAuthority.check() accepts a nonce of another server when the secret is the same", () => {
  const features = { passwordAlgorithms: false, usernameAnonymity: false };
  const other = authority({ features, lifetimeMs: 60_000 });
  assertEquals(authority().check(other.issue(ALICE, NOW), ALICE, NOW + 60_000), "valid");
  assertEquals(authority().check(other.issue(ALICE, NOW), ALICE, NOW + 65_001), "expired");
});

Deno.test("NonceAuthority.check() refuses a nonce that comes from another port", () => {
  const nonce = authority().issue(ALICE, NOW);
  const elsewhere = socketAddress(ALICE.ip, 1);
  assertEquals(authority().check(nonce, elsewhere, NOW), "forged");
  assertNotEquals(authority().issue(elsewhere, NOW), nonce);
});

Deno.test("NonceAuthority.check() refuses another address, another secret and other lengths", () => {
  const nonce = authority().issue(ALICE, NOW);
  const other = authority({ secret: SECRET.with(15, 0) });
  assertEquals(authority().check(nonce, socketAddress(ALICE.ip.with(3, 11), 49152), NOW), "forged");
  assertEquals(authority().check(nonce, ALICE_V6, NOW), "forged");
  assertEquals(other.check(nonce, ALICE, NOW), "forged");
  for (let length = 0; length < nonce.length; length++) {
    assertEquals(authority().check(nonce.slice(0, length), ALICE, NOW), "forged");
  }
  for (const more of ["=", "A", "\0", "A".repeat(1000)]) {
    assertEquals(authority().check(nonce + more, ALICE, NOW), "forged");
  }
  assertEquals(authority().check("ā".repeat(32), ALICE, NOW), "forged");
});

Deno.test("NonceAuthority.check() calls an expired nonce forged when it is not ours", () => {
  const nonce = authority().issue(ALICE, NOW);
  assertEquals(authority().check(nonce, ALICE_V6, NOW + 10 * LIFETIME_MS), "forged");
});

Deno.test("NonceAuthority.check() refuses a nonce when any single bit of it is flipped", () => {
  const nonce = new TextEncoder().encode(authority().issue(ALICE, NOW));
  for (let bit = 0; bit < nonce.length * 8; bit++) {
    const flipped = nonce.with(bit >> 3, nonce[bit >> 3]! ^ (1 << (bit & 7)));
    assertEquals(authority().check(flipped, ALICE, NOW), "forged", `bit ${bit}`);
  }
});

Deno.test("NonceAuthority.check() refuses a nonce when any one character is another", () => {
  const nonce = authority().issue(ALICE, NOW);
  const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_";
  for (let at = 0; at < nonce.length; at++) {
    for (const character of characters) {
      if (character === nonce[at]) continue;
      const changed = nonce.slice(0, at) + character + nonce.slice(at + 1);
      assertEquals(authority().check(changed, ALICE, NOW), "forged", changed);
    }
  }
});

Deno.test("NonceAuthority.check() accepts what issue() wrote, whoever asks and whenever", () => {
  const ip = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(ip, fc.nat(65535), fc.integer({ min: 0, max: 2 ** 42 }), (bytes, port, now) => {
      const source = socketAddress(bytes, port);
      const nonce = authority().issue(source, now);
      assertMatch(nonce, /^obMatJos2AAAD[A-Za-z0-9+/]{19}$/);
      assertEquals(authority().check(nonce, source, now + LIFETIME_MS), "valid");
      assertEquals(authority().check(nonce, source, now + LIFETIME_MS + 6000), "expired");
    }),
    { seed: 8489 },
  );
});

Deno.test("NonceAuthority.check() returns a verdict whatever the bytes are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 763 }), (nonce) => {
      assertEquals(authority().check(nonce, ALICE, NOW), "forged");
    }),
    { seed: 8489 },
  );
});

Deno.test("nonceFeatures() reads the flags after the cookie, bit 0 being the rightmost", () => {
  const features = (passwordAlgorithms: boolean, usernameAnonymity: boolean) => ({
    passwordAlgorithms,
    usernameAnonymity,
  });
  const cases: readonly [nonce: string, features: ReturnType<typeof nonceFeatures>][] = [
    // RFC 8489 appendix B.1: the request there carries USERHASH, so username anonymity is on
    ["obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA", features(false, true)],
    ["obMatJos2AAAA", features(false, false)],
    ["obMatJos2AAAB", features(true, false)],
    ["obMatJos2AAAC", features(false, true)],
    ["obMatJos2AAAD", features(true, true)],
    ["obMatJos2////", features(true, true)],
    ["obMatJos2gAAAx", features(false, false)],
    ["obMatJos2AAA", undefined],
    ["obMatJos2AA=D", undefined],
    ["obMatJos2AA-D", undefined],
    ["obMatJos2", undefined],
    ["obmatjos2AAAD", undefined],
    ["xobMatJos2AAAD", undefined],
    ["f//499k954d6OL34oL9FSTvy64sA", undefined],
    ["", undefined],
  ];
  for (const [nonce, expected] of cases) {
    assertEquals(nonceFeatures(nonce), expected, nonce);
    assertEquals(nonceFeatures(new TextEncoder().encode(nonce)), expected, nonce);
  }
});

Deno.test("nonceFeatures() reads what issue() announces", () => {
  for (const passwordAlgorithms of [false, true]) {
    for (const usernameAnonymity of [false, true]) {
      const features = { passwordAlgorithms, usernameAnonymity };
      assertEquals(nonceFeatures(authority({ features }).issue(ALICE, NOW)), features);
    }
  }
});

Deno.test("new NonceAuthority() refuses a short secret and a lifetime out of range", () => {
  const cases: readonly [changes: Changes, message: string][] = [
    [
      { secret: new Uint8Array(15) },
      "Cannot make a nonce authority: the secret has 15 bytes, wanted at least 16",
    ],
    [
      { lifetimeMs: 999 },
      "Cannot make a nonce authority: the lifetime is 999 ms, wanted 1000 to 86400000",
    ],
    [
      { lifetimeMs: NaN },
      "Cannot make a nonce authority: the lifetime is NaN ms, wanted 1000 to 86400000",
    ],
    [
      { lifetimeMs: 86_400_001 },
      "Cannot make a nonce authority: the lifetime is 86400001 ms, wanted 1000 to 86400000",
    ],
  ];
  for (const [changes, message] of cases) {
    assertThrows(() => authority(changes), RangeError, message);
  }
});

type Changes = Partial<ConstructorParameters<typeof NonceAuthority>[0]>;

function authority(changes: Changes = {}): NonceAuthority {
  return new NonceAuthority({
    secret: SECRET,
    lifetimeMs: LIFETIME_MS,
    features: { passwordAlgorithms: true, usernameAnonymity: true },
    ...changes,
  });
}

const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i);
const LIFETIME_MS = 600_000;
const NOW = 1_700_000_000_000;
const ALICE: SocketAddress = socketAddress(Uint8Array.of(203, 0, 113, 10), 49152);
const ALICE_V6: SocketAddress = socketAddress(
  Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
  49152,
);
