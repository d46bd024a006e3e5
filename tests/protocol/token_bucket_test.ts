import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { TokenBucket } from "../../lib/protocol/token_bucket.ts";

Deno.test("TokenBucket.allow() spends the burst, then one token per interval", () => {
  const bucket = new TokenBucket({ ratePerSecond: 4, burst: 3 });
  const asked: readonly [now: number, allowed: boolean][] = [
    [1000, true],
    [1000, true],
    [1000, true],
    [1000, false],
    [1249, false],
    [1250, true],
    [1250, false],
    [1500, true],
    [1999, true],
    [2000, true],
    [2000, false],
    [9000, true],
    [9000, true],
    [9000, true],
    [9000, false],
  ];
  assertEquals(asked.map(([now]) => bucket.allow(now)), asked.map(([, allowed]) => allowed));
});

Deno.test("TokenBucket.allow() gives back whole tokens at whole seconds whatever the rate", () => {
  for (let rate = 1; rate <= 1000; rate++) {
    const bucket = new TokenBucket({ ratePerSecond: rate, burst: rate });
    const taken = [0, 1000, 2000].map((now) => {
      let count = 0;
      while (bucket.allow(now)) count++;
      return count;
    });
    assertEquals(taken, [rate, rate, rate], `rate ${rate}`);
  }
});

Deno.test("TokenBucket.allow() serves rates below one per second and bursts that are not whole", () => {
  const bucket = new TokenBucket({ ratePerSecond: 0.1, burst: 1.5 });
  const asked: readonly [now: number, allowed: boolean][] = [
    [0, true],
    [4999, false],
    [5000, true],
    [14_999, false],
    [15_000, true],
  ];
  assertEquals(asked.map(([now]) => bucket.allow(now)), asked.map(([, allowed]) => allowed));
});

Deno.test("TokenBucket.allow() gives no token back while the clock is behind", () => {
  const bucket = new TokenBucket({ ratePerSecond: 1, burst: 1 });
  assertEquals(
    [5000, 0, 5999, 6000].map((now) => bucket.allow(now)),
    [true, false, false, true],
  );
});

Deno.test("TokenBucket.allow() never exceeds the burst plus what time has brought", () => {
  const steps = fc.array(fc.nat(3000), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), steps, (
      ratePerSecond,
      burst,
      gaps,
    ) => {
      const bucket = new TokenBucket({ ratePerSecond, burst });
      let now = 0;
      let thousandths = burst * 1000; // an integer model: exact
      for (const gap of gaps) {
        now += gap;
        thousandths = Math.min(burst * 1000, thousandths + gap * ratePerSecond);
        // Binary fractions cannot hold every thousandth: at the very edge both answers are right.
        const allowed = bucket.allow(now);
        if (thousandths !== 1000) assertEquals(allowed, thousandths > 1000);
        if (allowed) thousandths -= 1000;
      }
    }),
    { seed: 1 },
  );
});

Deno.test("new TokenBucket() refuses a rate or a burst that makes no sense", () => {
  const cases: readonly [ratePerSecond: number, burst: number, message: string][] = [
    [0, 1, "Cannot make a token bucket: the rate is 0 per second, wanted more than 0"],
    [-1, 1, "Cannot make a token bucket: the rate is -1 per second, wanted more than 0"],
    [NaN, 1, "Cannot make a token bucket: the rate is NaN per second, wanted more than 0"],
    [
      Infinity,
      1,
      "Cannot make a token bucket: the rate is Infinity per second, wanted more than 0",
    ],
    [1, 0.9, "Cannot make a token bucket: the burst is 0.9, wanted at least 1"],
    [1, NaN, "Cannot make a token bucket: the burst is NaN, wanted at least 1"],
    [1, Infinity, "Cannot make a token bucket: the burst is Infinity, wanted at least 1"],
  ];
  for (const [ratePerSecond, burst, message] of cases) {
    assertThrows(() => new TokenBucket({ ratePerSecond, burst }), RangeError, message);
  }
});
