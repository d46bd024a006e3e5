import { assertEquals } from "@std/assert";
import { type MappingChange, watchMapping } from "../../../lib/client/discovery/mod.ts";
import { PATIENT_TIMING } from "../../../lib/protocol/discovery/mod.ts";
import { formatSocketAddress } from "../../../lib/wire/mod.ts";
import { leakTest } from "../../support/leak_test.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { answerWith, ScriptedUdpServer, socketAddressOf } from "../scripted_server.ts";

leakTest("watchMapping() tells the mapping at first, and then each change alone", async () => {
  await using watch = new Watch();
  const first = watch.next();
  await watch.answer("192.0.2.1:1000");
  assertEquals(await first, ["192.0.2.1:1000", undefined]);
  const second = watch.next();
  for (let i = 0; i < 3; i++) {
    await watch.rest();
    await watch.answer("192.0.2.1:1000");
  }
  await watch.rest();
  await watch.answer("192.0.2.1:2000");
  assertEquals(await second, ["192.0.2.1:2000", "192.0.2.1:1000"]);
  assertEquals(watch.clock.now(), 4 * EVERY_MS);
  assertEquals(watch.ports.size, 1);
});

leakTest(
  "watchMapping() tells once that there is no answer, and when there is one again",
  async () => {
    await using watch = new Watch();
    const first = watch.next();
    await watch.answer("192.0.2.1:1000");
    await first;
    const second = watch.next();
    await watch.rest();
    await watch.ignore();
    assertEquals(await second, [undefined, "192.0.2.1:1000"]);
    const third = watch.next();
    await watch.rest();
    await watch.ignore();
    await watch.rest();
    await watch.answer("192.0.2.1:1000");
    assertEquals(await third, ["192.0.2.1:1000", undefined]);
  },
);

leakTest("watchMapping() says so at first if there is no answer", async () => {
  await using watch = new Watch();
  const first = watch.next();
  await watch.ignore();
  assertEquals(await first, [undefined, undefined]);
});

for (const when of ["rests", "waits for an answer"] as const) {
  leakTest(`watchMapping() ends without an error when it is aborted while it ${when}`, async () => {
    await using watch = new Watch();
    const first = watch.next();
    await watch.answer("192.0.2.1:1000");
    await first;
    const end = watch.next();
    await watch.untilResting();
    if (when === "waits for an answer") {
      watch.clock.advance(EVERY_MS);
      await watch.server.receive();
    }
    watch.abort.abort();
    assertEquals(await end, undefined);
    assertEquals(watch.clock.timers, []);
  });
}

leakTest("watchMapping() does nothing when it is aborted before", async () => {
  await using watch = new Watch();
  watch.abort.abort();
  assertEquals(await watch.next(), undefined);
});

const EVERY_MS = 30_000;

/** A watch over a scripted server, and the hands of its clock. */
class Watch implements AsyncDisposable {
  readonly server = new ScriptedUdpServer();
  readonly clock = new VirtualClock();
  readonly abort = new AbortController();
  readonly ports = new Set<number>();
  readonly #changes: AsyncGenerator<MappingChange, void, void> = watchMapping(
    socketAddressOf(`127.0.0.1:${this.server.port}`),
    { everyMs: EVERY_MS, clock: this.clock, signal: this.abort.signal },
  );

  /** What the next change tells: now, before. */
  async next(): Promise<readonly (string | undefined)[] | undefined> {
    const { value } = await this.#changes.next();
    if (value === undefined) return undefined;
    const { reflexive, previous } = value;
    return [reflexive && formatSocketAddress(reflexive), previous && formatSocketAddress(previous)];
  }

  async answer(reflexive: string): Promise<void> {
    this.clock.advance(0);
    const received = await this.server.receive();
    this.ports.add(received.from.port);
    await this.server.send(answerWith(reflexive, received.request), received);
  }

  /** Lets a request and all its repetitions pass. */
  async ignore(): Promise<void> {
    this.clock.advance(0);
    for (let i = 0; i < PATIENT_TIMING.maxRequests; i++) {
      await this.server.receive();
      this.clock.advance(this.clock.timers[0]! - this.clock.now());
    }
  }

  async untilResting(): Promise<void> {
    await this.clock.untilTimer(this.clock.now() + EVERY_MS);
  }

  async rest(): Promise<void> {
    await this.untilResting();
    this.clock.advance(EVERY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort.abort();
    await this.#changes.return();
    this.server[Symbol.dispose]();
  }
}
