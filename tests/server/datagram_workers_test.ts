import { assert, assertEquals } from "@std/assert";
import { shareResponder } from "../../lib/protocol/mod.ts";
import { DatagramWorkers } from "../../lib/server/datagram_workers.ts";
import { chooseDatagramIo, type SharedSockets } from "../../lib/transport/mod.ts";
import { systemClock } from "../../lib/ops/mod.ts";
import { request } from "../protocol/binding_cases.ts";
import { leakTest } from "../support/leak_test.ts";
import { type MemoryLogger, memoryLogger } from "../support/memory_logger.ts";
import { whyNoLibc } from "../support/skipped.ts";
import { UdpClient, until } from "./loopback_client.ts";

/** By chance they all fall to one of two workers once in 2^39 runs. */
const CLIENTS = 40;
const DIED = "a worker has died and is replaced";

test("DatagramWorkers all answer, each its share of the clients, and count together", async () => {
  await using lab = await WorkersLab.start();
  await lab.askAll();
  const shares = lab.workers.statistics.map((one) => one.total("success"));
  assertEquals(shares.reduce((sum, share) => sum + share), CLIENTS);
  assert(shares.every((share) => share > 0), `${shares}`);
  assertEquals(lab.workers.traffic, { received: CLIENTS * 20, sent: CLIENTS * 32 });
  assertEquals(lab.logger.lines, []);
});

test("DatagramWorkers give a terminated worker's clients to another, and lose no request that comes after", async () => {
  await using lab = await WorkersLab.start();
  await lab.askAll();
  lab.threads[0]!.terminate();
  await lab.askAll();
  const reason = "it shows no sign of life";
  assertEquals(lab.logger.lines, [["error", DIED, { worker: 1, reason, pauseMs: 0 }]]);
  const counted = lab.workers.statistics.map((one) => one.total("success"));
  assertEquals(counted.reduce((sum, count) => sum + count), 2 * CLIENTS);
});

test("DatagramWorkers replace a worker that throws", async () => {
  await using lab = await WorkersLab.start();
  lab.threads[1]!.postMessage({ order: "serve", groups: "none" });
  await until(() => lab.threads.length === 3);
  await lab.askAll();
  const [level, message, { worker, pauseMs }] = lab.logger.lines[0]!;
  assertEquals([level, message, worker, pauseMs], ["error", DIED, 2, 0]);
  assertEquals(lab.logger.lines.length, 1);
});

test("DatagramWorkers.close() frees the port, also when a worker has just been terminated", async () => {
  const lab = await WorkersLab.start();
  lab.threads[0]!.terminate();
  await lab.workers.close();
  await untilFree(lab);
  lab[Symbol.dispose]();
});

test("DatagramWorkers take samples of how long answering takes", async () => {
  await using lab = await WorkersLab.start();
  await lab.askAll();
  await until(() => lab.latencies.length > 0);
  assert(lab.latencies.every((seconds) => seconds > 0 && seconds < 10), `${lab.latencies}`);
});

/** Two workers on 127.0.0.1, and many clients. */
class WorkersLab implements AsyncDisposable, Disposable {
  readonly logger: MemoryLogger = memoryLogger();
  readonly threads: Worker[] = [];
  readonly latencies: number[] = [];
  readonly workers: DatagramWorkers;
  readonly socket: SharedSockets;
  readonly #clients = Array.from({ length: CLIENTS }, () => new UdpClient());

  private constructor(socket: SharedSockets) {
    this.socket = socket;
    this.workers = new DatagramWorkers({
      count: 2,
      groups: [[{ transport: "udp", role: "primary", socket }]],
      responder: shareResponder({}),
      spawn: () => {
        const url = new URL("../../lib/server/datagram_worker.ts", import.meta.url);
        const thread = new Worker(url, { type: "module" });
        this.threads.push(thread);
        return thread;
      },
      onLatency: (seconds) => this.latencies.push(seconds),
      clock: systemClock,
      logger: this.logger,
    });
  }

  static async start(): Promise<WorkersLab> {
    const { sharing } = await chooseDatagramIo("batched");
    const lab = new WorkersLab(
      sharing!.bind({ ip: Uint8Array.of(127, 0, 0, 1), port: 0, count: 2 }),
    );
    lab.workers.start();
    await lab.workers.serving();
    return lab;
  }

  /** Every client asks once and is told its own address. */
  async askAll(): Promise<void> {
    const answers = await Promise.all(
      this.#clients.map((client) => client.ask(request(), this.socket.localAddress)),
    );
    assertEquals(
      answers.map(({ kind, attributes }) => [kind, attributes["XOR-MAPPED-ADDRESS"]]),
      this.#clients.map(({ address }) => ["success", address]),
    );
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await this.workers.close();
  }
}

/** The system lets go of a port when the last thread that waits there has woken up. */
async function untilFree({ socket }: WorkersLab): Promise<void> {
  const { open } = await chooseDatagramIo("batched");
  await until(() => {
    try {
      open(socket.localAddress).close();
      return true;
    } catch {
      return false;
    }
  });
}

/** Where there is no C library to call, there is nothing to test. */
function test(name: string, fn: () => Promise<void>): void {
  leakTest(name, fn, whyNoLibc());
}
