import { assert, assertEquals, assertThrows } from "@std/assert";
import { formatIp, formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { type NatBehavior, type NatBoxOptions, simAddress, SimNetwork } from "./mod.ts";

// RFC 4787 section 4.1: X:x sends to Y1:y1 and is mapped to X1':x1', then to Y2:y2 and is mapped to
// X2':x2'. What is the same and when says what the mapping depends on.
const Y1Y1 = "203.0.113.1:3478";
const Y1Y2 = "203.0.113.1:3479";
const Y2Y1 = "203.0.113.2:3478";
const Y2Y2 = "203.0.113.2:3479";
const ALL = [Y1Y1, Y1Y2, Y2Y1, Y2Y2];

const MAPPINGS: readonly (readonly [NatBehavior["mapping"] & string, readonly number[]])[] = [
  ["endpoint-independent", [5000, 5000, 5000, 5000]],
  ["address-dependent", [5000, 5000, 5001, 5001]],
  ["address-and-port-dependent", [5000, 5001, 5002, 5003]],
];

for (const [mapping, ports] of MAPPINGS) {
  Deno.test(`NatBox maps as RFC 4787 section 4.1 says when the mapping is ${mapping}`, () => {
    const { send } = lab({ mapping });
    assertEquals(ALL.map((to) => send({ port: 5000, to })), ports.map(external));
    // And the same again: none of them is made twice
    assertEquals(ALL.map((to) => send({ port: 5000, to })), ports.map(external));
  });

  Deno.test(`NatBox maps TCP as UDP by default when the mapping is ${mapping}`, () => {
    const { connect } = lab({ mapping });
    assertEquals(ALL.map((to) => connect({ port: 5000, to })), ports.map(external));
  });
}

Deno.test("NatBox maps TCP otherwise than UDP when it is told to", () => {
  const { send, connect } = lab({ tcpMapping: "address-and-port-dependent" });
  assertEquals([Y1Y1, Y2Y2].map((to) => send({ port: 5000, to })), [5000, 5000].map(external));
  assertEquals([Y1Y1, Y2Y2].map((to) => connect({ port: 5000, to })), [5000, 5001].map(external));
});

Deno.test("NatBox keeps the addresses when there is no mapping", () => {
  const { send, connect } = lab({ mapping: "none" }, { externalIps: [] });
  assertEquals(send({ port: 5000, to: Y1Y1 }), "10.0.0.2:5000");
  assertEquals(connect({ port: 5000, to: Y1Y1 }), "10.0.0.2:5000");
});

Deno.test("NatBox allocates another port when the internal one is taken (section 4.2.1)", () => {
  const { send } = lab({ portAllocation: "preserving" });
  assertEquals(send({ port: 5000, to: Y1Y1 }), external(5000));
  assertEquals(send({ host: 1, port: 5000, to: Y1Y1 }), external(5001));
  assertEquals(send({ host: 1, port: 5001, to: Y1Y1 }), external(5002));
  assertEquals(send({ host: 1, port: 80, to: Y1Y1 }), external(80));
  assertEquals(send({ port: 80, to: Y1Y1 }), external(1024));
});

Deno.test("NatBox allocates ports one after the other, in steps, and skips those in use", () => {
  const { send } = lab({ portAllocation: "sequential", firstPort: 65530, portStep: 3 });
  const mapped = [1, 2, 3, 4].map((port) => send({ port, to: Y1Y1 }));
  assertEquals(mapped, [65530, 65533, 1024, 1027].map(external));
});

Deno.test("NatBox allocates random ports of 1024 to 65535, none twice", () => {
  const { send } = lab({ portAllocation: "random" });
  const mapped = Array.from({ length: 1000 }, (_, i) => send({ port: i + 1, to: Y1Y1 })!);
  assertEquals(new Set(mapped).size, 1000);
  const ports = mapped.map((text) => simAddress(text).port);
  assert(ports.every((port) => port >= 1024));
  assert(Math.min(...ports) < 3000 && Math.max(...ports) > 63_000);
});

Deno.test("NatBox keeps the parity of ports when it is told to (section 4.2.2)", () => {
  const { send } = lab({ portAllocation: "sequential", firstPort: 2000, portParity: true });
  const mapped = [10, 11, 13, 20].map((port) => send({ port, to: Y1Y1 }));
  assertEquals(mapped, [2000, 2001, 2003, 2004].map(external));
});

Deno.test("NatBox makes no mapping when all ports are taken", () => {
  const { send } = lab({ portAllocation: "sequential", portStep: 512, lifetimeMs: 1e9 });
  const mapped = new Set<string | undefined>();
  for (let port = 1; port <= 64512; port++) mapped.add(send({ port, to: Y1Y1 }));
  assertEquals([mapped.size, mapped.has(undefined)], [64512, false]);
  assertEquals(send({ host: 1, port: 1, to: Y1Y1 }), undefined);
});

Deno.test("NatBox gives an internal address one external address when pooling is paired", () => {
  const externalIps = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
  const { send } = lab({ pooling: "paired" }, { externalIps });
  const ips = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((port) => ipOf(send({ port, to: Y1Y1 })));
  assertEquals(new Set(ips).size, 1);
});

Deno.test("NatBox draws an external address for each mapping when pooling is arbitrary", () => {
  const externalIps = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
  const { send } = lab({ pooling: "arbitrary" }, { externalIps });
  const ports = Array.from({ length: 30 }, (_, i) => i + 1);
  const ips = ports.map((port) => ipOf(send({ port, to: Y1Y1 })));
  assertEquals([...new Set(ips)].sort(), externalIps);
});

Deno.test("NatBox translates IPv6 when it has an external IPv6 address, and keeps it otherwise", () => {
  for (const [externalIps, expected] of IPV6) {
    const network = new SimNetwork();
    const nat = network.addNat({ externalIps });
    const host = network.addHost({ ips: ["10.0.0.2", "2001:db8:1::2"], behind: nat });
    const server = network.addHost({ ips: ["2001:db8:9::1"] }).openUdp(3478);
    const seen: string[] = [];
    server.onReceive = (bytes, source) => {
      seen.push(formatSocketAddress(source));
      server.send(bytes, source);
    };
    const socket = host.openUdp(5000, { ip: "2001:db8:1::2" });
    socket.onReceive = (_, source) => seen.push(`answer from ${formatSocketAddress(source)}`);
    socket.send(new Uint8Array(1), server.local);
    network.run(1000);
    assertEquals(seen, [expected, "answer from [2001:db8:9::1]:3478"]);
  }
});

Deno.test("NatBox behind NatBox: each maps by itself, and answers find the way back", () => {
  const network = new SimNetwork();
  const cgn = network.addNat({
    externalIps: ["198.51.100.1"],
    portAllocation: "sequential",
    firstPort: 7000,
  });
  const home = network.addNat({
    externalIps: ["100.64.0.2"],
    portAllocation: "sequential",
    firstPort: 6000,
    behind: cgn,
  });
  const socket = network.addHost({ ips: ["10.0.0.2"], behind: home }).openUdp(5000);
  const server = network.addHost({ ips: ["203.0.113.1"] }).openUdp(3478);
  const answers: string[] = [];
  server.onReceive = (bytes, source) => {
    assertEquals(formatSocketAddress(source), "198.51.100.1:7000");
    server.send(bytes, source);
  };
  socket.onReceive = (_, source) => answers.push(formatSocketAddress(source));
  socket.send(new Uint8Array(1), server.local);
  network.run(1000);
  assertEquals(answers, [Y1Y1]);
  const between = { internal: simAddress("100.64.0.2:6000"), remote: server.local };
  assertEquals(cgn.mappedAddress("udp", between), simAddress("198.51.100.1:7000"));
});

Deno.test("NatBox refuses ports and durations that cannot be", () => {
  const network = new SimNetwork();
  assertThrows(() => network.addNat({ firstPort: 80 }), RangeError, "firstPort is 80, wanted 1024");
  assertThrows(() => network.addNat({ portStep: 0 }), RangeError, "portStep is 0, wanted 1");
  assertThrows(() => network.addNat({ lifetimeMs: -1 }), RangeError, "lifetimeMs is -1");
});

const IPV6: readonly (readonly [readonly string[], string])[] = [
  [["198.51.100.1"], "[2001:db8:1::2]:5000"],
  [["198.51.100.1", "2001:db8::1"], "[2001:db8::1]:5000"],
];

function external(port: number): string {
  return `198.51.100.1:${port}`;
}

function ipOf(address: string | undefined): string {
  return formatIp(simAddress(address!).ip);
}

interface From {
  readonly host?: number;
  readonly port: number;
  readonly to: string;
}

/** Two hosts behind a box, and four ports outside that say who they hear from. */
function lab(
  behavior: NatBehavior,
  options: NatBoxOptions = { externalIps: ["198.51.100.1"] },
): { send: (from: From) => string | undefined; connect: (from: From) => string | undefined } {
  const network = new SimNetwork({ link: { delayMs: 1 } });
  const nat = network.addNat({ ...options, ...behavior });
  const hosts = ["10.0.0.2", "10.0.0.3"].map((ip) => network.addHost({ ips: [ip], behind: nat }));
  const server = network.addHost({ ips: ["203.0.113.1", "203.0.113.2"] });
  let seen: SocketAddress | undefined;
  for (const { ip, port } of ALL.map(simAddress)) {
    server.openUdp(port, { ip }).onReceive = (_, source) => void (seen = source);
    server.listenTcp(port, { ip }).onConnection = ({ remote }) => void (seen = remote);
  }
  const see = (act: () => void): string | undefined => {
    seen = undefined;
    act();
    network.run(network.now + 10);
    return seen && formatSocketAddress(seen);
  };
  return {
    send: ({ host = 0, port, to }) =>
      see(() => {
        const socket = hosts[host]!.openUdp(port);
        socket.send(new Uint8Array(1), simAddress(to));
        socket.close();
      }),
    connect: ({ host = 0, port, to }) =>
      see(() => {
        try {
          hosts[host]!.connectTcp({ localPort: port, to: simAddress(to) });
        } catch (error) {
          assert(error instanceof RangeError);
        }
      }),
  };
}
