import { assertEquals, assertRejects } from "@std/assert";
import { listenPublicTcp, type ListenPublicTcpOptions } from "../../lib/traversal/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import { ListenError } from "../../lib/transport/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { testPublicTcpDialBack } from "../contracts/public_tcp_dial_back_contract.ts";
import { testPublicTcpListener } from "../contracts/public_tcp_listener_contract.ts";
import { leakTest } from "../support/leak_test.ts";
import { EventLog } from "./event_log.ts";
import { ScriptedStunServer } from "./scripted_stun_server.ts";

for (const sharing of ["turns", ...Deno.build.os === "linux" ? ["reuse-port"] : []] as const) {
  testPublicTcpListener(sharing as "turns" | "reuse-port");
  testPublicTcpDialBack(sharing as "turns" | "reuse-port");
}

for (const localIp of [undefined, new Uint8Array(16).fill(1, 15)]) {
  leakTest(
    `listenPublicTcp() listens on IPv6 when ${localIp ? "its address" : "the family"} says so`,
    async () => {
      await using server = new StunServer({ hostnames: ["::1"], port: 0, transports: ["tcp"] });
      const servers = [`stun:${formatSocketAddress(server.start()[0]!.address)}`];
      const where = localIp ? { localIp } : { family: 6 as const };
      await using listener = await listenPublicTcp({ servers, ...where });
      assertEquals(listener.publicAddress, listener.localAddress);
      assertEquals(listener.publicAddress!.ip, new Uint8Array(16).fill(1, 15));
      const visitor = await Deno.connect({ hostname: "::1", port: listener.publicAddress!.port });
      for await (const connection of listener) {
        connection.close();
        break;
      }
      visitor.close();
    },
  );
}

leakTest("listenPublicTcp() closes with an error when another program takes its port", async () => {
  await using server = new ScriptedStunServer();
  const log = new EventLog();
  const listener = await listenPublicTcp({
    servers: [server.uri],
    sharing: "turns",
    onEvent: log.take,
  });
  const next = listener[Symbol.asyncIterator]().next();
  const { listen } = Deno;
  // Nobody else could be in time: the port is free for less than a turn of the event loop
  Deno.listen = (() => {
    throw Object.assign(new Deno.errors.AddrInUse("taken"), { code: "EADDRINUSE" });
  }) as typeof Deno.listen;
  try {
    server.closeConnections();
    await assertRejects(() => next, ListenError, "the address is in use by another program");
  } finally {
    Deno.listen = listen;
  }
  await listener.close();
  assertEquals(listener.publicAddress, undefined);
  assertEquals(
    log.lines.at(-1),
    `close: Cannot listen on tcp 0.0.0.0:${listener.localAddress.port}: ` +
      "the address is in use by another program",
  );
});

const SERVERS = ["stun:127.0.0.1"];
for (
  const [name, options, message] of [
    ["there is no server", { servers: [] }, "no server is given"],
    ["there are nine servers", { servers: new Array(9).fill("stun:127.0.0.1") }, "9 servers"],
    ["a server is none", { servers: ["turn:127.0.0.1"] }, "TURN URI"],
    ["a server wants TLS", { servers: ["stuns:127.0.0.1"] }, "stuns:"],
    ["keepAliveMs is too small", { servers: SERVERS, keepAliveMs: 99 }, "keepAliveMs is 99"],
    ["keepAliveMs is no number", { servers: SERVERS, keepAliveMs: NaN }, "keepAliveMs is NaN"],
    ["maxPending is 0", { servers: SERVERS, maxPending: 0 }, "maxPending is 0"],
    [
      "keepAliveUrl is of another scheme",
      { servers: SERVERS, keepAliveUrl: "https://127.0.0.1/" },
      "keepAliveUrl is https://127.0.0.1/, wanted an http: URL",
    ],
    [
      "keepAliveUrl is none",
      { servers: SERVERS, keepAliveUrl: "127.0.0.1" },
      "keepAliveUrl is 127.0.0.1",
    ],
    ["the local port is out of range", { servers: SERVERS, localPort: 65_536 }, "65536"],
  ] as const satisfies readonly (readonly [string, ListenPublicTcpOptions, string])[]
) {
  leakTest(`listenPublicTcp() rejects when ${name}`, async () => {
    await assertRejects(() => listenPublicTcp(options), RangeError, message);
  });
}
