import { assertEquals, assertRejects } from "@std/assert";
import { StunServer } from "../../lib/server/mod.ts";
import type { TcpPortSharing } from "../../lib/transport/mod.ts";
import {
  listenPublicTcp,
  type ListenPublicTcpOptions,
  PublicListenerError,
  type PublicTcpListener,
} from "../../lib/traversal/mod.ts";
import {
  attribute,
  DIAL_BACK,
  DIAL_BACK_RESULT,
  type DialBackOutcome,
  encodeMessage,
  equalIps,
  formatIp,
  formatSocketAddress,
  type SocketAddress,
  type StunMessage,
  valueOf,
} from "../../lib/wire/mod.ts";
import { answerTo } from "../client/scripted_server.ts";
import { leakTest } from "../support/leak_test.ts";
import { EventLog } from "../traversal/event_log.ts";
import { ScriptedStunServer } from "../traversal/scripted_stun_server.ts";

/** What `dialBack()` of a public TCP listener does, however it shares its port. */
export function testPublicTcpDialBack(sharing: TcpPortSharing): void {
  const test = (name: string, fn: () => Promise<void>) =>
    leakTest(`dialBack() with ${sharing} ${name}`, fn);
  const listen = (options: ListenPublicTcpOptions): Promise<PublicTcpListener> =>
    listenPublicTcp({ sharing, ...options });

  test("tells from where our server has come, and hands it to nobody", async () => {
    await using server = new StunServer({
      hostnames: ["127.0.0.1"],
      alternateHostnames: ["127.0.0.2"],
      port: 0,
      transports: ["tcp"],
    });
    const address = server.start()[0]!.address;
    await using listener = await listen({ servers: [uriOf(address)] });
    for (const [changeAddress, ip] of [[false, "127.0.0.1"], [true, "127.0.0.2"]] as const) {
      const { from, elapsedMs, ...finding } = await listener.dialBack({ changeAddress });
      assertEquals(finding, {
        server: address,
        changeAddress,
        outcome: "connected",
        fromStranger: changeAddress,
      });
      assertEquals([from && formatIp(from.ip), typeof elapsedMs], [ip, "number"]);
    }
    const next = listener[Symbol.asyncIterator]().next();
    await listener.close();
    assertEquals(await next, { done: true, value: undefined });
  });

  test("tells that the server has connected to somebody else", async () => {
    await using server = new ScriptedStunServer({ onRequest: claim("connected") });
    await using listener = await listen({ servers: [server.uri] });
    const { outcome, from, fromStranger, elapsedMs } = await listener.dialBack();
    assertEquals([outcome, from, fromStranger, elapsedMs], ["connected", undefined, false, 5]);
  });

  test("waits for nobody any more when the listener is closed", async () => {
    await using server = new ScriptedStunServer({ onRequest: claim("connected") });
    await using listener = await listen({ servers: [server.uri] });
    const asking = listener.dialBack();
    while (server.asked < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    await listener.close();
    assertEquals((await asking).from, undefined);
  });

  test("hands on who comes meanwhile, with every byte", async () => {
    const greeting = encodeMessage({
      class: "indication",
      method: 1,
      transactionId: new Uint8Array(12),
      attributes: [
        attribute(DIAL_BACK, {
          changeAddress: false,
          changePort: true,
          token: new Uint8Array(8).fill(1),
        }),
      ],
    });
    const words = {
      "a browser": new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
      "a liar": greeting,
      "a stammerer": greeting.subarray(0, 30),
      "a listener": new Uint8Array(0),
    };
    const visitors: Deno.TcpConn[] = [];
    let port = 0;
    await using server = new ScriptedStunServer({
      onRequest: async (request) => {
        if (valueOf(request, DIAL_BACK) === undefined) return undefined;
        for (const bytes of Object.values(words)) {
          const visitor = await Deno.connect({ hostname: "127.0.0.1", port });
          visitors.push(visitor);
          if (bytes.length > 0) await visitor.write(bytes);
        }
        return await claim("refused")(request);
      },
    });
    await using listener = await listen({ servers: [server.uri] });
    port = listener.localAddress.port;
    const { outcome } = await listener.dialBack();
    assertEquals(outcome, "refused");
    const heard = new Map<number, number[]>();
    const iterator = listener[Symbol.asyncIterator]();
    for (const visitor of visitors) await visitor.write(Uint8Array.of(255));
    for (let i = 0; i < visitors.length; i++) {
      const { value: connection } = await iterator.next();
      const bytes: number[] = [];
      while (bytes.at(-1) !== 255) bytes.push(...await connection.read() ?? []);
      heard.set(connection.remoteAddress.port, bytes);
      await connection.write(Uint8Array.of(1));
      connection.close();
    }
    for (const [i, bytes] of Object.values(words).entries()) {
      const visitor = visitors[i]!;
      assertEquals(heard.get(visitor.localAddr.port), [...bytes, 255]);
      assertEquals(await visitor.read(new Uint8Array(9)), 1);
      visitor.close();
    }
  });

  for (const outcome of ["timed-out", "unreachable", "not-permitted", "unsupported"] as const) {
    test(`tells that the outcome is ${outcome}`, async () => {
      await using server = new ScriptedStunServer({ onRequest: claim(outcome) });
      await using listener = await listen({ servers: [server.uri] });
      const finding = await listener.dialBack();
      assertEquals([finding.outcome, finding.from], [outcome, undefined]);
    });
  }

  test("asks another server when one does not know DIAL-BACK", async () => {
    await using plain = new ScriptedStunServer();
    await using able = new ScriptedStunServer({ onRequest: claim("refused") }, "127.0.0.2");
    await using listener = await listen({ servers: [plain.uri, able.uri] });
    const finding = await listener.dialBack();
    assertEquals([finding.outcome, finding.server], ["refused", able.address]);
  });

  test("tells that no server knows DIAL-BACK", async () => {
    await using plain = new ScriptedStunServer();
    await using listener = await listen({ servers: [plain.uri] });
    const finding = await listener.dialBack();
    assertEquals([finding.outcome, finding.from], ["unknown", undefined]);
  });

  test("tells that the server closed the connection in place of an answer", async () => {
    await using server = new ScriptedStunServer();
    server.script.onRequest = (request) => {
      if (valueOf(request, DIAL_BACK) !== undefined) server.closeConnections();
      return Promise.resolve(undefined);
    };
    await using listener = await listen({ servers: [server.uri] });
    assertEquals((await listener.dialBack()).outcome, "unanswered");
  });

  test("rejects when no server holds the mapping", async () => {
    await using server = new ScriptedStunServer();
    const log = new EventLog();
    await using listener = await listen({ servers: [server.uri], onEvent: log.take });
    await server.kill();
    await log.until(/^lost/);
    const error = await assertRejects(() => listener.dialBack(), PublicListenerError);
    assertEquals(error.code, "lost");
  });

  test("asks first the server whose other address nothing is connected to", async () => {
    // The other address of the first is the second, so that a dial-back from there shows nothing
    const options = { port: 0, transports: ["tcp"] } as const;
    await using one = new StunServer({
      ...options,
      hostnames: ["127.0.0.1"],
      alternateHostnames: ["127.0.0.2"],
    });
    await using two = new StunServer({
      ...options,
      hostnames: ["127.0.0.2"],
      alternateHostnames: ["127.0.0.3"],
    });
    const addresses = [one, two].map((server) => server.start()[0]!.address);
    await using listener = await listen({ servers: addresses.map(uriOf) });
    const finding = await listener.dialBack({ changeAddress: true });
    assertEquals([finding.server, finding.outcome, finding.fromStranger], [
      addresses[1],
      "connected",
      true,
    ]);
    assertEquals(equalIps(finding.from!.ip, Uint8Array.of(127, 0, 0, 3)), true);
  });
}

/** Answers DIAL-BACK with an outcome, whatever is true. */
function claim(
  outcome: DialBackOutcome,
): (request: StunMessage) => Promise<Uint8Array | undefined> {
  return (request) =>
    Promise.resolve(
      valueOf(request, DIAL_BACK) === undefined
        ? undefined
        : answerTo(request, [attribute(DIAL_BACK_RESULT, { outcome, elapsedMs: 5 })]),
    );
}

function uriOf(address: SocketAddress): string {
  return `stun:${formatSocketAddress(address)}`;
}
