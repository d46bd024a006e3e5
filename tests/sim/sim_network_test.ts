import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import {
  addSite,
  type LinkOptions,
  NAT_PRESETS,
  simAddress,
  SimNetwork,
  type SimNetworkOptions,
  SimStunServer,
} from "./mod.ts";

Deno.test("SimNetwork loses each packet with the probability of the link, each way", () => {
  const { there, back } = pingPong({ link: { loss: 0.3, delayMs: 1 }, pings: 20_000 });
  assertAlmostEquals(there / 20_000, 0.7, 0.01);
  assertAlmostEquals(back / there, 0.7, 0.01);
});

Deno.test("SimNetwork loses nothing when it is not told to", () => {
  assertEquals(pingPong({ link: {}, pings: 1000 }), { there: 1000, back: 1000 });
});

Deno.test("SimNetwork delivers after the delay of the link and of both hosts' own", () => {
  const network = new SimNetwork({ link: { delayMs: 20 } });
  const a = network.addHost({ ips: ["192.0.2.1"], link: { delayMs: 3 } }).openUdp();
  const b = network.addHost({ ips: ["192.0.2.2"], link: { delayMs: 4 } }).openUdp();
  const arrivals: number[] = [];
  b.onReceive = () => arrivals.push(network.now);
  a.send(new Uint8Array(1), b.local);
  network.run(1000);
  assertEquals(arrivals, [27]);
});

Deno.test("SimNetwork delays each packet by up to the jitter more", () => {
  const { at } = stream({ link: { delayMs: 20, jitterMs: 10 }, packets: 1000, everyMs: 100 });
  const delays = at.map((ms, i) => ms - i * 100);
  assert(delays.every((ms) => ms >= 20 && ms < 30));
  assertAlmostEquals(delays.reduce((sum, ms) => sum + ms, 0) / 1000, 25, 0.5);
});

Deno.test("SimNetwork keeps the order of packets on a link without jitter", () => {
  const { order } = stream({ link: { delayMs: 20 }, packets: 200, everyMs: 0 });
  assertEquals(order, order.toSorted((a, b) => a - b));
});

Deno.test("SimNetwork holds packets back, so that others overtake them, when told to reorder", () => {
  const link = { delayMs: 20, reordering: 0.1, reorderingMs: 5 };
  const { order } = stream({ link, packets: 10_000, everyMs: 1 });
  assertEquals(order.length, 10_000);
  const overtaken = order.filter((id, i) => order.slice(Math.max(0, i - 6), i).some((n) => n > id));
  assertAlmostEquals(overtaken.length / 10_000, 0.1, 0.02);
});

Deno.test("SimNetwork delivers a packet twice with the probability of duplication", () => {
  const { order } = stream({ link: { duplication: 0.2 }, packets: 10_000, everyMs: 1 });
  assertAlmostEquals(order.length / 10_000, 1.2, 0.02);
});

Deno.test("SimNetwork refuses links that cannot be", () => {
  assertThrows(() => new SimNetwork({ link: { loss: 1.1 } }), RangeError, "loss is 1.1");
  assertThrows(() => new SimNetwork({ link: { delayMs: -1 } }), RangeError, "delayMs is -1");
});

Deno.test("SimNetwork refuses an address that is taken, and allows it on another segment", () => {
  const network = new SimNetwork();
  network.addHost({ ips: ["192.0.2.1"], name: "first" });
  assertThrows(
    () => network.addHost({ ips: ["192.0.2.1"], name: "second" }),
    RangeError,
    "Cannot give 192.0.2.1 to second: it belongs to first",
  );
  const nat = network.addNat({ externalIps: ["192.0.2.2"] });
  network.addHost({ ips: ["192.0.2.1"], behind: nat });
});

Deno.test("SimNetwork runs the same way for the same seed, and another way for another", () => {
  const first = traceOf(11);
  assert(first.length > 100);
  assertEquals(traceOf(11), first);
  assert(traceOf(12).join() !== first.join());
});

Deno.test("SimNetwork traces what becomes of each packet", () => {
  const lines: string[] = [];
  const network = new SimNetwork({ trace: (line) => lines.push(line) });
  const { host } = addSite(network, { boxes: [{}], site: 1 });
  const socket = host.openUdp(5000);
  const server = network.addHost({ ips: ["203.0.113.1"], name: "server" }).openUdp(3478);
  socket.send(new Uint8Array(3), server.local);
  network.run(20);
  server.send(new Uint8Array(4), simAddress("198.51.100.1:6000"));
  server.send(new Uint8Array(4), simAddress("198.51.100.9:6000"));
  network.run(40);
  assertEquals(lines, [
    "1.0 ms: udp 10.0.1.2:5000 > 203.0.113.1:3478, 3 bytes: at site-1-box-1",
    "1.0 ms: udp 10.0.1.2:5000 > 203.0.113.1:3478, 3 bytes: " +
    "mapped to 198.51.100.1:5000 by site-1-box-1",
    "11.0 ms: udp 198.51.100.1:5000 > 203.0.113.1:3478, 3 bytes: at server",
    "20.0 ms: udp 203.0.113.1:3478 > 198.51.100.9:6000, 4 bytes: no such host",
    "30.0 ms: udp 203.0.113.1:3478 > 198.51.100.1:6000, 4 bytes: at site-1-box-1",
    "30.0 ms: udp 203.0.113.1:3478 > 198.51.100.1:6000, 4 bytes: " +
    "dropped: no-mapping by site-1-box-1",
  ]);
});

