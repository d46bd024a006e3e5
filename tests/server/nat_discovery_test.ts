import { assertEquals } from "@std/assert";
import type { EndpointRole } from "../../lib/protocol/mod.ts";
import {
  StunServer,
  type StunServerListener,
  type StunServerOptions,
} from "../../lib/server/mod.ts";
import { formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { raw, request } from "../protocol/binding_cases.ts";
import { SERVER } from "../support/certificate.ts";
import { leakTest } from "../support/leak_test.ts";
import { askTls, TcpClient, UdpClient } from "./loopback_client.ts";

const PAIR: StunServerOptions = {
  hostnames: ["127.0.0.1"],
  alternateHostnames: ["127.0.0.2"],
  port: 0,
};

// For each socket: the roles that differ in address, in port, in both. By hand, from RFC 5780
// section 6.1's table
const SQUARE = {
  "primary": { address: "alternate-address", port: "alternate-port", both: "alternate-both" },
  "alternate-port": { address: "alternate-both", port: "primary", both: "alternate-address" },
  "alternate-address": { address: "primary", port: "alternate-both", both: "alternate-port" },
  "alternate-both": { address: "alternate-port", port: "alternate-address", both: "primary" },
} as const;
const ROLES = Object.keys(SQUARE) as EndpointRole[];

for (const role of ROLES) {
  const flags = [
    { name: "nothing", hex: undefined, from: role },
    { name: "CHANGE-REQUEST without a flag", hex: "00000000", from: role },
    { name: "another port", hex: "00000002", from: SQUARE[role].port },
    { name: "another address", hex: "00000004", from: SQUARE[role].address },
    { name: "both", hex: "00000006", from: SQUARE[role].both },
  ] as const;
  for (const { name, hex, from } of flags) {
    leakTest(`StunServer answers from ${from} when ${role} is asked for ${name}`, async () => {
      await using server = new StunServer(PAIR);
      const sockets = byRole(server.start(), "udp");
      using client = new UdpClient();
      const bytes = request(hex === undefined ? [] : [raw(0x0003, hex)]);
      assertEquals(await client.ask(bytes, sockets[role]), {
        from: formatSocketAddress(sockets[from]),
        kind: "success",
        number: 0xae,
        attributes: {
          "XOR-MAPPED-ADDRESS": client.address,
          "RESPONSE-ORIGIN": formatSocketAddress(sockets[from]),
          "OTHER-ADDRESS": formatSocketAddress(sockets[SQUARE[role].both]),
        },
      });
    });
  }

  leakTest(`StunServer names its addresses over TCP on ${role}`, async () => {
    await using server = new StunServer(PAIR);
    const sockets = byRole(server.start(), "tcp");
    await using client = await TcpClient.connect(sockets[role]);
    assertEquals(await client.ask(request()), {
      from: formatSocketAddress(sockets[role]),
      kind: "success",
      number: 0xae,
      attributes: {
        "XOR-MAPPED-ADDRESS": formatSocketAddress(client.address),
        "RESPONSE-ORIGIN": formatSocketAddress(sockets[role]),
        "OTHER-ADDRESS": formatSocketAddress(sockets[SQUARE[role].both]),
      },
    });
  });
}

for (const role of ["primary", "alternate-port"] as const) {
  leakTest(
    `StunServer names its addresses over TLS on ${role}, with the ports of TLS`,
    async () => {
      await using server = new StunServer({ ...PAIR, tls: { ...SERVER, port: 0 } });
      const sockets = byRole(server.start(), "tls");
      const { askedFrom, ...answer } = await askTls(request(), sockets[role]);
      assertEquals(answer, {
        from: formatSocketAddress(sockets[role]),
        kind: "success",
        number: 0xae,
        attributes: {
          "XOR-MAPPED-ADDRESS": askedFrom,
          "RESPONSE-ORIGIN": formatSocketAddress(sockets[role]),
          "OTHER-ADDRESS": formatSocketAddress(sockets[SQUARE[role].both]),
        },
      });
    },
  );
}

leakTest("StunServer answers RFC 3489's CHANGE-REQUEST from the socket asked for", async () => {
  await using server = new StunServer(PAIR);
  const sockets = byRole(server.start(), "udp");
  using client = new UdpClient();
  const bytes = request([raw(0x0003, "00000006")], { classic: true });
  assertEquals(await client.ask(bytes, sockets.primary), {
    from: formatSocketAddress(sockets["alternate-both"]),
    kind: "success",
    number: 0x0f,
    attributes: {
      "MAPPED-ADDRESS": client.address,
      "SOURCE-ADDRESS": formatSocketAddress(sockets["alternate-both"]),
      "CHANGED-ADDRESS": formatSocketAddress(sockets["alternate-both"]),
    },
  });
});

leakTest("StunServer names the advertised addresses, and answers from its own", async () => {
  await using server = new StunServer({
    ...PAIR,
    advertise: ["203.0.113.1"],
    advertiseAlternate: ["203.0.113.2"],
  });
  const listeners = server.start();
  const sockets = byRole(listeners, "udp");
  const { port } = sockets.primary;
  const { port: alternatePort } = sockets["alternate-both"];
  using client = new UdpClient();
  const answer = await client.ask(request([raw(0x0003, "00000004")]), sockets.primary);
  assertEquals(answer, {
    from: `127.0.0.2:${port}`,
    kind: "success",
    number: 0xae,
    attributes: {
      "XOR-MAPPED-ADDRESS": client.address,
      "RESPONSE-ORIGIN": `203.0.113.2:${port}`,
      "OTHER-ADDRESS": `203.0.113.2:${alternatePort}`,
    },
  });
  await using stream = await TcpClient.connect(byRole(listeners, "tcp")["alternate-both"]);
  assertEquals((await stream.ask(request())).attributes, {
    "XOR-MAPPED-ADDRESS": formatSocketAddress(stream.address),
    "RESPONSE-ORIGIN": `203.0.113.2:${alternatePort}`,
    "OTHER-ADDRESS": `203.0.113.1:${port}`,
  });
});

leakTest(
  "StunServer sends to RESPONSE-PORT of the client's address, from the same socket",
  async () => {
    await using server = new StunServer(PAIR);
    const sockets = byRole(server.start(), "udp");
    using client = new UdpClient();
    using other = new UdpClient();
    const port = other.port.toString(16).padStart(4, "0");
    await client.send(request([raw(0x0027, `${port}0000`)]), sockets["alternate-port"]);
    assertEquals(await other.receive(), {
      from: formatSocketAddress(sockets["alternate-port"]),
      kind: "success",
      number: 0xae,
      attributes: {
        "XOR-MAPPED-ADDRESS": client.address,
        "RESPONSE-ORIGIN": formatSocketAddress(sockets["alternate-port"]),
        "OTHER-ADDRESS": formatSocketAddress(sockets["alternate-address"]),
      },
    });
    // Nothing went to the port that asked: the next that comes there is the answer to the next request
    const next = request([], { transactionId: new Uint8Array(12) });
    assertEquals((await client.ask(next, sockets.primary)).number, 0);
  },
);

const WANTS = [
  ["CHANGE-REQUEST", 0x0003, "00000006"],
  ["CHANGE-REQUEST without a flag", 0x0003, "00000000"],
  ["PADDING", 0x0026, "00000000"],
  ["RESPONSE-PORT", 0x0027, "c3500000"],
] as const;
for (const [name, type, hex] of WANTS) {
  leakTest(`StunServer answers 420 to ${name} without an alternate address`, async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const [{ address }] = server.start() as [StunServerListener];
    using client = new UdpClient();
    assertEquals(await client.ask(request([raw(type, hex)]), address), {
      from: formatSocketAddress(address),
      kind: "error 420",
      number: 0xae,
      attributes: { "UNKNOWN-ATTRIBUTES": [type] },
    });
  });
}

leakTest("StunServer has the four roles in one family and one in the other", async () => {
  await using server = new StunServer({ ...PAIR, hostnames: ["::1", "127.0.0.1"] });
  const listeners = server.start();
  const [single] = listeners;
  using client = new UdpClient("::1");
  assertEquals((await client.ask(request(), single!.address)).attributes, {
    "XOR-MAPPED-ADDRESS": client.address,
  });
  using other = new UdpClient();
  const sockets = byRole(listeners.slice(2), "udp");
  const answer = await other.ask(request([raw(0x0003, "00000006")]), sockets.primary);
  assertEquals(answer.from, formatSocketAddress(sockets["alternate-both"]));
});

function byRole(
  listeners: readonly StunServerListener[],
  transport: "udp" | "tcp" | "tls",
): Record<EndpointRole, SocketAddress> {
  return Object.fromEntries(
    listeners.filter((one) => one.transport === transport).map((one) => [one.role, one.address]),
  ) as Record<EndpointRole, SocketAddress>;
}
