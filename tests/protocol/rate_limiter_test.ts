import { assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parseIpPrefix } from "../../lib/protocol/ip_prefix.ts";
import { RateLimiter } from "../../lib/protocol/rate_limiter.ts";
import { TokenBucket } from "../../lib/protocol/token_bucket.ts";
import { parseIp } from "../../lib/wire/mod.ts";

Deno.test("RateLimiter.allow() gives each source its own bucket", () => {
  const limiter = new RateLimiter({ ratePerSecond: 2, burst: 2 });
  const asked: readonly [ip: string, now: number, allowed: boolean][] = [
    ["203.0.113.10", 0, true],
    ["203.0.113.10", 0, true],
    ["203.0.113.10", 0, false],
    ["203.0.113.11", 0, true],
    ["203.0.113.10", 499, false],
    ["203.0.113.10", 500, true],
    ["203.0.113.10", 500, false],
    ["203.0.113.11", 500, true],
    ["203.0.113.11", 500, true],
    ["203.0.113.11", 500, false],
  ];
  assertEquals(
    asked.map(([ip, now]) => limiter.allow(bytes(ip), now)),
    asked.map(([, , allowed]) => allowed),
  );
});

Deno.test("RateLimiter.allow() counts an IPv6 /64 as one source, and no IPv4 address with it", () => {
  const limiter = new RateLimiter({ ratePerSecond: 1, burst: 1 });
  const asked: readonly [ip: string, allowed: boolean][] = [
    ["2001:db8:0:1::1", true],
    ["2001:db8:0:1:ffff:ffff:ffff:ffff", false],
    ["2001:db8:0:2::1", true],
    ["::1", true],
    ["::2", false],
    ["0.0.0.0", true],
    ["::cb00:710a:0:0:0:1", true],
    ["203.0.113.10", true],
    ["203.0.113.10", false],
    ["cb00:710a::1", true],
    ["ffff:fffe:cb00:710a::1", true],
  ];
  assertEquals(
    asked.map(([ip]) => limiter.allow(bytes(ip), 0)),
    asked.map(([, allowed]) => allowed),
  );
});

Deno.test("RateLimiter.allow() never refuses an exempt source", () => {
  const exempt = ["10.0.0.0/8", "2001:db8::/48"].map((text) => {
    const prefix = parseIpPrefix(text);
    if (!prefix.ok) throw new Error(prefix.reason);
    return prefix.value;
  });
  const limiter = new RateLimiter({ ratePerSecond: 1, burst: 1, exempt });
  const second = (ip: string) => limiter.allow(bytes(ip), 0) && limiter.allow(bytes(ip), 0);
  assertEquals(second("10.1.2.3"), true);
  assertEquals(second("2001:db8::1"), true);
  assertEquals(second("11.1.2.3"), false);
  assertEquals(second("2001:db8:1::1"), false);
});

Deno.test("RateLimiter.allow() does the arithmetic of TokenBucket", () => {
  const gaps = fc.array(fc.nat(2000), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), gaps, (
      ratePerSecond,
      burst,
      steps,
    ) => {
      const limiter = new RateLimiter({ ratePerSecond, burst, slots: 8 });
      const bucket = new TokenBucket({ ratePerSecond, burst });
      let now = 0;
      for (const step of steps) {
        now += step;
        assertEquals(limiter.allow(Uint8Array.of(203, 0, 113, 10), now), bucket.allow(now));
      }
    }),
    { seed: 2 },
  );
});

Deno.test("RateLimiter.allow() keeps its memory when 1,000,000 sources come by", () => {
  const limiter = new RateLimiter({ ratePerSecond: 10, burst: 20, seed: 3489 });
  const byteLength = limiter.byteLength;
  assertEquals(byteLength, 65_536 * 16 + 8 * 256 * 4);
  const ip = new Uint8Array(4);
  const view = new DataView(ip.buffer);
  const before = Deno.memoryUsage();
  let refused = 0;
  for (let i = 0; i < 1_000_000; i++) {
    view.setUint32(0, i * 2_654_435_761 >>> 0);
    if (!limiter.allow(ip, i / 400)) refused++;
  }
  const after = Deno.memoryUsage();
  assertEquals(refused, 0);
  assertEquals(limiter.byteLength, byteLength);
  assertEquals(after.external, before.external);
  // Sources kept in a Map would be 50 MB and more; the garbage of a test runner is not.
  assertLess(after.heapUsed - before.heapUsed, 8_000_000);
});

Deno.test("RateLimiter.allow() never refuses a source on account of others", () => {
  const limiter = new RateLimiter({ ratePerSecond: 5, burst: 10, slots: 8, seed: 1 });
  const flood = new Uint8Array(4);
  let refused = 0;
  for (let i = 0; i < 100_000; i++) {
    const now = i / 10;
    flood.set([i >> 16, i >> 8, i, 99]);
    limiter.allow(flood, now);
    // 5 a second from a source that behaves, among 10,000 a second in a table of 8
    if (i % 2000 === 0 && !limiter.allow(Uint8Array.of(203, 0, 113, 10), now)) refused++;
  }
  assertEquals(refused, 0);
});

