import { assertEquals } from "@std/assert";
import { addSite, type NatBehavior, simAddress, SimNetwork } from "./mod.ts";

const OUTCOMES = [["drop", "timed-out"], ["reset", "refused"], ["icmp", "unreachable"]] as const;

for (const [unsolicitedTcp, expected] of OUTCOMES) {
  Deno.test(`NatBox makes an unsolicited SYN ${expected} when it is to ${unsolicitedTcp} it`, () => {
    for (const boxes of [[{ unsolicitedTcp }], [{ mapping: "none", unsolicitedTcp }]] as const) {
      const network = new SimNetwork();
      const { host } = addSite(network, { boxes, site: 1 });
      host.listenTcp(80);
      const stranger = network.addHost({ ips: ["203.0.113.1"] });
      const connection = stranger.connectTcp({
        to: simAddress("198.51.100.1:80"),
        timeoutMs: 5000,
      });
      network.run(10_000);
      assertEquals(connection.outcome, expected);
    }
  });

  Deno.test(`NatBox passes the news on when another box is to ${unsolicitedTcp} a SYN`, () => {
    const network = new SimNetwork();
    const one = addSite(network, { boxes: [{ portAllocation: "random" }, {}], site: 1 });
    addSite(network, { boxes: [{ unsolicitedTcp }], site: 2 });
    const connection = one.host.connectTcp({
      to: simAddress("198.51.100.2:80"),
      timeoutMs: 5000,
    });
    network.run(10_000);
    assertEquals(connection.outcome, expected);
  });
}

Deno.test("NatBox behind NatBox: the inner one's ICMP error gets out to who sent the SYN", () => {
  const network = new SimNetwork();
  const boxes: NatBehavior[] = [
    { filtering: "endpoint-independent", portAllocation: "random" },
    { unsolicitedTcp: "icmp" },
  ];
  const site = addSite(network, { boxes, site: 1 });
  const server = network.addHost({ ips: ["203.0.113.1"] });
  let mapped = simAddress("198.51.100.1:1");
  server.listenTcp(3478).onConnection = ({ remote }) => void (mapped = remote);
  site.host.connectTcp({ localPort: 5000, to: simAddress("203.0.113.1:3478") });
  network.run(1000);
  const connection = server.connectTcp({ to: mapped, timeoutMs: 5000 });
  network.run(10_000);
  assertEquals(connection.outcome, "unreachable");
});

Deno.test("NatBox passes no ICMP error on about what it knows nothing of", () => {
  const lines: string[] = [];
  const network = new SimNetwork({ trace: (line) => lines.push(line) });
  const { host } = addSite(network, { boxes: [{}], site: 1 });
  const stranger = network.addHost({ ips: ["203.0.113.1"] });
  const [inside, outside] = [simAddress("10.0.1.2:0"), simAddress("198.51.100.1:0")];
  const icmp = { protocol: "icmp", bytes: new Uint8Array(0) } as const;
  const about = { protocol: "udp", bytes: new Uint8Array(0) } as const;
  const remote = simAddress("203.0.113.1:0");
  stranger.transmit({
    ...icmp,
    source: remote,
    destination: outside,
    about: { ...about, source: { ...outside, port: 5000 }, destination: remote },
  });
  host.transmit({
    ...icmp,
    source: inside,
    destination: remote,
    about: { ...about, source: remote, destination: { ...inside, port: 5000 } },
  });
  network.run(1000);
  const about1 = "icmp unreachable from 203.0.113.1:0 about udp 198.51.100.1:5000 > 203.0.113.1:0";
  const about2 = "icmp unreachable from 10.0.1.2:0 about udp 203.0.113.1:0 > 10.0.1.2:5000";
  assertEquals(lines, [
    `1.0 ms: ${about2}, 0 bytes: at site-1-box-1`,
    `1.0 ms: ${about2}, 0 bytes: dropped: no-mapping by site-1-box-1`,
    `10.0 ms: ${about1}, 0 bytes: at site-1-box-1`,
    `10.0 ms: ${about1}, 0 bytes: dropped: no-mapping by site-1-box-1`,
  ]);
});

/** Both sites' boxes, and whether both connect when each connects to the other's mapped address. */
const PUNCHES: readonly (readonly [string, NatBehavior, NatBehavior, boolean])[] = [
  ["two port-restricted cones", {}, {}, true],
  ["two cones that reset", { unsolicitedTcp: "reset" }, { unsolicitedTcp: "reset" }, false],
  ["two firewalls", { mapping: "none" }, { mapping: "none" }, true],
  ["a port-restricted cone and a symmetric NAT", {}, SYMMETRIC(), false],
  ["a restricted cone and a symmetric NAT", { filtering: "address-dependent" }, SYMMETRIC(), true],
  ["two symmetric NATs", SYMMETRIC(), SYMMETRIC(), false],
];

for (const [pair, one, two, expected] of PUNCHES) {
  const what = expected ? "lets" : "keeps";
  const rest = expected ? "connect to each other" : "from connecting to each other";
  Deno.test(`NatBox ${what} hosts behind ${pair} ${rest}`, () => {
    // The second dials 300 ms later, so that the first's SYN finds the door closed
    assertEquals(punch([one, two], { laterMs: 300 }), expected);
  });
}

Deno.test("NatBox opens to a SYN while its own host's SYN is on the way, even where it resets", () => {
  const reset: NatBehavior = { unsolicitedTcp: "reset" };
  assertEquals(punch([reset, reset], { laterMs: 0 }), true);
});

