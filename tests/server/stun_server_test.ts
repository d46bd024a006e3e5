import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  StunServer,
  type StunServerListener,
  type StunServerOptions,
} from "../../lib/server/mod.ts";
import { ListenError } from "../../lib/transport/mod.ts";
import { formatIp, formatSocketAddress } from "../../lib/wire/mod.ts";
import { describe, outcomes, raw, request } from "../protocol/binding_cases.ts";
import { askTcp, askUdp, type Target } from "../support/binding_request.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leak_test.ts";
import { memoryLogger } from "../support/memory_logger.ts";

const PLACES = [
  { bound: "127.0.0.1", host: "127.0.0.1", bytes: 32 },
  { bound: "::1", host: "::1", bytes: 44 },
  { bound: "0.0.0.0", host: "127.0.0.1", bytes: 32 },
  { bound: "::", host: "127.0.0.1", bytes: 32 },
  { bound: "::", host: "::1", bytes: 44 },
] as const;

for (const { bound, host, bytes } of PLACES) {
  for (const transport of ["udp", "tcp"] as const) {
    leakTest(
      `StunServer answers ${host} over ${transport} when it is bound to ${bound}`,
      async () => {
        await using server = new StunServer({ hostnames: [bound], port: 0 });
        const target = { hostname: host, port: portOf(server.start(), transport) };
        const answer = await ask(transport, target, request());
        assertEquals(answer.bytes.length, bytes);
        const source = host === "::1" ? `[::1]:${answer.localPort}` : `${host}:${answer.localPort}`;
        assertEquals(read(answer.bytes), [["XOR-MAPPED-ADDRESS", source]]);
      },
    );
  }
}

leakTest(
  "StunServer.start() tells its sockets in the order of hosts, then of transports",
  async () => {
    const logger = memoryLogger();
    await using server = new StunServer({ hostnames: ["127.0.0.1", "::1"], port: 0, logger });
    const listeners = server.start();
    assertEquals(
      listeners.map((
        { transport, address, role, io },
      ) => [transport, formatIp(address.ip), role, io]),
      [
        ["udp", "127.0.0.1", "primary", "deno"],
        ["tcp", "127.0.0.1", "primary", "deno"],
        ["udp", "::1", "primary", "deno"],
        ["tcp", "::1", "primary", "deno"],
      ],
    );
    assertEquals(listeners[0]!.address.port, listeners[1]!.address.port);
    assertEquals(listeners[2]!.address.port, listeners[3]!.address.port);
    assertEquals(
      logger.lines,
      listeners.map(({ transport, address }) => [
        "info",
        "listening",
        { transport, address: formatSocketAddress(address), io: "deno" },
      ]),
    );
  },
);

leakTest("StunServer.start() listens on every address when it is given none", async () => {
  await using server = new StunServer({ port: 0 });
  const listeners = server.start();
  assertEquals(listeners.map(({ address }) => formatIp(address.ip)), ["::", "::"]);
});

leakTest("StunServer.start() opens what it is told to serve alone", async () => {
  for (const transport of ["udp", "tcp"] as const) {
    await using server = new StunServer({
      hostnames: ["127.0.0.1"],
      port: 0,
      transports: [transport],
    });
    assertEquals(server.start().map((listener) => listener.transport), [transport]);
  }
});

leakTest("StunServer.start() throws when it has been started already", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  server.start();
  assertThrows(
    () => server.start(),
    TypeError,
    "Cannot start the server: it has been started already",
  );
});

for (const transport of ["udp", "tcp"] as const) {
  leakTest(
    `StunServer.start() leaves nothing open when the ${transport} port is in use`,
    async () => {
      const taken = take(transport, freePort());
      const server = new StunServer({ hostnames: ["127.0.0.1"], port: taken.port });
      const error = assertThrows(() => server.start(), ListenError);
      assertEquals([error.code, error.transport], ["address-in-use", transport]);
      assertEquals(server.statistics, undefined);
      taken.close();
      // Everything can be bound now, by others and by the same server
      take("udp", taken.port).close();
      take("tcp", taken.port).close();
      assertEquals(server.start().length, 2);
      await server.close();
    },
  );
}

leakTest("StunServer.start() closes its first host's sockets when the second is in use", () => {
  const taken = take("tcp", freePort(), "::1");
  const server = new StunServer({ hostnames: ["127.0.0.1", "::1"], port: taken.port });
  assertThrows(() => server.start(), ListenError, `Cannot listen on tcp [::1]:${taken.port}: `);
  take("udp", taken.port).close();
  take("tcp", taken.port).close();
  taken.close();
});

Deno.test({
  name: "StunServer.start() throws when it may not use the network",
  permissions: { net: false },
  fn: () => {
    const server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const error = assertThrows(() => server.start(), ListenError, "pass --allow-net");
    assertEquals(error.code, "permission-denied");
  },
});