Deno.test("SimNetwork.step() and runUntil() go on as far as wanted and no further", () => {
  const network = new SimNetwork();
  const socket = network.addHost({ ips: ["192.0.2.1"] }).openUdp();
  let received = 0;
  socket.onReceive = () => received++;
  for (let i = 0; i < 3; i++) socket.send(new Uint8Array(1), socket.local);
  assertEquals([network.next, network.step(), received], [10, true, 1]);
  assertEquals([network.runUntil(() => received === 2, 100), network.now], [true, 10]);
  assertEquals([network.runUntil(() => received === 9, 100), network.now], [false, 100]);
  assertEquals([network.next, network.step()], [undefined, false]);
});

Deno.test("SimNetwork refuses hosts without an address, and addresses that are none", () => {
  const network = new SimNetwork();
  assertThrows(
    () => network.addHost({ ips: [], name: "one" }),
    RangeError,
    "Cannot add one: no IP address, wanted one or more",
  );
  assertThrows(() => network.addHost({ ips: ["192.0.2"] }), RangeError, 'Cannot read "192.0.2"');
  assertThrows(() => simAddress("192.0.2.1"), RangeError, 'Cannot read "192.0.2.1"');
  assertThrows(
    () => new SimStunServer(network, { ips: [] }),
    RangeError,
    "Cannot make a server: 0 IP addresses, wanted one or two",
  );
});

Deno.test("SimHost.openUdp() gives out unique ports, random or one after the other", () => {
  const network = new SimNetwork({ seed: 2 });
  const random = network.addHost({ ips: ["192.0.2.1"] });
  const ports = Array.from({ length: 500 }, () => random.openUdp().local.port);
  assertEquals(new Set(ports).size, 500);
  assert(ports.every((port) => port >= 49152 && port <= 65535));
  const sequential = network.addHost({ ips: ["192.0.2.2"], ephemeralPorts: "sequential" });
  sequential.openUdp(49153);
  const next = Array.from({ length: 3 }, () => sequential.openUdp().local.port);
  assertEquals(next, [49152, 49154, 49155]);
});

Deno.test("SimHost.openUdp() refuses ports in use, ports out of range and others' addresses", () => {
  const host = new SimNetwork().addHost({ ips: ["192.0.2.1"], name: "one" });
  const socket = host.openUdp(5000);
  assertThrows(() => host.openUdp(5000), RangeError, "port 5000 of 192.0.2.1: it is in use");
  assertThrows(() => host.openUdp(65536), RangeError, "port 65536: wanted 0 to 65535");
  assertThrows(() => host.openUdp(0, { ip: "192.0.2.9" }), RangeError, "not one of one's");
  socket.close();
  assertEquals(formatSocketAddress(host.openUdp(5000).local), "192.0.2.1:5000");
});

Deno.test("SimUdpSocket.send() copies the bytes, and sends nothing once it is closed", () => {
  const network = new SimNetwork();
  const a = network.addHost({ ips: ["192.0.2.1"] }).openUdp();
  const b = network.addHost({ ips: ["192.0.2.2"] }).openUdp();
  const received: number[][] = [];
  b.onReceive = (bytes) => received.push([...bytes]);
  const bytes = Uint8Array.of(1);
  a.send(bytes, b.local);
  bytes[0] = 9;
  a.close();
  a.send(bytes, b.local);
  network.run(100);
  assertEquals(received, [[1]]);
  assertThrows(
    () => a.send(bytes, simAddress("[2001:db8::1]:1")),
    RangeError,
    "one address family",
  );
});

function pingPong({ link, pings }: { link: LinkOptions; pings: number }) {
  const network = new SimNetwork({ seed: 1, link });
  const a = network.addHost({ ips: ["192.0.2.1"] }).openUdp();
  const b = network.addHost({ ips: ["192.0.2.2"] }).openUdp();
  let there = 0;
  let back = 0;
  b.onReceive = (bytes, source) => {
    there++;
    b.send(bytes, source);
  };
  a.onReceive = () => back++;
  for (let i = 0; i < pings; i++) a.send(new Uint8Array(1), b.local);
  network.run(10_000);
  return { there, back };
}

function stream(
  { link, packets, everyMs }: { link: LinkOptions; packets: number; everyMs: number },
) {
  const network = new SimNetwork({ seed: 6, link });
  const a = network.addHost({ ips: ["192.0.2.1"] }).openUdp();
  const b = network.addHost({ ips: ["192.0.2.2"] }).openUdp();
  const order: number[] = [];
  const at: number[] = [];
  b.onReceive = (bytes) => {
    order.push(new DataView(bytes.buffer).getUint32(0));
    at.push(network.now);
  };
  for (let i = 0; i < packets; i++) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, i);
    network.setTimer(i * everyMs, () => a.send(bytes, b.local));
  }
  network.run(10_000_000);
  return { order, at };
}

/** A run in which everything that is left to chance takes part. */
function traceOf(seed: number): string[] {
  const lines: string[] = [];
  const options: SimNetworkOptions = {
    seed,
    link: { delayMs: 10, jitterMs: 5, loss: 0.1, duplication: 0.1, reordering: 0.1 },
    trace: (line) => lines.push(line),
  };
  const network = new SimNetwork(options);
  const server = new SimStunServer(network, { ips: ["203.0.113.1"], lies: ["garbage"] });
  const { host } = addSite(network, { boxes: NAT_PRESETS["cgn-symmetric"].boxes, site: 1 });
  const socket = host.openUdp();
  for (let i = 0; i < 20; i++) {
    const request = Uint8Array.fromHex("000100002112a442b7e7a701bc34d686fa87dfae");
    network.setTimer(i * 10, () => socket.send(request, server.address));
  }
  const connection = host.connectTcp({ to: server.address });
  connection.send(Uint8Array.fromHex("000100002112a442b7e7a701bc34d686fa87dfae"));
  network.run(60_000);
  return lines;
}
