import { assertEquals } from "@std/assert";
import { type IpPrefix, parseIpPrefix } from "../../lib/protocol/mod.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { encodeUtf8, formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { raw, request } from "../protocol/binding_cases.ts";
import { SERVER } from "../support/certificate.ts";
import { leakTest } from "../support/leak_test.ts";
import { memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { askTls, type Heard, readVisit, TcpClient, UdpClient, until } from "./loopback_client.ts";

const BEHIND: StunServerOptions = {
  hostnames: ["127.0.0.1"],
  port: 0,
  proxies: [prefix("127.0.0.1")],
};

// Versions 1 and 2 of HAProxy's proxy-protocol.txt, by hand
const SIGNATURE = "0d0a0d0a000d0a515549540a";
const HEADERS = [
  {
    name: "version 1, IPv4",
    header: line("TCP4 192.0.2.1 198.51.100.1 32853 3478"),
    client: "192.0.2.1:32853",
  },
  {
    name: "version 1, IPv6",
    header: line("TCP6 2001:db8::1 2001:db8::2 32853 3478"),
    client: "[2001:db8::1]:32853",
  },
  {
    name: "version 2, IPv4",
    header: block("2111000c" + "c0000201" + "c6336401" + "8055" + "0d96"),
    client: "192.0.2.1:32853",
  },
  {
    name: "version 2, IPv6, with a TLV",
    header: block(
      "21210029" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002" +
        "8055" + "0d96" + "0100026832",
    ),
    client: "[2001:db8::1]:32853",
  },
] as const;

for (const { name, header, client } of HEADERS) {
  const cuts = {
    "in one piece with the first request": (balancer: TcpClient) =>
      void balancer.send(header, request()),
    "before the first request": async (balancer: TcpClient) => {
      await balancer.sendByteByByte(header.subarray(0, 1));
      balancer.send(header.subarray(1));
      balancer.send(request());
    },
    "byte by byte": (balancer: TcpClient) =>
      balancer.sendByteByByte(Uint8Array.of(...header, ...request())),
  };
  for (const [cut, send] of Object.entries(cuts)) {
    leakTest(
      `StunServer tells the client of a balancer (${name}, ${cut}) its address`,
      async () => {
        await using server = new StunServer(BEHIND);
        const address = start(server, "tcp");
        await using balancer = await TcpClient.connect(address);
        const [answer] = await Promise.all([balancer.receive(), send(balancer)]);
        assertEquals(answer, mapped(address, client));
        // The header comes once: what follows is the client's, as long as it likes
        assertEquals(await balancer.ask(request()), mapped(address, client));
      },
    );
  }
}

leakTest("StunServer tells a balancer that speaks for itself the balancer's address", async () => {
  await using server = new StunServer(BEHIND);
  const address = start(server, "tcp");
  for (const header of [block("20000000"), block("2011000c" + "c0000201c633640180550d96")]) {
    await using balancer = await TcpClient.connect(address);
    const own = formatSocketAddress(balancer.address);
    assertEquals(await balancer.ask(header, request()), mapped(address, own));
  }
});

const REFUSED = {
  "a client that the balancer does not know": line("UNKNOWN"),
  "a client that the balancer does not know, with addresses": line(
    "UNKNOWN 192.0.2.1 198.51.100.1 32853 3478",
  ),
  "an unspecified family": block("21000000"),
  "a Unix socket": block("213100d8" + "00".repeat(216)),
  "a client that speaks UDP to the balancer": block("2112000c" + "c0000201c633640180550d96"),
  "a header that is wrong": line("TCP4 192.0.2.1 198.51.100.1 32853 99999"),
  "no header": new Uint8Array(0),
};
for (const [what, header] of Object.entries(REFUSED)) {
  leakTest(`StunServer closes the connection of a balancer with ${what}`, async () => {
    await using server = new StunServer(BEHIND);
    await using balancer = await TcpClient.connect(start(server, "tcp"));
    balancer.send(header, request());
    assertEquals(await balancer.end(), []);
    assertEquals(server.snapshot().outcomes[Symbol.iterator]().next().done, true);
  });
}

for (const { name, header } of HEADERS) {
  leakTest(`StunServer takes a header from a stranger (${name}) for garbage`, async () => {
    await using server = new StunServer({ ...BEHIND, proxies: [prefix("127.0.0.2")] });
    await using stranger = await TcpClient.connect(start(server, "tcp"));
    stranger.send(header, request());
    assertEquals(await stranger.end(), []);
  });
}

leakTest("StunServer believes those balancers alone that are in a block", async () => {
  await using server = new StunServer({
    ...BEHIND,
    proxies: [prefix("127.0.1.0/24"), prefix("127.0.2.0/24")],
  });
  const address = start(server, "tcp");
  const header = line("TCP4 192.0.2.1 198.51.100.1 32853 3478");
  for (const from of ["127.0.1.0", "127.0.1.255", "127.0.2.7"]) {
    await using balancer = await TcpClient.connect(address, from);
    assertEquals(await balancer.ask(header, request()), mapped(address, "192.0.2.1:32853"));
  }
  for (const from of ["127.0.0.1", "127.0.3.1"]) {
    await using client = await TcpClient.connect(address, from);
    const own = formatSocketAddress(client.address);
    assertEquals(await client.ask(request()), mapped(address, own));
  }
});

leakTest("StunServer wants no header over UDP", async () => {
  await using server = new StunServer(BEHIND);
  const address = start(server, "udp");
  using client = new UdpClient();
  assertEquals(await client.ask(request(), address), mapped(address, client.address));
});

leakTest("StunServer wants no header over TLS", async () => {
  await using server = new StunServer({ ...BEHIND, tls: { ...SERVER, port: 0 } });
  const address = server.start().find(({ transport }) => transport === "tls")!.address;
  const { askedFrom, ...answer } = await askTls(request(), address);
  assertEquals(answer, mapped(address, askedFrom));
});

leakTest("StunServer counts the connections of the client, not those of its balancer", async () => {
  const logger = memoryLogger();
  await using server = new StunServer({ ...BEHIND, maxConnectionsPerAddress: 2, logger });
  const address = start(server, "tcp");
  const balancers: TcpClient[] = [];
  const admit = async (client: string) => {
    const balancer = await TcpClient.connect(address);
    balancers.push(balancer);
    balancer.send(line(`TCP4 ${client} 198.51.100.1 32853 3478`), request());
    return await balancer.receive().then(() => true, () => false);
  };
  assertEquals(
    [
      await admit("192.0.2.1"),
      await admit("192.0.2.2"),
      await admit("192.0.2.1"),
      await admit("192.0.2.1"),
      await admit("192.0.2.2"),
      await admit("192.0.2.3"),
    ],
    [true, true, true, false, true, true],
  );
  assertEquals(logger.lines.filter(([level]) => level !== "info"), [
    ["warn", "connection refused: too many connections of one address", { limit: 2 }],
  ]);
  assertEquals(server.connections, 5);
  // Who leaves makes room
  await balancers[0]![Symbol.asyncDispose]();
  await until(() => server.connections === 4);
  assertEquals([await admit("192.0.2.1"), await admit("192.0.2.1")], [true, false]);
  for (const balancer of balancers) await balancer[Symbol.asyncDispose]();
});

leakTest("StunServer limits the rate of the client, not that of its balancer", async () => {
  await using server = new StunServer({ ...BEHIND, rateLimit: { ratePerSecond: 1e-6, burst: 1 } });
  const address = start(server, "tcp");
  await using first = await TcpClient.connect(address);
  await using second = await TcpClient.connect(address);
  assertEquals((await first.ask(line(fromClient("192.0.2.1")), request())).kind, "success");
  assertEquals((await second.ask(line(fromClient("192.0.2.2")), request())).kind, "success");
  first.send(request());
  second.send(request());
  await until(() => server.statistics!.total("drop-rate-limited") === 2);
  await server.close();
  assertEquals([await first.end(), await second.end()], [[], []]);
});

leakTest("StunServer dials back to the client, from its own address", async () => {
  await using server = new StunServer(BEHIND);
  await using balancer = await TcpClient.connect(start(server, "tcp"));
  using listener = Deno.listen({ hostname: "127.0.0.3", port: 0 });
  const header = line(`TCP4 127.0.0.3 127.0.0.1 ${listener.addr.port} 3478`);
  const [answer, visit] = await Promise.all([
    balancer.ask(header, request([DIAL_BACK])),
    listener.accept().then(readVisit),
  ]);
  assertEquals(outcomeOf(answer), "connected");
  assertEquals(visit.map(({ from }) => from.split(":")[0]), ["127.0.0.1"]);
});

leakTest(
  "StunServer cannot dial back to a client of the other family than its balancer",
  async () => {
    await using server = new StunServer(BEHIND);
    await using balancer = await TcpClient.connect(start(server, "tcp"));
    const header = line("TCP6 2001:db8::1 2001:db8::2 32853 3478");
    assertEquals(outcomeOf(await balancer.ask(header, request([DIAL_BACK]))), "unsupported");
  },
);

leakTest("StunServer closes a connection whose header does not end within 30 s", async () => {
  const clock = new VirtualClock();
  await using server = new StunServer({ ...BEHIND, clock });
  const address = start(server, "tcp");
  await using silent = await TcpClient.connect(address);
  await using endless = await TcpClient.connect(address);
  await using late = await TcpClient.connect(address);
  const header = line(fromClient("192.0.2.1"));
  endless.send(header.subarray(0, 10));
  late.send(header.subarray(0, 10));
  // The last one is accepted after those before it
  await using last = await TcpClient.connect(address);
  await last.ask(block("20000000"), request());
  clock.advance(29_000);
  endless.send(header.subarray(10, 11));
  assertEquals(await late.ask(header.subarray(10), request()), mapped(address, "192.0.2.1:32853"));
  clock.advance(1000);
  assertEquals([await silent.end(), await endless.end()], [[], []]);
  assertEquals((await late.ask(request())).kind, "success");
  assertEquals((await last.ask(request())).kind, "success");
});

const DIAL_BACK = raw(0xc0d1, "00000000" + "0102030405060708");

function fromClient(client: string): string {
  return `TCP4 ${client} 198.51.100.1 32853 3478`;
}

/** A header of version 1. */
function line(text: string): Uint8Array {
  return encodeUtf8(`PROXY ${text}\r\n`);
}

/** A header of version 2. */
function block(hex: string): Uint8Array {
  return Uint8Array.fromHex(SIGNATURE + hex);
}

function mapped(from: SocketAddress, address: string): Heard {
  return {
    from: formatSocketAddress(from),
    kind: "success",
    number: 0xae,
    attributes: { "XOR-MAPPED-ADDRESS": address },
  };
}

function outcomeOf({ attributes }: Heard): string {
  return (attributes["DIAL-BACK-RESULT"] as { outcome: string }).outcome;
}

function start(server: StunServer, transport: "udp" | "tcp"): SocketAddress {
  return server.start().find((one) => one.transport === transport)!.address;
}

function prefix(text: string): IpPrefix {
  const parsed = parseIpPrefix(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
