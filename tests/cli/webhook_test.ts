import { assertEquals, assertMatch } from "@std/assert";
import { type Clock, systemClock } from "../../lib/ops/mod.ts";
import { postWebhook } from "../../lib/cli/webhook.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

leakTest("postWebhook() posts JSON", async () => {
  await using receiver = new Receiver(() => new Response("thanks", { status: 202 }));
  assertEquals(await post(receiver.url), { ok: true, detail: "status 202" });
  assertEquals(receiver.requests, [{
    method: "POST",
    type: "application/json",
    body: { event: "refresh", public: "203.0.113.11:40000" },
  }]);
});

leakTest("postWebhook() asks again after 1 s and 4 s when the receiver is in trouble", async () => {
  const clock = new VirtualClock();
  const answers = [503, 429, 200];
  await using receiver = new Receiver(() => new Response(null, { status: answers.shift()! }));
  const outcome = post(receiver.url, { clock });
  await clock.untilTimer(1_000);
  clock.advance(1_000);
  await clock.untilTimer(5_000);
  clock.advance(4_000);
  assertEquals(await outcome, { ok: true, detail: "status 200" });
  assertEquals([receiver.requests.length, clock.timers], [3, []]);
});

leakTest("postWebhook() gives up after three times", async () => {
  const clock = new VirtualClock();
  await using receiver = new Receiver(() => new Response(null, { status: 500 }));
  const outcome = post(receiver.url, { clock });
  await clock.untilTimer(1_000);
  clock.advance(1_000);
  await clock.untilTimer(5_000);
  clock.advance(4_000);
  assertEquals(await outcome, { ok: false, detail: "status 500" });
  assertEquals(receiver.requests.length, 3);
});

for (const status of [302, 400, 404]) {
  leakTest(`postWebhook() takes status ${status} for the answer`, async () => {
    await using receiver = new Receiver(() => {
      return new Response(null, { status, headers: { location: "http://127.0.0.1:1/" } });
    });
    assertEquals(await post(receiver.url), { ok: false, detail: `status ${status}` });
    assertEquals(receiver.requests.length, 1);
  });
}

leakTest("postWebhook() tries again when nobody listens", async () => {
  const clock = new VirtualClock();
  const outcome = post(`http://127.0.0.1:${freePort("127.0.0.1")}/`, { clock });
  await clock.untilTimer(1_000);
  clock.advance(1_000);
  await clock.untilTimer(5_000);
  clock.advance(4_000);
  const { ok, detail } = await outcome;
  assertEquals(ok, false);
  assertMatch(detail, /refused/i);
});

leakTest("postWebhook() waits 10 s for an answer", async () => {
  const clock = new VirtualClock();
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<Response>();
  const stop = new AbortController();
  await using receiver = new Receiver(() => {
    asked.resolve();
    return never.promise;
  });
  const outcome = post(receiver.url, { clock, signal: stop.signal });
  await asked.promise;
  clock.advance(10_000);
  await clock.untilTimer(11_000);
  stop.abort();
  never.resolve(new Response());
  assertEquals((await outcome).ok, false);
  assertEquals(clock.timers, []);
});

leakTest("postWebhook() gives up at once when it is called off", async () => {
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<Response>();
  const stop = new AbortController();
  await using receiver = new Receiver(() => {
    asked.resolve();
    return never.promise;
  });
  const outcome = post(receiver.url, { signal: stop.signal });
  await asked.promise;
  stop.abort();
  assertEquals(await outcome, { ok: false, detail: "given up" });
  never.resolve(new Response());
});

/** An HTTP server on loopback that keeps what it was asked. */
class Receiver implements AsyncDisposable {
  readonly requests: { method: string; type: string | null; body: unknown }[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(answer: () => Response | Promise<Response>) {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      const { method, headers } = request;
      const body = await request.json();
      this.requests.push({ method, type: headers.get("content-type"), body });
      return await answer();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/changed`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function post(
  url: string,
  { clock = systemClock, signal = new AbortController().signal }: {
    readonly clock?: Clock;
    readonly signal?: AbortSignal;
  } = {},
): ReturnType<typeof postWebhook> {
  const body = { event: "refresh", public: "203.0.113.11:40000" };
  return postWebhook(body, { url, clock, signal });
}
