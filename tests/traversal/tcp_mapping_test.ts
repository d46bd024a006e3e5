import { assertEquals } from "@std/assert";
import { systemRandomness } from "../../lib/ops/mod.ts";
import { openSharedTcpPort } from "../../lib/transport/mod.ts";
import { TcpMapping } from "../../lib/traversal/_tcp_mapping.ts";
import { decodeMessage } from "../../lib/wire/mod.ts";
import { answerWith, ScriptedTcpServer, socketAddressOf } from "../client/scripted_server.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

leakTest("TcpMapping finds what the servers have seen, and asks again after 25 s", async () => {
  using server = new ScriptedTcpServer();
  const clock = new VirtualClock();
  await using scene = await openScene([server], clock);
  using connection = await server.accept();
  await answer(connection, "192.0.2.1:7000");
  const { hosts, observations, asked } = await scene.mapping.findings();
  assertEquals({ hosts, observations, asked }, {
    hosts: [{ ip: Uint8Array.of(127, 0, 0, 1), port: scene.local.port }],
    observations: [{
      local: hosts[0]!,
      to: scene.servers[0]!,
      reflexive: socketAddressOf("192.0.2.1:7000"),
    }],
    asked: 1,
  });
  await clock.untilTimer(25_000);
  clock.advance(25_000);
  await answer(connection, "192.0.2.1:7000");
});

leakTest("TcpMapping connects again from the same port when a server hangs up", async () => {
  using server = new ScriptedTcpServer();
  const clock = new VirtualClock();
  await using scene = await openScene([server], clock);
  const first = await server.accept();
  await answer(first, "192.0.2.1:7000");
  await scene.mapping.findings();
  first.close();
  await clock.untilTimer(1_000);
  clock.advance(1_000);
  using second = await server.accept();
  assertEquals(second.remoteAddr.port, scene.local.port);
  await answer(second, "192.0.2.1:7000");
});

leakTest(
  "TcpMapping does without a server that says nothing for 3 s, or is not there",
  async () => {
    using silent = new ScriptedTcpServer();
    const gone = new ScriptedTcpServer();
    gone[Symbol.dispose]();
    const clock = new VirtualClock();
    await using scene = await openScene([silent, gone], clock);
    using _connection = await silent.accept();
    await clock.untilTimer(3_000);
    const findings = scene.mapping.findings();
    clock.advance(3_000);
    assertEquals(await findings, { hosts: [], observations: [], asked: 2 });
  },
);

/** A port, and a mapping of it by servers. */
async function openScene(servers: readonly ScriptedTcpServer[], clock: VirtualClock) {
  const port = await openSharedTcpPort({ ip: new Uint8Array(4), port: 0 });
  const addresses = servers.map(({ uri }) => socketAddressOf(uri.slice("stun:".length)));
  const mapping = new TcpMapping({
    port,
    servers: addresses,
    clock,
    randomness: systemRandomness,
    signal: new AbortController().signal,
  });
  return {
    mapping,
    servers: addresses,
    local: port.localAddress,
    async [Symbol.asyncDispose](): Promise<void> {
      await mapping[Symbol.asyncDispose]();
      port.close();
    },
  };
}

/** Answers the one request that a connection brings next. */
async function answer(connection: Deno.TcpConn, reflexive: string): Promise<void> {
  const bytes = new Uint8Array(20);
  await connection.read(bytes);
  const request = decodeMessage(bytes);
  if (!request.ok) throw new TypeError(request.reason);
  await connection.write(answerWith(reflexive, request.value));
}
