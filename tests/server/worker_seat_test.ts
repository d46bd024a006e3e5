import { assertEquals, assertRejects } from "@std/assert";
import { shareResponder } from "../../lib/protocol/mod.ts";
import { WorkerError } from "../../lib/server/mod.ts";
import { WorkerCounts } from "../../lib/server/worker_memory.ts";
import type { ServeOrder, WorkerOrder, WorkerReport } from "../../lib/server/worker_order.ts";
import { WorkerSeat } from "../../lib/server/worker_seat.ts";
import { memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const RESPONDER = shareResponder({ software: "Before" });
const DIED = "a worker has died and is replaced";

Deno.test("WorkerSeat tells its worker what to serve when that has loaded", async () => {
  const { seat, workers, clock } = sit();
  clock.advance(77);
  seat.start();
  assertEquals(workers[0]!.orders, []);
  workers[0]!.report({ report: "loaded" });
  const { memory, ...order } = workers[0]!.orders[0] as ServeOrder;
  assertEquals<unknown>([order, workers[0]!.orders.length], [{
    order: "serve",
    groups: [[{ transport: "udp", role: "primary", lent: { descriptor: 5, bell: 6 } }]],
    responder: RESPONDER,
    now: 77,
    logLevels: [],
    measures: true,
  }, 1]);
  new WorkerCounts(memory).traffic.received = 5;
  assertEquals(seat.counts.traffic.received, 5);
  workers[0]!.report({ report: "serving" });
  await seat.serving;
});

Deno.test("WorkerSeat passes on what its worker logs and measures", () => {
  const { seat, workers, logger, latencies } = sit();
  seat.start();
  workers[0]!.report({ report: "log", level: "error", message: "oh", fields: { error: "E: e" } });
  workers[0]!.report({ report: "latency", seconds: 0.5 });
  assertEquals([logger.lines, latencies], [[["error", "oh", { error: "E: e" }]], [0.5]]);
});

Deno.test("WorkerSeat.change() tells a worker that serves, and those that come after it", () => {
  const { seat, workers, clock } = sit();
  const [second, third] = ["Second", "Third"].map((software) => shareResponder({ software }));
  seat.start();
  seat.change(second!);
  serve(workers[0]!);
  assertEquals((workers[0]!.orders[0] as ServeOrder).responder, second);
  seat.change(third!);
  assertEquals(workers[0]!.orders.slice(1), [{ order: "change", responder: third! }]);
  workers[0]!.report({ report: "failed", reason: "TypeError: a mistake" });
  clock.advance(0);
  serve(workers[1]!);
  assertEquals((workers[1]!.orders[0] as ServeOrder).responder, third);
});

Deno.test("WorkerSeat.change() reaches a worker that was getting ready at the time", () => {
  const { seat, workers } = sit();
  const responder = shareResponder({ software: "After" });
  seat.start();
  workers[0]!.report({ report: "loaded" });
  seat.change(responder);
  assertEquals(workers[0]!.orders.length, 1);
  workers[0]!.report({ report: "serving" });
  assertEquals(workers[0]!.orders.slice(1), [{ order: "change", responder }]);
});

const DEATHS: readonly (readonly [how: string, die: (worker: FakeWorker) => void, why: string])[] =
  [
    ["reports a mistake", (one) => one.report({ report: "failed", reason: "E: a" }), "E: a"],
    ["throws", (one) => one.throw("Uncaught Error: b\n    at file:///b.ts"), "Uncaught Error: b"],
  ];
for (const [how, die, reason] of DEATHS) {
  Deno.test(`WorkerSeat replaces a worker that ${how}, and goes on counting`, () => {
    const { seat, workers, clock, logger } = sit();
    seat.start();
    serve(workers[0]!);
    seat.counts.traffic.sent = 5;
    die(workers[0]!);
    assertEquals([workers[0]!.ended, workers.length], [true, 1]);
    clock.advance(0);
    serve(workers[1]!);
    assertEquals(logger.lines, [["error", DIED, { worker: 3, reason, pauseMs: 0 }]]);
    const { memory } = workers[1]!.orders[0] as ServeOrder;
    assertEquals(new WorkerCounts(memory).traffic.sent, 5);
    // What comes late from the one that is gone changes nothing
    die(workers[0]!);
    workers[0]!.report({ report: "stopped" });
    assertEquals([workers.length, logger.lines.length], [2, 1]);
  });
}

Deno.test("WorkerSeat replaces a worker that shows no sign of life for two seconds", () => {
  const { seat, workers, clock, logger } = sit();
  seat.start();
  serve(workers[0]!);
  for (let i = 0; i < 10; i++) {
    clock.advance(1_500);
    seat.counts.beat();
  }
  assertEquals(logger.lines, []);
  clock.advance(2_500);
  assertEquals(logger.lines, [
    ["error", DIED, { worker: 3, reason: "it shows no sign of life", pauseMs: 0 }],
  ]);
  assertEquals([workers[0]!.ended, workers.length], [true, 2]);
});

Deno.test("WorkerSeat gives a worker half a minute to load", () => {
  const { seat, workers, clock } = sit();
  seat.start();
  clock.advance(29_500);
  assertEquals([workers[0]!.ended, workers.length], [false, 1]);
  clock.advance(500);
  assertEquals([workers[0]!.ended, workers.length], [true, 2]);
});

Deno.test("WorkerSeat gives a worker that was slow to load its two seconds all the same", () => {
  const { seat, workers, clock } = sit();
  seat.start();
  clock.advance(20_400);
  serve(workers[0]!);
  clock.advance(1_900);
  assertEquals([workers[0]!.ended, workers.length], [false, 1]);
  clock.advance(100);
  assertEquals([workers[0]!.ended, workers.length], [true, 2]);
});

Deno.test("WorkerSeat replaces workers that die young ever more slowly, and others at once", () => {
  const { seat, workers, clock, logger } = sit();
  seat.start();
  const die = (afterMs: number) => {
    const worker = workers.at(-1)!;
    serve(worker);
    for (let ms = 0; ms < afterMs; ms += 1000) {
      clock.advance(1000);
      seat.counts.beat();
    }
    worker.report({ report: "failed", reason: "again" });
    clock.advance(30_000);
  };
  for (let i = 0; i < 9; i++) die(1000);
  die(60_000);
  die(0);
  assertEquals(
    logger.lines.map(([, , { pauseMs }]) => pauseMs),
    [0, 500, 1500, 3500, 7500, 15_500, 30_000, 30_000, 30_000, 0, 500],
  );
});

Deno.test("WorkerSeat says that its first worker has failed, and tries another all the same", async () => {
  const { seat, workers, clock } = sit();
  seat.start();
  workers[0]!.throw("Requires read access");
  await assertRejects(
    () => seat.serving,
    WorkerError,
    "Cannot serve with workers: Requires read access",
  );
  clock.advance(0);
  assertEquals(workers.length, 2);
});

Deno.test("WorkerSeat replaces its worker when no socket can be lent", () => {
  const { seat, workers, clock, logger } = sit(() => {
    throw new Error("eventfd: EMFILE");
  });
  seat.start();
  workers[0]!.report({ report: "loaded" });
  clock.advance(0);
  assertEquals([workers.length, logger.lines[0]![2]["reason"]], [2, "eventfd: EMFILE"]);
});

Deno.test("WorkerSeat.close() lets its worker finish, once", async () => {
  const { seat, workers, clock } = sit();
  seat.start();
  serve(workers[0]!);
  const closing = [seat.close(), seat.close()];
  assertEquals([workers[0]!.orders.slice(1), workers[0]!.ended], [[{ order: "stop" }], false]);
  workers[0]!.report({ report: "stopped" });
  await Promise.all(closing);
  assertEquals([workers[0]!.ended, clock.timers], [true, []]);
});

Deno.test("WorkerSeat.close() waits half a second for a worker that does not stop", async () => {
  const { seat, workers, clock } = sit();
  seat.start();
  serve(workers[0]!);
  const closing = seat.close();
  clock.advance(500);
  await closing;
  assertEquals([workers[0]!.ended, clock.timers], [true, []]);
});

Deno.test("WorkerSeat.close() waits for no worker that is loading, has died or dies", async () => {
  const loading = sit();
  loading.seat.start();
  await loading.seat.close();
  assertEquals([loading.workers[0]!.ended, loading.clock.timers], [true, []]);
  await loading.seat.serving;

  const dead = sit();
  dead.seat.start();
  dead.workers[0]!.throw("gone");
  await dead.seat.close();
  dead.clock.advance(60_000);
  assertEquals([dead.workers.length, dead.clock.timers], [1, []]);

  const dying = sit();
  dying.seat.start();
  serve(dying.workers[0]!);
  const closing = dying.seat.close();
  dying.workers[0]!.throw("gone");
  await closing;
  assertEquals([dying.workers.length, dying.clock.timers, dying.logger.lines], [1, [], []]);
});

function sit(lend = () => [[{ descriptor: 5, bell: 6 }]]) {
  const workers: FakeWorker[] = [];
  const latencies: number[] = [];
  const clock = new VirtualClock();
  const logger = memoryLogger();
  const seat = new WorkerSeat({
    number: 3,
    lend: () =>
      lend().map((group) =>
        group.map((lent) => ({ transport: "udp", role: "primary", lent }) as const)
      ),
    responder: RESPONDER,
    spawn: () => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker as unknown as Worker;
    },
    onLatency: (seconds) => latencies.push(seconds),
    clock,
    logger,
  });
  return { seat, workers, clock, logger, latencies };
}

function serve(worker: FakeWorker): void {
  worker.report({ report: "loaded" });
  worker.report({ report: "serving" });
}

/** The part of a `Worker` that a seat uses. */
class FakeWorker {
  readonly orders: WorkerOrder[] = [];
  ended = false;
  onmessage: ((event: { data: WorkerReport }) => void) | undefined;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | undefined;

  postMessage(order: WorkerOrder): void {
    this.orders.push(order);
  }

  terminate(): void {
    this.ended = true;
  }

  report(report: WorkerReport): void {
    this.onmessage!({ data: report });
  }

  throw(message: string): void {
    this.onerror!({ message, preventDefault: () => {} });
  }
}
