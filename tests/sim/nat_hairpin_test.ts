import { assertEquals } from "@std/assert";
import { formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { type NatBehavior, simAddress, SimNetwork, type SimUdpSocket } from "./mod.ts";

// RFC 4787 section 6: X1:x1 and X2:x2 are behind one NAT and know each other's external addresses.
const ONE = simAddress("198.51.100.1:5001");
const TWO = simAddress("198.51.100.1:5002");

Deno.test("NatBox drops packets to its own addresses when it does not hairpin", () => {
  const { exchange } = lab({ hairpinning: "none", filtering: "endpoint-independent" });
  assertEquals(exchange(), { one: [], two: [] });
});

Deno.test("NatBox turns packets round with their external source", () => {
  const { exchange } = lab({
    hairpinning: "external-source",
    filtering: "endpoint-independent",
  });
  assertEquals(exchange(), { one: [formatSocketAddress(TWO)], two: [formatSocketAddress(ONE)] });
});

Deno.test("NatBox turns packets round with their internal source", () => {
  const { exchange } = lab({
    hairpinning: "internal-source",
    filtering: "endpoint-independent",
  });
  assertEquals(exchange(), { one: ["10.0.0.3:5002"], two: ["10.0.0.2:5001"] });
});

Deno.test("NatBox filters what it turns round: only who was sent to gets in", () => {
  const { sockets, network, received } = lab({ hairpinning: "external-source" });
  sockets[0].send(new Uint8Array(1), TWO);
  network.run(1000);
  assertEquals(received, [[], []]);
  sockets[1].send(new Uint8Array(1), ONE);
  network.run(2000);
  assertEquals(received, [[formatSocketAddress(TWO)], []]);
});

Deno.test("NatBox lets a socket reach itself by its own external address", () => {
  const { sockets, network, received } = lab({ hairpinning: "external-source" });
  sockets[0].send(new Uint8Array(1), ONE);
  network.run(1000);
  assertEquals(received, [[formatSocketAddress(ONE)], []]);
});

Deno.test("NatBox hairpins TCP with the external source, and not usably with the internal one", () => {
  const outcomes = (["external-source", "internal-source", "none"] as const).map((hairpinning) => {
    const { network, hosts } = lab({ hairpinning, filtering: "endpoint-independent" });
    const server = network.addHost({ ips: ["203.0.113.2"] }).listenTcp(3478);
    hosts[1].listenTcp(5002);
    hosts[1].connectTcp({ localPort: 5002, to: server.local });
    network.run(1000);
    const connection = hosts[0].connectTcp({ to: TWO, timeoutMs: 5000 });
    network.run(10_000);
    return connection.outcome;
  });
  // The SYN+ACK comes from the internal address, to which nobody has sent a SYN
  assertEquals(outcomes, ["connected", "timed-out", "timed-out"]);
});

Deno.test("NatBox hairpins between the customers of a provider's NAT", () => {
  const network = new SimNetwork();
  const cgn = network.addNat({
    externalIps: ["198.51.100.1"],
    hairpinning: "external-source",
    filtering: "endpoint-independent",
  });
  const server = network.addHost({ ips: ["203.0.113.1"] }).openUdp(3478);
  const mapped: SocketAddress[] = [];
  server.onReceive = (_, source) => mapped.push(source);
  const received: string[] = [];
  const sockets = [2, 3].map((n) => {
    const home = network.addNat({ externalIps: [`100.64.0.${n}`], behind: cgn });
    const socket = network.addHost({ ips: ["10.0.0.2"], behind: home }).openUdp(5000 + n);
    socket.onReceive = (_, source) => received.push(formatSocketAddress(source));
    socket.send(new Uint8Array(1), server.local);
    return socket;
  });
  network.run(100);
  sockets[0]!.send(new Uint8Array(1), mapped[1]!);
  network.run(200);
  sockets[1]!.send(new Uint8Array(1), mapped[0]!);
  network.run(300);
  assertEquals(received, [formatSocketAddress(mapped[1]!)]);
});

/** Two sockets behind a box, both with a mapping that keeps their port. */
function lab(behavior: NatBehavior) {
  const network = new SimNetwork();
  const nat = network.addNat({ ...behavior, externalIps: ["198.51.100.1"] });
  const server = network.addHost({ ips: ["203.0.113.1"] }).openUdp(3478);
  const hosts = [
    network.addHost({ ips: ["10.0.0.2"], behind: nat }),
    network.addHost({ ips: ["10.0.0.3"], behind: nat }),
  ] as const;
  const sockets: readonly [SimUdpSocket, SimUdpSocket] = [
    hosts[0].openUdp(5001),
    hosts[1].openUdp(5002),
  ];
  const received: [string[], string[]] = [[], []];
  sockets.forEach((socket, i) => {
    socket.onReceive = (_, source) => received[i]!.push(formatSocketAddress(source));
    socket.send(new Uint8Array(1), server.local);
  });
  network.run(100);
  const exchange = () => {
    sockets[0].send(new Uint8Array(1), TWO);
    sockets[1].send(new Uint8Array(1), ONE);
    network.run(1000);
    return { one: received[0], two: received[1] };
  };
  return { network, hosts, sockets, received, exchange };
}
