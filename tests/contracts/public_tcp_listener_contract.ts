import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  listenPublicTcp,
  type ListenPublicTcpOptions,
  PublicListenerError,
  type PublicTcpListener,
} from "../../lib/traversal/mod.ts";
import { type Clock, systemClock } from "../../lib/ops/mod.ts";
import type { StreamConnection, TcpPortSharing } from "../../lib/transport/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { leakTest } from "../support/leak_test.ts";
import { EventLog } from "../traversal/event_log.ts";
import { fastClock } from "../traversal/fast_clock.ts";
import { ScriptedStunServer } from "../traversal/scripted_stun_server.ts";

/** What a public TCP listener does, however it shares its port. */
export function testPublicTcpListener(sharing: TcpPortSharing): void {
  const test = (name: string, fn: () => Promise<void>) =>
    leakTest(`listenPublicTcp() with ${sharing} ${name}`, fn);
  const listen = (options: ListenPublicTcpOptions): Promise<PublicTcpListener> =>
    listenPublicTcp({ sharing, ...options });

  test("learns its address and is reached there", async () => {
    await using server = new ScriptedStunServer();
    const log = new EventLog();
    await using listener = await listen({ servers: [server.uri], onEvent: log.take });
    const { publicAddress, localAddress, nat } = listener;
    assertEquals([publicAddress, nat, listener.sharing], [localAddress, false, sharing]);
    const [theirs, ours] = await meet(listener);
    await theirs.write(Uint8Array.of(1, 2, 3));
    assertEquals(await ours.read(), Uint8Array.of(1, 2, 3));
    await ours.write(Uint8Array.of(4));
    const bytes = new Uint8Array(9);
    assertEquals([await theirs.read(bytes), bytes[0]], [1, 4]);
    ours.close();
    theirs.close();
    assertEquals(log.lines, [
      `connected ${server.name}`,
      `refresh ${formatSocketAddress(publicAddress!)} by ${server.name}`,
    ]);
  });

  test("tells a NAT, and the new address when it has changed", async () => {
    await using server = new ScriptedStunServer({ reflexive: ONE });
    const log = new EventLog();
    await using listener = await listen({
      servers: [server.uri],
      keepAliveMs: 100,
      onEvent: log.take,
    });
    assertEquals([formatSocketAddress(listener.publicAddress!), listener.nat], [ONE, true]);
    server.script.reflexive = TWO;
    await log.until(/^refresh 203.0.113.2/);
    assertEquals(formatSocketAddress(listener.publicAddress!), TWO);
    log.assertLines(/refresh|lost/, [
      `refresh ${ONE} by ${server.name}`,
      `refresh ${TWO} after ${ONE} by ${server.name}`,
    ]);
    assertEquals(server.accepted, 1);
  });

  test("tells the loss when the server is killed, and the address when it is back", async () => {
    await using server = new ScriptedStunServer({ reflexive: ONE });
    const log = new EventLog();
    await using listener = await listen({
      servers: [server.uri],
      onEvent: log.take,
      clock: fastClock,
    });
    await server.kill();
    await log.until(/^lost/);
    assertEquals(listener.publicAddress, undefined);
    server.revive();
    await log.until(/^refresh/, log.lines.findIndex((line) => line.startsWith("lost")));
    assertEquals(formatSocketAddress(listener.publicAddress!), ONE);
    log.assertLines(/not-holding/, []);
    await assertReached(listener);
  });

  test("loses nothing when one of two servers dies, and dials it again", async () => {
    await using one = new ScriptedStunServer({ reflexive: ONE });
    await using two = new ScriptedStunServer({ reflexive: ONE }, "127.0.0.2");
    const log = new EventLog();
    await using listener = await listen({
      servers: [one.uri, two.uri],
      onEvent: log.take,
      clock: fastClock,
    });
    await one.kill();
    await log.until(/^failed/);
    one.revive();
    await log.until(/^connected 127.0.0.1/, log.lines.length);
    await assertReached(listener);
    log.assertLines(/refresh|lost|not-holding/, [`refresh ${ONE} by ${one.name}`]);
    assertEquals([one.accepted, two.accepted], [2, 1]);
  });

  test("is reached while connections are closed and dialled again", async () => {
    await using server = new ScriptedStunServer();
    const log = new EventLog();
    await using listener = await listen({
      servers: [server.uri],
      onEvent: log.take,
      clock: fastClock,
      keepAliveMs: 1_000,
    });
    for (let i = 0; i < 5; i++) {
      const from = log.lines.length;
      server.closeConnections();
      await log.until(/^connected/, from);
      await assertReached(listener);
    }
    assertEquals(log.gaps.length > 0, sharing === "turns");
  });

  test("redials from the same port when the server answers no more", async () => {
    await using server = new ScriptedStunServer({ reflexive: ONE });
    const log = new EventLog();
    await using listener = await listen({
      servers: [server.uri],
      onEvent: log.take,
      clock: fastClock,
    });
    server.script.answers = "never";
    await log.until(/^closed/);
    server.script.answers = "yes";
    server.script.reflexive = TWO;
    await log.until(/^refresh 203.0.113.2/);
    await assertReached(listener);
    log.assertLines(/not-holding/, []);
  });

  test("recognises a server that closes connections in use", async () => {
    await using server = new ScriptedStunServer({ closesAfterMs: 300 });
    const log = new EventLog();
    await using _listener = await listen({
      servers: [server.uri],
      keepAliveMs: 100,
      onEvent: log.take,
    });
    assertEquals(await log.until(/^not-holding/), `not-holding ${server.name}`);
    log.assertLines(/failed/, []);
  });

  test("turns to another server when one does not hold", async () => {
    await using bad = new ScriptedStunServer({ reflexive: ONE, closesAfterMs: 300 });
    await using good = new ScriptedStunServer({ reflexive: ONE }, "127.0.0.2");
    const log = new EventLog();
    await using _listener = await listen({
      servers: [bad.uri, good.uri],
      keepAliveMs: 200,
      onEvent: log.take,
    });
    await log.until(/^not-holding/);
    const asked = good.asked;
    while (good.asked < asked + 5) await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals([bad.accepted, good.accepted], [2, 1]);
    log.assertLines(/lost/, []);
  });

  test("asks once and never again when there is to be no keep-alive", async () => {
    await using server = new ScriptedStunServer();
    const timers: number[] = [];
    const clock: Clock = {
      ...systemClock,
      setTimer(ms, callback) {
        const cancel = systemClock.setTimer(ms, callback);
        timers.push(ms);
        return () => {
          if (timers.includes(ms)) timers.splice(timers.indexOf(ms), 1);
          cancel();
        };
      },
    };
    await using _listener = await listen({ servers: [server.uri], keepAliveMs: Infinity, clock });
    assertEquals([server.asked, timers], [1, []]);
  });

  for (
    const [what, script, code] of [
      ["what is not STUN", { answers: "garbage" }, "bad-response"],
      ["an error", { answers: "error" }, "bad-response"],
      ["nothing", { answers: "never" }, "timed-out"],
    ] as const
  ) {
    test(`rejects when the server answers ${what}`, async () => {
      await using server = new ScriptedStunServer(script);
      const error = await assertRejects(
        () => listen({ servers: [server.uri], clock: fastClock }),
        PublicListenerError,
      );
      assertEquals(error.code, code, error.message);
      assertEquals(error.failures.map(({ server }) => server), [server.name]);
    });
  }

  test("rejects when nobody listens at the servers' addresses", async () => {
    const servers = [await deadUri(), await deadUri()];
    const error = await assertRejects(() => listen({ servers }), PublicListenerError);
    assertEquals(error.code, "no-server");
    assertEquals(error.failures.map(({ server }) => `stun:${server}`), servers);
  });

  test("rejects when two servers see two addresses", async () => {
    await using one = new ScriptedStunServer({ reflexive: ONE });
    await using two = new ScriptedStunServer({ reflexive: TWO }, "127.0.0.2");
    const error = await assertRejects(
      () => listen({ servers: [one.uri, two.uri] }),
      PublicListenerError,
      "the NAT gives each destination another one",
    );
    assertEquals(error.code, "mapping-depends");
  });

  test("rejects when the local port is in use", async () => {
    await using server = new ScriptedStunServer();
    using other = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const error = await assertRejects(
      () => listen({ servers: [server.uri], localPort: other.addr.port }),
      PublicListenerError,
    );
    assertEquals(error.code, "port-in-use");
    assertEquals(server.accepted, 0);
  });

  for (const when of ["before", "while it waits"] as const) {
    test(`rejects when it is given up ${when}`, async () => {
      await using server = new ScriptedStunServer({ answers: "never" });
      const abort = new AbortController();
      if (when === "before") abort.abort();
      else server.script.onRequest = () => Promise.resolve(void abort.abort());
      const error = await assertRejects(
        () => listen({ servers: [server.uri], signal: abort.signal }),
        PublicListenerError,
      );
      assertEquals(error.code, "aborted");
    });
  }

  test("closes when it is given up later, and ends the iteration", async () => {
    await using server = new ScriptedStunServer();
    const abort = new AbortController();
    const log = new EventLog();
    const listener = await listen({
      servers: [server.uri],
      signal: abort.signal,
      onEvent: log.take,
    });
    const [theirs, ours] = await meet(listener);
    const next = listener[Symbol.asyncIterator]().next();
    abort.abort();
    assertEquals(await next, { done: true, value: undefined });
    await log.until(/^close$/);
    assertEquals(listener.publicAddress, undefined);
    // What was handed out is its owner's
    await ours.write(Uint8Array.of(5));
    assertEquals(await theirs.read(new Uint8Array(1)), 1);
    ours.close();
    theirs.close();
  });

  test("closes connections that nobody has taken, when there are too many or it ends", async () => {
    await using server = new ScriptedStunServer();
    const listener = await listen({ servers: [server.uri], maxPending: 2 });
    const visitors = [await visit(listener), await visit(listener)];
    const refused = await visit(listener);
    assertEquals(await refused.read(new Uint8Array(1)).catch(() => null), null);
    const taken = await take(listener);
    const after = await visit(listener);
    await listener.close();
    taken.close();
    for (const one of [...visitors, refused, after]) {
      await one.read(new Uint8Array(1)).catch(() => null);
      one.close();
    }
  });

  test("can be opened again on the same port at once", async () => {
    await using server = new ScriptedStunServer();
    let localPort = 0;
    for (let i = 0; i < 3; i++) {
      await using listener = await listen({ servers: [server.uri], localPort });
      if (i > 0) assertEquals(listener.publicAddress!.port, localPort);
      localPort = listener.publicAddress!.port;
    }
    assert(localPort > 0);
    assertEquals(server.accepted, 3);
  });
}

/** Connects to where a listener listens, and takes the connection from it. */
async function meet(
  listener: PublicTcpListener,
): Promise<readonly [theirs: Deno.TcpConn, ours: StreamConnection]> {
  return [await visit(listener), await take(listener)];
}

async function assertReached(listener: PublicTcpListener): Promise<void> {
  const [theirs, ours] = await meet(listener);
  await ours.write(Uint8Array.of(7));
  assertEquals(await theirs.read(new Uint8Array(1)), 1);
  ours.close();
  theirs.close();
}

async function visit({ localAddress: { port } }: PublicTcpListener): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: "127.0.0.1", port });
}

async function take(listener: PublicTcpListener): Promise<StreamConnection> {
  const { value } = await listener[Symbol.asyncIterator]().next();
  return value;
}

async function deadUri(): Promise<string> {
  await using server = new ScriptedStunServer();
  return server.uri;
}

const ONE = "203.0.113.1:5000";
const TWO = "203.0.113.2:6000";
