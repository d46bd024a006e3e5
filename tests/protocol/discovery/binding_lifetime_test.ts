import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type BindingLifetime,
  type BindingLifetimeOptions,
  measureBindingLifetime,
} from "../../../lib/protocol/discovery/mod.ts";
import {
  addSite,
  type LinkOptions,
  type NatBehavior,
  SimNetwork,
  SimStunServer,
  type SimStunServerOptions,
} from "../../sim/mod.ts";
import { runNatSteps } from "../../sim/run_nat_steps.ts";
import { FULL, NAT_CASES, PLAIN } from "./nat_discovery_cases.ts";

/** Seconds of lifetime, and how many virtual seconds it takes to measure them. */
const LIFETIMES = [[15, 60], [30, 90], [60, 240], [120, 430], [300, 1_250]] as const;

for (const [seconds, within] of LIFETIMES) {
  Deno.test(`measureBindingLifetime() finds ${seconds} s in less than ${within} s`, () => {
    for (
      const refresh of [{}, { inboundRefresh: true }, { refreshScope: "per-mapping" }] as const
    ) {
      const lifetimeMs = seconds * 1000 + 400;
      const { lifetime, elapsedMs } = measure({ lifetimeMs, ...refresh });
      assertContains(lifetime, lifetimeMs, 5000);
      assert(elapsedMs < within * 1000, `${elapsedMs} ms`);
    }
  });

  Deno.test(`measureBindingLifetime() finds ${seconds} s to the second when it is told to`, () => {
    const lifetimeMs = seconds * 1000 + 400;
    const { lifetime } = measure({ lifetimeMs }, { precisionMs: 1000 });
    assertContains(lifetime, lifetimeMs, 1000);
  });

  Deno.test(`measureBindingLifetime() finds ${seconds} s where a tenth is lost each way`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const lifetimeMs = seconds * 1000 + 400;
      const { lifetime } = measure({ lifetimeMs }, { seed, link: { loss: 0.1 } });
      // Requests that are sent again until they arrive make a rest longer than it was meant to be
      assert(lifetime.measured && lifetime.goneMs !== undefined);
      assert(lifetime.aliveMs <= lifetimeMs, `alive after ${lifetime.aliveMs}`);
      assert(lifetime.goneMs + 2500 > lifetimeMs, `gone after ${lifetime.goneMs}, seed ${seed}`);
      assert(lifetime.goneMs - lifetime.aliveMs <= 5000);
    }
  });
}

Deno.test("measureBindingLifetime() says how long a mapping lives at least where it outlives all", () => {
  const { lifetime, elapsedMs } = measure({ lifetimeMs: 1e12 });
  assertEquals(lifetime, {
    measured: true,
    aliveMs: 600_000,
    goneMs: undefined,
    reason: "a mapping was alive after a rest of 600 s, the longest that was tried",
  });
  assert(elapsedMs < 601_000, `${elapsedMs} ms`);
});

Deno.test("measureBindingLifetime() tries nothing longer than it is told to", () => {
  const { lifetime, elapsedMs } = measure({ lifetimeMs: 120_000 }, { maxMs: 60_000 });
  assertEquals([lifetime.aliveMs, lifetime.goneMs], [60_000, undefined]);
  assert(elapsedMs < 61_000, `${elapsedMs} ms`);
  assertContains(measure({ lifetimeMs: 9_000 }, { maxMs: 10_000 }).lifetime, 9_000, 5000);
});

Deno.test("measureBindingLifetime() measures behind every NAT that lets UDP through", () => {
  for (const { name, boxes, truth } of NAT_CASES) {
    if (truth.mapping === undefined || boxes.length === 0) continue;
    // A firewall without a filter has nothing to forget
    const forgets = truth.mapping !== "none" || truth.filtering !== "endpoint-independent";
    const short = boxes.map((box) => ({ ...box, lifetimeMs: 33_000 }));
    const { lifetime } = measureBehind(short);
    if (forgets) assertContains(lifetime, 33_000, 5000, name);
    else assertEquals([lifetime.measured, lifetime.goneMs], [true, undefined], name);
  }
});

Deno.test("measureBindingLifetime() gives the reason in words", () => {
  const { lifetime } = measure({ lifetimeMs: 62_000 });
  assertEquals(lifetime, {
    measured: true,
    aliveMs: 60_000,
    goneMs: 62_500,
    reason: "a mapping was alive after a rest of 60 s and gone after 63 s",
  });
});

for (
  const [when, server, reason] of [
    ["knows no RESPONSE-PORT", PLAIN, "the server does not answer to RESPONSE-PORT"],
    ["is silent", { ...FULL, silentAfter: 0 }, "the server does not answer to RESPONSE-PORT"],
    [
      "falls silent before the first rest is over",
      { ...FULL, silentAfter: 9 },
      "the server answers no more",
    ],
    ["falls silent later", { ...FULL, silentAfter: 14 }, "the server answers no more"],
  ] as const satisfies readonly (readonly [string, SimStunServerOptions, string])[]
) {
  Deno.test(`measureBindingLifetime() measures nothing when the server ${when}`, () => {
    const { lifetime } = measure({ lifetimeMs: 120_000 }, { server });
    assertEquals(lifetime, {
      measured: false,
      aliveMs: 0,
      goneMs: undefined,
      reason: `this cannot be told: ${reason}`,
    });
  });
}

for (const bad of [{ maxMs: 0 }, { precisionMs: 0 }, { precisionMs: Number.NaN }]) {
  Deno.test(`measureBindingLifetime() refuses ${JSON.stringify(bad)}`, () => {
    assertThrows(() => measure({}, bad), RangeError, "wanted 1 or more");
  });
}

interface MeasureOptions extends Partial<BindingLifetimeOptions> {
  readonly seed?: number;
  readonly link?: LinkOptions;
}

function measure(
  behavior: NatBehavior,
  options: Omit<MeasureOptions, "server"> & { readonly server?: SimStunServerOptions } = {},
) {
  return measureBehind([behavior], options);
}

function measureBehind(
  boxes: readonly NatBehavior[],
  options: Omit<MeasureOptions, "server"> & { readonly server?: SimStunServerOptions } = {},
): { readonly lifetime: BindingLifetime; readonly elapsedMs: number } {
  const { seed = 0, link = {}, maxMs, precisionMs } = options;
  const network = new SimNetwork({ seed, link });
  const server = new SimStunServer(network, options.server ?? FULL).address;
  const { host } = addSite(network, { boxes, site: 1 });
  const transactionId = () => network.random.bytes(12);
  const steps = measureBindingLifetime({ server, transactionId, maxMs, precisionMs });
  const { value: lifetime, elapsedMs } = runNatSteps(steps, { network, host });
  return { lifetime, elapsedMs };
}

function assertContains(
  { measured, aliveMs, goneMs = Infinity }: BindingLifetime,
  lifetimeMs: number,
  precisionMs: number,
  message = "",
): void {
  const found = `${message} ${aliveMs} to ${goneMs} ms`;
  assert(measured && aliveMs <= lifetimeMs && lifetimeMs <= goneMs, found);
  assert(goneMs - aliveMs <= precisionMs, found);
}