const WRONG: readonly (readonly [what: string, options: StunServerOptions])[] = [
  ["a host name", { hostnames: ["localhost"] }],
  ["a host name after an address", { hostnames: ["127.0.0.1", "localhost"] }],
  ["a port above 65535", { port: 65_536 }],
  ["SOFTWARE of 128 characters", { software: "a".repeat(128) }],
  ["an idle timeout of 0", { idleTimeoutMs: 0 }],
  ["a NaN of connections", { maxConnections: NaN }],
  ["a negative number of connections per address", { maxConnectionsPerAddress: -1 }],
];

for (const [what, options] of WRONG) {
  leakTest(
    `StunServer throws a RangeError and leaves nothing open when it is given ${what}`,
    () => {
      assertThrows(
        () => new StunServer({ hostnames: ["127.0.0.1"], port: 0, ...options }).start(),
        RangeError,
      );
    },
  );
}

leakTest(
  "StunServer.close() frees its ports, and may be called again and at the same time",
  async () => {
    const server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const port = portOf(server.start(), "udp");
    await Promise.all([server.close(), server.close()]);
    await server.close();
    take("udp", port).close();
    take("tcp", port).close();
  },
);

leakTest("StunServer.close() does nothing before the start", async () => {
  await new StunServer().close();
});

leakTest("StunServer.close() loses no answer to a datagram that was read", async () => {
  const server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const port = portOf(server.start(), "udp");
  const client = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const server4 = { transport: "udp", hostname: "127.0.0.1", port } as const;
  for (let i = 0; i < 200; i++) await client.send(request(), server4);
  await client.receive();
  await server.close();
  const answered = server.statistics!.total("success");
  assert(answered >= 1);
  for (let received = 1; received < answered; received++) {
    assertEquals((await client.receive())[0].length, 32);
  }
  client.close();
});

leakTest("StunServer goes on after datagrams that are not STUN, and counts all", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const target = { hostname: "127.0.0.1", port: portOf(server.start(), "udp") };
  const client = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const send = (bytes: Uint8Array) => client.send(bytes, { transport: "udp", ...target });
  await send(new Uint8Array(0));
  await send(new Uint8Array(60_000).fill(0xff));
  const response = request();
  response[0] = 1;
  await send(response);
  await ask("udp", target, request());
  await ask("udp", target, request([raw(0x7001)]));
  await ask("tcp", target, request());
  assertEquals(outcomes({ statistics: server.statistics! }), [
    "udp 4 success 1",
    "udp 4 error-420 1",
    "udp 4 drop-not-stun 2",
    "udp 4 drop-not-a-request 1",
    "tcp 4 success 1",
  ]);
  client.close();
});

leakTest("StunServer speaks RFC 3489, and names its address where it knows it", async () => {
  for (const [bound, known] of [["127.0.0.1", true], ["0.0.0.0", false]] as const) {
    await using server = new StunServer({ hostnames: [bound], port: 0 });
    const port = portOf(server.start(), "udp");
    for (const transport of ["udp", "tcp"] as const) {
      const answer = await ask(
        transport,
        { hostname: "127.0.0.1", port },
        request([], { classic: true }),
      );
      const mapped = ["MAPPED-ADDRESS", `127.0.0.1:${answer.localPort}`] as const;
      const source = ["SOURCE-ADDRESS", `127.0.0.1:${port}`] as const;
      assertEquals(read(answer.bytes), known ? [mapped, source] : [mapped]);
    }
  }
});

leakTest("StunServer says SOFTWARE when it is configured", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0, software: "Pinhole" });
  const target = { hostname: "127.0.0.1", port: portOf(server.start(), "udp") };
  const answer = await ask("udp", target, request());
  assertEquals(read(answer.bytes)[1], ["SOFTWARE", "Pinhole"]);
});

leakTest("StunServer says no false thing without an alternate address", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const target = { hostname: "127.0.0.1", port: portOf(server.start(), "udp") };
  const answer = await ask("udp", target, request([raw(0x0003, "00000006")]));
  assertEquals(read(answer.bytes), [
    ["ERROR-CODE", { code: 420, reason: "" }],
    ["UNKNOWN-ATTRIBUTES", [0x0003]],
  ]);
});

function portOf(listeners: readonly StunServerListener[], transport: "udp" | "tcp"): number {
  return listeners.find((listener) => listener.transport === transport)!.address.port;
}

async function ask(
  transport: "udp" | "tcp",
  target: Target,
  bytes: Uint8Array,
): Promise<{ readonly bytes: Uint8Array; readonly localPort: number }> {
  const options = { request: new Uint8Array(bytes) };
  return await (transport === "udp" ? askUdp(target, options) : askTcp(target, options));
}

function read(bytes: Uint8Array): readonly (readonly [string, unknown])[] {
  const destination = { ip: new Uint8Array(4), port: 0 };
  return describe({ bytes, destination, via: "primary" })!.attributes;
}

/** Takes a port away from everybody else. */
function take(
  transport: "udp" | "tcp",
  port: number,
  hostname = "127.0.0.1",
): { readonly port: number; close(): void } {
  const socket = transport === "udp"
    ? Deno.listenDatagram({ transport, hostname, port })
    : Deno.listen({ transport, hostname, port });
  return { port: (socket.addr as Deno.NetAddr).port, close: () => socket.close() };
}