Deno.test("RateLimiter.allow() forgets the fullest bucket first when a set is full", () => {
  const limiter = new RateLimiter({ ratePerSecond: 1, burst: 4, slots: 8 });
  const source = (last: number) => Uint8Array.of(203, 0, 113, last);
  const spend = (last: number, count: number) =>
    Array.from({ length: count }, () => limiter.allow(source(last), 0));
  // 8 sources fill the table: one is down to nothing, the others have spent 2 of 4.
  assertEquals(spend(0, 5), [true, true, true, true, false]);
  for (let last = 1; last < 8; last++) spend(last, 2);
  // A ninth takes the place of one that spent 2, then is itself the fullest, and so on.
  for (let last = 100; last < 200; last++) assertEquals(spend(last, 1), [true]);
  assertEquals(spend(0, 1), [false]);
  const fresh = [1, 2, 3, 4, 5, 6, 7].filter((last) => spend(last, 4).every((allowed) => allowed));
  assertEquals(fresh, [1]);
});

Deno.test("RateLimiter.allow() spreads neighbouring sources over the whole table, by the seed", () => {
  // Sources that spent their burst at once and are all remembered: 4,096 of 65,536 slots.
  const forgotten = (seed: number) => {
    const limiter = new RateLimiter({ ratePerSecond: 1, burst: 1, seed });
    const all = Array.from({ length: 4096 }, (_, i) => Uint8Array.of(203, 0, i >> 8, i));
    const allowed = all.map((ip) => limiter.allow(ip, 0));
    assertEquals(allowed.every((yes) => yes), true);
    return all.filter((ip) => limiter.allow(ip, 0)).length;
  };
  for (const seed of [0, 1, 2 ** 32, 2 ** 53 - 1]) assertEquals(forgotten(seed), 0, `seed ${seed}`);
});

Deno.test("RateLimiter.allow() lets another seed put other sources into one set", () => {
  // Of 32 sources in a table of 16 slots, who is remembered depends on who shares a set.
  const remembered = (seed: number) => {
    const limiter = new RateLimiter({ ratePerSecond: 1, burst: 1, slots: 16, seed });
    const all = Array.from({ length: 32 }, (_, i) => Uint8Array.of(203, 0, 113, i));
    for (const [i, ip] of all.entries()) limiter.allow(ip, i / 1000);
    // the latest first: asking for one that is forgotten would make the table forget another
    return all.toReversed().filter((ip) => !limiter.allow(ip, 0.04)).map((ip) => ip[3]!);
  };
  assertEquals(remembered(7), remembered(7));
  assertEquals(remembered(7).length, 16);
  const seen = new Set(Array.from({ length: 16 }, (_, seed) => remembered(seed).join()));
  assertEquals(seen.size > 8, true, `${seen.size} different outcomes of 16 seeds`);
});

Deno.test("RateLimiter.share() makes limiters that count together, from where the first one stood", () => {
  const exempt = [{ ip: bytes("10.0.0.0"), bits: 8 }];
  const first = new RateLimiter({ ratePerSecond: 2, burst: 4, slots: 64, seed: 5, exempt });
  const ask = (limiter: RateLimiter, ip = "203.0.113.10", now = 0) => limiter.allow(bytes(ip), now);
  assertEquals(ask(first), true);
  const others = [1, 2].map(() => new RateLimiter(structuredClone(first.share())));
  const all = [first, ...others];
  assertEquals(all.map((limiter) => ask(limiter)), [true, true, true]);
  assertEquals(all.map((limiter) => ask(limiter)), [false, false, false]);
  assertEquals(all.map((limiter) => ask(limiter, "203.0.113.10", 500)), [true, false, false]);
  assertEquals(all.map((limiter) => ask(limiter, "203.0.113.11")), [true, true, true]);
  assertEquals(all.map((limiter) => ask(limiter, "10.1.2.3")), [true, true, true]);
});

Deno.test("RateLimiter.share() gives the same table however often it is called, by whomever", () => {
  const limiter = new RateLimiter({ ratePerSecond: 2, burst: 2, slots: 64 });
  const shared = limiter.share();
  assertEquals(limiter.share(), shared);
  assertEquals(new RateLimiter(shared).share(), shared);
  assertEquals(shared.memory.byteLength, 64 * 16);
});

Deno.test("new RateLimiter() refuses options that make no sense", () => {
  const good = { ratePerSecond: 1, burst: 1 };
  const cases: readonly [options: object, message: string][] = [
    [
      { ratePerSecond: 0 },
      "Cannot make a rate limiter: the rate is 0 per second, wanted more than 0",
    ],
    [{ burst: 0 }, "Cannot make a rate limiter: the burst is 0, wanted at least 1"],
    [{ slots: 4 }, "Cannot make a rate limiter: 4 slots, wanted a power of two of 8 to 16777216"],
    [
      { slots: 100 },
      "Cannot make a rate limiter: 100 slots, wanted a power of two of 8 to 16777216",
    ],
    [
      { slots: NaN },
      "Cannot make a rate limiter: NaN slots, wanted a power of two of 8 to 16777216",
    ],
    [
      { slots: 2 ** 25 },
      "Cannot make a rate limiter: 33554432 slots, wanted a power of two of 8 to 16777216",
    ],
    [
      { seed: -1 },
      "Cannot make a rate limiter: the seed is -1, wanted an integer of 0 to 2^53 - 1",
    ],
    [
      { seed: 0.5 },
      "Cannot make a rate limiter: the seed is 0.5, wanted an integer of 0 to 2^53 - 1",
    ],
    [
      { slots: 8, memory: new SharedArrayBuffer(120) },
      "Cannot make a rate limiter: the memory has 120 bytes, wanted 128",
    ],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => new RateLimiter({ ...good, ...options }), RangeError, message);
  }
});

function bytes(text: string): Uint8Array {
  const ip = parseIp(text);
  if (!ip.ok) throw new Error(ip.reason);
  return ip.value;
}