for (const forgetsRefused of [false, true]) {
  const what = forgetsRefused ? "forgets" : "remembers";
  Deno.test(`NatBox ${what} a connection that was refused when it is to do so`, () => {
    const network = new SimNetwork();
    const { host, boxes } = addSite(network, { boxes: [{ forgetsRefused }], site: 1 });
    const server = network.addHost({ ips: ["203.0.113.1"] });
    const to = { ip: server.ips[0]!, port: 80 };
    const refused = host.connectTcp({ localPort: 5000, to });
    network.run(1000);
    assertEquals(refused.outcome, "refused");
    const mapped = boxes[0]!.mappedAddress("tcp", { internal: refused.local, remote: to });
    assertEquals(mapped === undefined, forgetsRefused);
  });
}

Deno.test("NatBox that forgets what was refused keeps what was reset later", () => {
  const { network, connection, nat, between } = held({ forgetsRefused: true });
  connection.reset();
  network.run(1000);
  assertEquals(nat.mappedAddress("tcp", between) === undefined, false);
});

Deno.test("NatBox keeps an established connection as long as it is told to, and no longer", () => {
  const silences = [[59_000, true], [61_000, false]] as const;
  for (const [silenceMs, gotThrough] of silences) {
    const { network, connection, received, closed } = held({ tcpEstablishedMs: 60_000 });
    network.run(100 + silenceMs);
    connection.send(Uint8Array.of(1));
    network.run(network.now + 300_000);
    assertEquals(received.length, gotThrough ? 1 : 0);
    assertEquals(closed, gotThrough ? [] : ["timed-out"]);
  }
});

Deno.test("NatBox keeps a connection that either side uses", () => {
  const { network, connection, received, closed } = held({ tcpEstablishedMs: 60_000 });
  for (let ms = 50_000; ms <= 600_000; ms += 50_000) {
    network.run(ms);
    connection.send(Uint8Array.of(1));
  }
  network.run(610_000);
  assertEquals([received.length, closed], [12, []]);
});

Deno.test("NatBox gives up a connection that is not completed after the transitory time", () => {
  const network = new SimNetwork();
  const behavior = { tcpTransitoryMs: 10_000, portAllocation: "sequential" } as const;
  const { host, boxes } = addSite(network, { boxes: [behavior], site: 1 });
  const to = simAddress("203.0.113.1:80");
  host.connectTcp({ localPort: 5000, to, timeoutMs: 500 });
  const between = { internal: simAddress("10.0.1.2:5000"), remote: to };
  network.run(9000);
  assertEquals(boxes[0]!.mappedAddress("tcp", between), simAddress("198.51.100.1:1024"));
  network.run(11_000);
  assertEquals(boxes[0]!.mappedAddress("tcp", between), undefined);
});

Deno.test("NatBox forgets a closed connection after the transitory time, and takes the next", () => {
  const { network, connection, nat, between, reconnect } = held({ tcpTransitoryMs: 10_000 });
  connection.end();
  network.run(1000);
  assertEquals(connection.state, "closed");
  network.run(9000);
  assertEquals(nat.mappedAddress("tcp", between) === undefined, false);
  const next = reconnect();
  network.run(100_000);
  // Established again, so the transitory time no longer counts
  assertEquals([next.outcome, nat.mappedAddress("tcp", between) === undefined], [
    "connected",
    false,
  ]);
  next.end();
  network.run(120_000);
  assertEquals(nat.mappedAddress("tcp", between), undefined);
});

function SYMMETRIC(): NatBehavior {
  return { mapping: "address-and-port-dependent", portAllocation: "random" };
}

/** Whether two hosts connect that have learned their mapped addresses from a server. */
function punch(
  behaviors: readonly [NatBehavior, NatBehavior],
  { laterMs }: { readonly laterMs: number },
): boolean {
  const network = new SimNetwork({ seed: 3 });
  const server = network.addHost({ ips: ["203.0.113.1"] }).listenTcp(3478);
  const mapped = [simAddress("0.0.0.0:0"), simAddress("0.0.0.0:0")];
  const hosts = behaviors.map((behavior, i) => {
    const { host } = addSite(network, { boxes: [behavior], site: i + 1 });
    server.onConnection = ({ remote }) => void (mapped[i] = remote);
    host.connectTcp({ localPort: 5000, to: server.local });
    network.run(network.now + 1000);
    return host;
  });
  const first = hosts[0]!.connectTcp({ localPort: 5000, to: mapped[1]!, timeoutMs: 15_000 });
  network.run(network.now + laterMs);
  const second = hosts[1]!.connectTcp({ localPort: 5000, to: mapped[0]!, timeoutMs: 15_000 });
  if (behaviors[1].mapping === "address-and-port-dependent") hosts[0]!.listenTcp(5000);
  network.run(network.now + 20_000);
  return second.outcome === "connected" &&
    (first.outcome === "connected" || behaviors[1].mapping === "address-and-port-dependent");
}

/** A connection through a box to a server that ends when its client does. */
function held(behavior: NatBehavior) {
  const network = new SimNetwork();
  const { host, boxes } = addSite(network, { boxes: [behavior], site: 1 });
  const server = network.addHost({ ips: ["203.0.113.1"] }).listenTcp(80);
  const received: Uint8Array[] = [];
  server.onConnection = (accepted) => {
    accepted.onReceive = (bytes) => received.push(bytes);
    accepted.onEnd = () => accepted.end();
  };
  const reconnect = () => host.connectTcp({ localPort: 5000, to: server.local });
  const connection = reconnect();
  const closed: string[] = [];
  connection.onClose = (reason) => closed.push(reason);
  network.run(100);
  const between = { internal: connection.local, remote: server.local };
  return { network, connection, received, closed, nat: boxes[0]!, between, reconnect };
}
