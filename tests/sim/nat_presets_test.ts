import { assertEquals, assertThrows } from "@std/assert";
import {
  attribute,
  BINDING,
  CHANGE_REQUEST,
  decodeMessage,
  encodeMessage,
  formatSocketAddress,
  type SocketAddress,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";
import {
  addSite,
  type EndpointDependence,
  everyNatBehavior,
  NAT_PRESETS,
  type NatBehavior,
  type SimHost,
  SimNetwork,
  SimStunServer,
  type SimUdpSocket,
} from "./mod.ts";

for (const [name, { boxes, truth }] of Object.entries(NAT_PRESETS)) {
  Deno.test(`NAT_PRESETS has a right truth for ${name}: servers and peers see as much`, () => {
    const { mapping, filtering, hairpinning } = observe(boxes);
    assertEquals({ mapping, filtering, hairpinning, classic: truth.classic }, truth);
  });
}

Deno.test("everyNatBehavior() has 84, of different names, each as it says to a server", () => {
  const all = everyNatBehavior();
  assertEquals(new Set(all.map(({ name }) => name)).size, 84);
  for (const { name, behavior } of all) {
    const { mapping, filtering } = observe([behavior]);
    assertEquals([mapping, filtering], [behavior.mapping, behavior.filtering], name);
  }
});

Deno.test("addSite() gives sites addresses of their own, and IPv6 that nobody translates", () => {
  const network = new SimNetwork();
  const sites = [1, 254].map((site) =>
    addSite(network, { boxes: NAT_PRESETS.cgn.boxes, site, ipv6: true })
  );
  const server = network.addHost({ ips: ["203.0.113.1", "2001:db8:9::1"] });
  const seen: string[] = [];
  for (const ip of server.ips) {
    server.openUdp(3478, { ip }).onReceive = (_, source) => seen.push(formatIpOf(source));
  }
  for (const { host } of sites) {
    for (const [i, ip] of host.ips.entries()) {
      host.openUdp(0, { ip }).send(new Uint8Array(1), { ip: server.ips[i]!, port: 3478 });
    }
  }
  network.run(100);
  assertEquals(seen, ["198.51.100.1", "[2001:db8:1::2]", "198.51.100.254", "[2001:db8:fe::2]"]);
});

Deno.test("addSite() refuses numbers that make no address", () => {
  for (const site of [0, 255, 1.5]) {
    assertThrows(
      () => addSite(new SimNetwork(), { boxes: [], site }),
      RangeError,
      `its number is ${site}, wanted 1 to 254`,
    );
  }
});

Deno.test("addSite() puts firewalls wherever they are wanted, and refuses more than three NATs", () => {
  const network = new SimNetwork();
  const wall: NatBehavior = { mapping: "none" };
  const server = network.addHost({ ips: ["203.0.113.1"] }).openUdp(3478);
  const seen: string[] = [];
  server.onReceive = (_, source) => seen.push(formatIpOf(source));
  for (const [i, boxes] of [[wall], [wall, {}, wall], [{}, {}, {}, wall]].entries()) {
    const { host } = addSite(network, { boxes, site: i + 1 });
    host.openUdp().send(new Uint8Array(1), server.local);
  }
  network.run(100);
  assertEquals(seen, ["198.51.100.1", "198.51.100.2", "198.51.100.3"]);
  assertThrows(
    () => addSite(network, { boxes: [{}, {}, {}, {}], site: 4 }),
    RangeError,
    "Cannot add a site: 4 NATs, wanted three at most",
  );
});

/** What RFC 5780's tests find, each from a fresh port; there is no loss that could mislead them. */
function observe(boxes: readonly NatBehavior[]) {
  const network = new SimNetwork({ seed: 5 });
  const server = new SimStunServer(network, { ips: ["203.0.113.1", "203.0.113.2"] });
  const { host } = addSite(network, { boxes, site: 1 });
  const lab = { network, server, host };
  return { mapping: mappingOf(lab), filtering: filteringOf(lab), hairpinning: hairpins(lab) };
}

interface Lab {
  readonly network: SimNetwork;
  readonly server: SimStunServer;
  readonly host: SimHost;
}

function mappingOf(lab: Lab): EndpointDependence | "none" | undefined {
  const group = lab.server.group!;
  const socket = lab.host.openUdp();
  const [first, second, third] = [
    group.primary,
    group["alternate-address"],
    group["alternate-both"],
  ].map((to) => ask(lab, { socket, to })?.mapped);
  if (first === undefined) return undefined;
  if (first === formatSocketAddress(socket.local)) return "none";
  if (first === second) return "endpoint-independent";
  return second === third ? "address-dependent" : "address-and-port-dependent";
}

function filteringOf(lab: Lab): EndpointDependence | undefined {
  const to = lab.server.address;
  const socket = lab.host.openUdp();
  if (ask(lab, { socket, to }) === undefined) return undefined;
  if (ask(lab, { socket, to, changeAddress: true })) return "endpoint-independent";
  return ask(lab, { socket, to, changeAddress: false })
    ? "address-dependent"
    : "address-and-port-dependent";
}

/** Whether a socket hears itself by its mapped address, as that address. */
function hairpins(lab: Lab): boolean {
  const socket = lab.host.openUdp();
  const mapped = ask(lab, { socket, to: lab.server.address })?.address;
  if (mapped === undefined) return false;
  const heard: string[] = [];
  socket.onReceive = (_, source) => heard.push(formatSocketAddress(source));
  socket.send(new Uint8Array(1), mapped);
  lab.network.run(lab.network.now + 1000);
  return heard.includes(formatSocketAddress(mapped));
}

function ask(
  { network }: Lab,
  { socket, to, changeAddress }: {
    readonly socket: SimUdpSocket;
    readonly to: SocketAddress;
    readonly changeAddress?: boolean;
  },
): { readonly mapped: string; readonly address: SocketAddress } | undefined {
  let address: SocketAddress | undefined;
  socket.onReceive = (bytes) => {
    const message = decodeMessage(bytes);
    if (message.ok) address = valueOf(message.value, XOR_MAPPED_ADDRESS);
  };
  const attributes = changeAddress === undefined
    ? []
    : [attribute(CHANGE_REQUEST, { changeAddress, changePort: true })];
  const transactionId = network.random.bytes(12);
  socket.send(
    encodeMessage({ class: "request", method: BINDING, transactionId, attributes }),
    to,
  );
  network.run(network.now + 1000);
  return address && { mapped: formatSocketAddress(address), address };
}

function formatIpOf(address: SocketAddress): string {
  return formatSocketAddress(address).replace(/:\d+$/, "");
}
