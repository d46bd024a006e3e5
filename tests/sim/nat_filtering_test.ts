import { assertEquals } from "@std/assert";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { everyNatBehavior, type NatBehavior, simAddress, SimNetwork } from "./mod.ts";

// RFC 4787 section 5: the host has sent to Y1:y1 alone. Whose packets get in through that mapping
// says what the filter depends on.
const SENT_TO = "203.0.113.1:3478";
const SAME_ADDRESS = "203.0.113.1:3479";
const SAME_PORT = "203.0.113.2:3478";
const STRANGER = "203.0.113.2:3479";
const ALL = [SENT_TO, SAME_ADDRESS, SAME_PORT, STRANGER];

const FILTERS: readonly (readonly [NatBehavior["filtering"] & string, readonly string[]])[] = [
  ["endpoint-independent", ALL],
  ["address-dependent", [SENT_TO, SAME_ADDRESS]],
  ["address-and-port-dependent", [SENT_TO]],
];

for (const [filtering, admitted] of FILTERS) {
  Deno.test(`NatBox filters as RFC 4787 section 5 says when the filter is ${filtering}`, () => {
    assertEquals(whoGetsIn({ filtering }), admitted);
  });

  Deno.test(`NatBox filters without translating when the filter is ${filtering}`, () => {
    assertEquals(whoGetsIn({ mapping: "none", filtering }), admitted);
  });

  Deno.test(`NatBox filters TCP as UDP by default when the filter is ${filtering}`, () => {
    assertEquals(whoConnects({ filtering }), admitted.slice(1));
  });
}

Deno.test("NatBox filters each of all behaviours as its filter says, whatever else it does", () => {
  const expected = new Map<string | undefined, readonly string[]>(FILTERS);
  for (const { name, behavior } of everyNatBehavior()) {
    assertEquals(whoGetsIn(behavior), expected.get(behavior.filtering), name);
  }
});

Deno.test("NatBox filters TCP otherwise than UDP when it is told to", () => {
  const behavior: NatBehavior = { tcpFiltering: "endpoint-independent" };
  assertEquals(whoGetsIn(behavior), [SENT_TO]);
  assertEquals(whoConnects(behavior), ALL.slice(1));
});

Deno.test("NatBox lets nobody in before the host has sent, unless it is an open firewall", () => {
  for (const { name, behavior } of everyNatBehavior()) {
    const opens = behavior.mapping === "none" && behavior.filtering === "endpoint-independent";
    assertEquals(whoGetsIn(behavior, { sends: false }), opens ? ALL : [], name);
  }
});

Deno.test("NatBox answers through the mapping that a packet came in by", () => {
  const network = new SimNetwork();
  const nat = network.addNat({
    externalIps: ["198.51.100.1"],
    mapping: "address-and-port-dependent",
    filtering: "endpoint-independent",
  });
  const socket = network.addHost({ ips: ["10.0.0.2"], behind: nat }).openUdp(5000);
  socket.onReceive = (bytes, source) => socket.send(bytes, source);
  const server = network.addHost({ ips: ["203.0.113.1", "203.0.113.2"] });
  const stranger = server.openUdp(3479, { ip: "203.0.113.2" });
  const seen: string[] = [];
  stranger.onReceive = (_, source) => seen.push(formatSocketAddress(source));
  socket.send(new Uint8Array(1), simAddress(SENT_TO));
  network.run(100);
  stranger.send(new Uint8Array(1), simAddress("198.51.100.1:5000"));
  network.run(200);
  assertEquals(seen, ["198.51.100.1:5000"]);
});

Deno.test("NatBox lets nothing of a blocked protocol through, and the other as before", () => {
  assertEquals(whoGetsIn({ blocks: ["udp"] }), []);
  assertEquals(whoConnects({ blocks: ["udp"], filtering: "endpoint-independent" }), ALL.slice(1));
  assertEquals(whoConnects({ blocks: ["tcp"], filtering: "endpoint-independent" }), []);
});

Deno.test("NatBox drops datagrams that do not fit into 1500 bytes when it is told to", () => {
  for (const [fragments, expected] of [["pass", [1472, 1473]], ["drop", [1472]]] as const) {
    const network = new SimNetwork();
    const nat = network.addNat({ externalIps: ["198.51.100.1"], fragments });
    const socket = network.addHost({ ips: ["10.0.0.2"], behind: nat }).openUdp();
    const server = network.addHost({ ips: ["203.0.113.1"] }).openUdp(3478);
    const received: number[] = [];
    server.onReceive = (bytes) => received.push(bytes.length);
    for (const length of [1472, 1473]) socket.send(new Uint8Array(length), server.local);
    network.run(100);
    assertEquals(received, [...expected]);
  }
});

/** Those of all four who get a UDP packet to a host that has sent to the first. */
function whoGetsIn(behavior: NatBehavior, { sends = true } = {}): readonly string[] {
  const { network, host, server, externalIp } = lab(behavior);
  const admitted: string[] = [];
  const sockets = ALL.map(simAddress).map(({ ip, port }) => server.openUdp(port, { ip }));
  let target = { ip: externalIp, port: 5000 };
  sockets[0]!.onReceive = (_, source) => void (target = source);
  const socket = host.openUdp(5000);
  socket.onReceive = (_, source) => admitted.push(formatSocketAddress(source));
  if (sends) socket.send(new Uint8Array(1), simAddress(SENT_TO));
  network.run(100);
  for (const one of sockets) one.send(new Uint8Array(1), target);
  network.run(200);
  return admitted;
}

/** Those of the other three who connect to a host that listens and is connected to the first. */
function whoConnects(behavior: NatBehavior): readonly string[] {
  const { network, host, server } = lab(behavior);
  const admitted: string[] = [];
  let target = simAddress("198.51.100.1:5000");
  const first = simAddress(SENT_TO);
  server.listenTcp(first.port, { ip: first.ip }).onConnection = ({ remote }) => {
    target = remote;
  };
  host.listenTcp(5000).onConnection = ({ remote }) => admitted.push(formatSocketAddress(remote));
  host.connectTcp({ localPort: 5000, to: first });
  network.run(1000);
  for (const { ip, port } of ALL.slice(1).map(simAddress)) {
    server.connectTcp({ ip, localPort: port, to: target, timeoutMs: 500 });
  }
  network.run(2000);
  return admitted;
}

function lab(behavior: NatBehavior) {
  const network = new SimNetwork();
  const kept = behavior.mapping === "none";
  const externalIps = kept ? [] : ["198.51.100.1"];
  const nat = network.addNat({ ...behavior, externalIps });
  const host = network.addHost({ ips: ["10.0.0.2"], behind: nat });
  const server = network.addHost({ ips: ["203.0.113.1", "203.0.113.2"] });
  return { network, host, server, externalIp: kept ? host.ips[0]! : nat.externalIps[0]! };
}
