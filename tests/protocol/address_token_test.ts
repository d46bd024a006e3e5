import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ADDRESS_TOKEN_BYTES, AddressTokenAuthority } from "../../lib/protocol/address_token.ts";
import { NonceAuthority } from "../../lib/protocol/nonce.ts";
import { type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";

Deno.test("AddressTokenAuthority.issue() writes version, expiry and code when asked", () => {
  // Computed with Python's hmac and hashlib.
  assertEquals(
    hex(authority().issue(ALICE, "tcp", NOW)),
    "0100018bcfee8fc0" + "2698da3dcaa960e081362799eb06f5fae3bc9b7910bd7963",
  );
  assertEquals(authority().issue(ALICE, "tcp", NOW).length, ADDRESS_TOKEN_BYTES);
});

Deno.test("AddressTokenAuthority.check() accepts a token until 5 s after its expiry", () => {
  const token = authority().issue(ALICE, "tcp", NOW);
  const cases: readonly [now: number, verdict: string][] = [
    [NOW, "valid"],
    [NOW - 60_000, "valid"],
    [NOW + LIFETIME_MS, "valid"],
    [NOW + LIFETIME_MS + 5000, "valid"],
    [NOW + LIFETIME_MS + 5001, "expired"],
    [NOW * 2, "expired"],
  ];
  for (const [now, verdict] of cases) {
    assertEquals(authority().check(token, ALICE, "tcp", now), verdict);
  }
});

Deno.test("AddressTokenAuthority.check() reads a token in the middle of a message", () => {
  const message = new Uint8Array(60);
  message.set(authority().issue(ALICE, "udp", NOW), 24);
  assertEquals(authority().check(message.subarray(24, 56), ALICE, "udp", NOW), "valid");
});

Deno.test("AddressTokenAuthority.check() refuses another address, port, transport or secret", () => {
  const token = authority().issue(ALICE, "tcp", NOW);
  const check = (address: SocketAddress, transport: "udp" | "tcp" | "tls") =>
    authority().check(token, address, transport, NOW);
  assertEquals(check(socketAddress(ALICE.ip.with(0, 204), ALICE.port), "tcp"), "forged");
  assertEquals(check(socketAddress(ALICE.ip, ALICE.port + 1), "tcp"), "forged");
  assertEquals(check(socketAddress(ALICE.ip, ALICE.port ^ 0x100), "tcp"), "forged");
  assertEquals(check(ALICE_V6, "tcp"), "forged");
  assertEquals(check(ALICE, "udp"), "forged");
  assertEquals(check(ALICE, "tls"), "forged");
  const other = new AddressTokenAuthority({ secret: SECRET.with(0, 9), lifetimeMs: LIFETIME_MS });
  assertEquals(other.check(token, ALICE, "tcp", NOW), "forged");
});

Deno.test("AddressTokenAuthority.check() refuses the 32 zeros that ask for a token, and other lengths", () => {
  const token = authority().issue(ALICE, "tcp", NOW);
  const check = (bytes: Uint8Array) => authority().check(bytes, ALICE, "tcp", NOW);
  assertEquals(check(new Uint8Array(32)), "forged");
  for (let length = 0; length < token.length; length++) {
    assertEquals(check(token.subarray(0, length)), "forged");
  }
  assertEquals(check(Uint8Array.of(...token, 0)), "forged");
});

Deno.test("AddressTokenAuthority.check() refuses a token when any single bit of it is flipped", () => {
  const token = authority().issue(ALICE, "tcp", NOW);
  for (let bit = 0; bit < token.length * 8; bit++) {
    const flipped = token.with(bit >> 3, token[bit >> 3]! ^ (1 << (bit & 7)));
    assertEquals(authority().check(flipped, ALICE, "tcp", NOW), "forged", `bit ${bit}`);
  }
});

Deno.test("AddressTokenAuthority.check() accepts what issue() wrote, and for that address alone", () => {
  const ip = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  const address = fc.tuple(ip, fc.nat(65535)).map(([bytes, port]) => socketAddress(bytes, port));
  const transport = fc.constantFrom("udp" as const, "tcp" as const, "tls" as const);
  const time = fc.integer({ min: 0, max: 2 ** 48 });
  fc.assert(
    fc.property(address, address, transport, time, (mine, other, over, now) => {
      fc.pre(hex(mine.ip) !== hex(other.ip) || mine.port !== other.port);
      const token = authority().issue(mine, over, now);
      assertEquals(authority().check(token, mine, over, now + LIFETIME_MS), "valid");
      assertEquals(authority().check(token, mine, over, now + LIFETIME_MS + 5001), "expired");
      assertEquals(authority().check(token, other, over, now), "forged");
    }),
    { seed: 5780 },
  );
});

Deno.test("AddressTokenAuthority.issue() shares no code with nonces when the secret is the same", () => {
  const nonces = new NonceAuthority({
    secret: SECRET,
    lifetimeMs: LIFETIME_MS,
    features: { passwordAlgorithms: true, usernameAnonymity: true },
  });
  const token = authority().issue(ALICE, "tcp", NOW);
  const nonce = nonces.issue(ALICE, NOW);
  assertNotEquals(btoa(String.fromCharCode(...token.subarray(8))).slice(0, 13), nonce.slice(19));
  assertEquals(nonces.check(token, ALICE, NOW), "forged");
  assertEquals(authority().check(new TextEncoder().encode(nonce), ALICE, "tcp", NOW), "forged");
});

Deno.test("new AddressTokenAuthority() refuses a short secret and a lifetime out of range", () => {
  assertThrows(
    () => new AddressTokenAuthority({ secret: new Uint8Array(0), lifetimeMs: 1000 }),
    RangeError,
    "Cannot make an address token authority: the secret has 0 bytes, wanted at least 16",
  );
  assertThrows(
    () => new AddressTokenAuthority({ secret: SECRET, lifetimeMs: 0 }),
    RangeError,
    "Cannot make an address token authority: the lifetime is 0 ms, wanted 1000 to 86400000",
  );
});

function authority(): AddressTokenAuthority {
  return new AddressTokenAuthority({ secret: SECRET, lifetimeMs: LIFETIME_MS });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i);
const LIFETIME_MS = 600_000;
const NOW = 1_700_000_000_000;
const ALICE: SocketAddress = socketAddress(Uint8Array.of(203, 0, 113, 10), 49152);
const ALICE_V6: SocketAddress = socketAddress(
  Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
  49152,
);
