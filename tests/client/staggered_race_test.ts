import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { QueryError, type QueryErrorCode } from "../../lib/client/mod.ts";
import { type Attempt, staggeredRace } from "../../lib/client/staggered_race.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

leakTest(
  "staggeredRace() begins one attempt after the other, and gives the losers up",
  async () => {
    const run = start(3);
    assertEquals(run.begun, [0]);
    run.clock.advance(250);
    assertEquals(run.begun, [0, 250]);
    run.runners[1]!.succeed("second");
    assertEquals(await run.outcome, "second");
    assertEquals(run.givenUp, [true, true]);
    run.clock.advance(1000);
    assertEquals([run.begun, run.clock.timers], [[0, 250], []]);
  },
);

leakTest("staggeredRace() lets an early attempt win late", async () => {
  const run = start(2);
  run.clock.advance(1000);
  run.runners[0]!.succeed("first");
  assertEquals([await run.outcome, run.begun], ["first", [0, 250]]);
});

leakTest("staggeredRace() begins the next attempt at once when one fails", async () => {
  const run = start(3);
  run.clock.advance(100);
  await run.fail(0, "refused");
  assertEquals(run.begun, [0, 100]);
  run.clock.advance(249);
  assertEquals(run.begun, [0, 100], "250 ms are counted from there");
  run.clock.advance(1);
  assertEquals(run.begun, [0, 100, 350]);
  run.runners[2]!.succeed("third");
  assertEquals(await run.outcome, "third");
});

leakTest(
  "staggeredRace() rejects with the failure that tells most when all have failed",
  async () => {
    const run = start(3);
    run.clock.advance(500);
    await run.fail(0, "timed-out");
    await run.fail(1, "error-response");
    await run.fail(2, "refused");
    const error = await assertRejects(() => run.outcome, QueryError, "attempt 1");
    assertEquals(error.code, "error-response");
    assertEquals(error.failures.map(({ code }) => code), [
      "timed-out",
      "error-response",
      "refused",
    ]);
    assertEquals(run.clock.timers, []);
  },
);

leakTest("staggeredRace() begins nothing any more when the time is over", async () => {
  const run = start(3, { deadline: 300 });
  run.clock.advance(300);
  await run.fail(1, "timed-out");
  await run.fail(0, "timed-out");
  await assertRejects(() => run.outcome, QueryError, "attempt 0");
  assertEquals(run.begun, [0, 250]);
});

leakTest("staggeredRace() gives all up when it is given up", async () => {
  const stop = new AbortController();
  const run = start(3, { signal: stop.signal });
  run.clock.advance(250);
  const reason = new Error("enough");
  stop.abort(reason);
  assertEquals(run.reasons, [reason, reason]);
  const error = await assertRejects(() => run.outcome, QueryError);
  assertEquals([error.code, run.begun, run.clock.timers], ["aborted", [0, 250], []]);
});

leakTest("staggeredRace() ends at once at a mistake", async () => {
  const run = start(2);
  const mistake = new TypeError("oops");
  run.runners[0]!.fail(mistake);
  assertStrictEquals(await assertRejects(() => run.outcome), mistake);
  assertEquals([run.begun, run.clock.timers], [[0], []]);
});

/** Starts a race of attempts that end when the test says so. */
function start(
  count: number,
  { deadline = 60_000, signal }: { readonly deadline?: number; readonly signal?: AbortSignal } = {},
) {
  const clock = new VirtualClock();
  const begun: number[] = [];
  const signals: AbortSignal[] = [];
  const runners = Array.from({ length: count }, () => {
    const end = Promise.withResolvers<string>();
    return { promise: end.promise, succeed: end.resolve, fail: end.reject };
  });
  const attempts = runners.map(({ promise, fail }): Attempt<string> => (signal) => {
    begun.push(clock.now());
    signals.push(signal);
    signal.addEventListener("abort", () => fail(failure("aborted", "given up")));
    return promise;
  });
  const outcome = staggeredRace(attempts, { delayMs: 250, deadline, signal, clock });
  outcome.catch(() => {});
  return {
    clock,
    begun,
    runners,
    outcome,
    get givenUp() {
      return signals.map(({ aborted }) => aborted);
    },
    get reasons() {
      return signals.map(({ reason }) => reason);
    },
    async fail(index: number, code: QueryErrorCode) {
      runners[index]!.fail(failure(code, `attempt ${index}`));
      // What follows from it happens in microtasks
      await new Promise((resolve) => setTimeout(resolve, 0));
    },
  };
}

function failure(code: QueryErrorCode, message: string): QueryError {
  const failure = {
    uri: "stun:example.org",
    server: undefined,
    code,
    errorCode: undefined,
    message,
  };
  return new QueryError(message, { code, failures: [failure] });
}
