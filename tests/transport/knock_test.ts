import { assertEquals, assertLess } from "@std/assert";
import { knock, type KnockOptions, type KnockOutcome } from "../../lib/transport/mod.ts";
import { parseIp, type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leak_test.ts";
import { LOOPBACKS } from "../support/tool.ts";

const GREETING = Uint8Array.of(0x00, 0x11, 0x00, 0x00);

for (const { family, hostname, skip } of LOOPBACKS) {
  Deno.test({
    name: `knock() is connected over ${family}: the other side reads the greeting, then the end`,
    ignore: skip !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      using listener = Deno.listen({ hostname, port: 0 });
      const [outcome, visit] = await Promise.all([
        tryKnock(hostname, listener.addr.port),
        listener.accept().then(readVisit),
      ]);
      assertEquals([outcome, visit.bytes], ["connected", GREETING]);
      assertEquals(visit.from.hostname, hostname);
    },
  });
}

leakTest("knock() leaves from the local address that it is given", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  for (const local of ["127.0.0.1", "127.0.0.2", "127.0.0.3"]) {
    const [outcome, visit] = await Promise.all([
      tryKnock("127.0.0.1", listener.addr.port, { localIp: ip(local) }),
      listener.accept().then(readVisit),
    ]);
    assertEquals([outcome, visit.from.hostname], ["connected", local]);
  }
});

leakTest("knock() delivers the greeting though the other side sends before it reads", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [outcome, visit] = await Promise.all([
    tryKnock("127.0.0.1", listener.addr.port),
    listener.accept().then(async (connection) => {
      await connection.write(new Uint8Array(1000));
      return await readVisit(connection);
    }),
  ]);
  assertEquals([outcome, visit.bytes], ["connected", GREETING]);
});

leakTest("knock() is refused when nobody listens", async () => {
  const begun = performance.now();
  assertEquals(await tryKnock("127.0.0.1", freePort()), "refused");
  assertLess(performance.now() - begun, 5000);
});

leakTest("knock() times out when there is no answer", async () => {
  await using silent = await Silent.listen();
  const begun = performance.now();
  assertEquals(await tryKnock("127.0.0.1", silent.port, { timeoutMs: 200 }), "timed-out");
  assertEquals(performance.now() - begun >= 199, true);
});

leakTest("knock() times out at once when it is given up", async () => {
  await using silent = await Silent.listen();
  const controller = new AbortController();
  const begun = performance.now();
  const outcome = tryKnock("127.0.0.1", silent.port, {
    timeoutMs: 60_000,
    signal: controller.signal,
  });
  controller.abort();
  assertEquals(await outcome, "timed-out");
  assertLess(performance.now() - begun, 5000);
});

leakTest("knock() does not begin when it has been given up before", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const signal = AbortSignal.abort();
  const accepted = listener.accept().then(() => true, () => false);
  assertEquals(await tryKnock("127.0.0.1", listener.addr.port, { signal }), "timed-out");
  listener.close();
  assertEquals(await accepted, false);
});

leakTest("knock() does not wait for the abortion of a signal when it is done", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  assertEquals(await tryKnock("127.0.0.1", freePort(), { signal }), "refused");
  controller.abort();
});

for (
  const [what, target, localIp] of [
    ["a broadcast address", "255.255.255.255", undefined],
    ["an address of the other family than the local one", "::1", "127.0.0.1"],
    ["a local address that is not ours", "127.0.0.1", "203.0.113.7"],
    ["a link-local address without a zone", "fe80::1", undefined],
  ] as const
) {
  leakTest(`knock() says that ${what} is unreachable`, async () => {
    const options = localIp === undefined ? {} : { localIp: ip(localIp) };
    assertEquals(await tryKnock(target, 9, options), "unreachable");
  });
}

Deno.test({
  name: "knock() says that what it has no permission for is unreachable",
  permissions: { net: false },
  fn: async () => {
    assertEquals(await tryKnock("127.0.0.1", 9), "unreachable");
  },
});

function tryKnock(
  hostname: string,
  port: number,
  options: Partial<KnockOptions> = {},
): Promise<KnockOutcome> {
  return knock(at(hostname, port), { greeting: GREETING, timeoutMs: 10_000, ...options });
}

/** A listener whose queue is full: Linux leaves further connections without an answer. */
class Silent implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #crowd: readonly Deno.TcpConn[];

  private constructor(listener: Deno.TcpListener, crowd: readonly Deno.TcpConn[]) {
    this.#listener = listener;
    this.#crowd = crowd;
  }

  static async listen(): Promise<Silent> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
    const { hostname, port } = listener.addr;
    // One more may wait than the backlog says
    const crowd = await Promise.all([0, 1].map(() => Deno.connect({ hostname, port })));
    return new Silent(listener, crowd);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#crowd) connection.close();
    this.#listener.close();
    return Promise.resolve();
  }
}

async function readVisit(
  connection: Deno.TcpConn,
): Promise<{ readonly from: Deno.NetAddr; readonly bytes: Uint8Array }> {
  const from = connection.remoteAddr;
  const bytes = await new Response(connection.readable).bytes();
  return { from, bytes };
}

function at(hostname: string, port: number): SocketAddress {
  return socketAddress(ip(hostname), port);
}

function ip(text: string): Uint8Array {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
