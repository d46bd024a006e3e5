import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat, equals } from "@std/bytes";
import {
  type LinkOptions,
  simAddress,
  SimNetwork,
  SimRandom,
  type SimTcpConnection,
  type TcpSegment,
} from "./mod.ts";

Deno.test("SimHost.connectTcp() connects to a listener, and both sides agree who is there", () => {
  const { network, client, server } = pair();
  const accepted: SimTcpConnection[] = [];
  server.listenTcp(80).onConnection = (connection) => accepted.push(connection);
  const connection = client.connectTcp({ localPort: 5000, to: simAddress("192.0.2.2:80") });
  assertEquals([connection.state, connection.outcome], ["connecting", undefined]);
  network.run(100);
  assertEquals([connection.state, connection.outcome], ["open", "connected"]);
  assertEquals(accepted.map(({ local, remote, state }) => ({ local, remote, state })), [
    { local: connection.remote, remote: connection.local, state: "open" },
  ]);
});

Deno.test("SimHost.connectTcp() is refused after a round trip where nobody listens", () => {
  const { network, client } = pair();
  const connection = client.connectTcp({ to: simAddress("192.0.2.2:80") });
  const outcomes: string[] = [];
  connection.onOutcome = (outcome) => outcomes.push(`${outcome} at ${network.now}`);
  network.run(100_000);
  assertEquals(outcomes, ["refused at 20"]);
  assertEquals(connection.state, "closed");
});

Deno.test("SimHost.connectTcp() times out where no host is", () => {
  const lines: string[] = [];
  const { network, client } = pair({}, (line) => lines.push(line));
  const connection = client.connectTcp({ to: simAddress("192.0.2.9:80"), timeoutMs: 10_000 });
  const outcomes: string[] = [];
  connection.onOutcome = (outcome) => outcomes.push(`${outcome} at ${network.now}`);
  network.run(100_000);
  assertEquals(outcomes, ["timed-out at 10000"]);
  assertEquals(lines.map((line) => line.slice(0, line.indexOf(" ms"))), [
    "0.0",
    "1000.0",
    "3000.0",
    "7000.0",
  ]);
});

Deno.test("SimTcpConnection opens simultaneously when both sides connect, without a listener", () => {
  const { network, client, server } = pair();
  const [one, two] = [
    client.connectTcp({ localPort: 5001, to: simAddress("192.0.2.2:5002") }),
    server.connectTcp({ localPort: 5002, to: simAddress("192.0.2.1:5001") }),
  ];
  const received: string[] = [];
  one.onReceive = (bytes) => received.push(`one got ${bytes}`);
  two.onReceive = (bytes) => received.push(`two got ${bytes}`);
  one.send(Uint8Array.of(1));
  two.send(Uint8Array.of(2));
  network.run(100);
  assertEquals([one.outcome, two.outcome], ["connected", "connected"]);
  assertEquals(received.sort(), ["one got 2", "two got 1"]);
});

Deno.test("SimHost.connectTcp() shares a port with a listener and other connections", () => {
  const { network, client, server } = pair();
  server.listenTcp(80);
  server.listenTcp(81);
  let accepted = 0;
  client.listenTcp(5000).onConnection = () => accepted++;
  const connections = [80, 81].map((port) =>
    client.connectTcp({ localPort: 5000, to: { ip: server.ips[0]!, port } })
  );
  const back = server.connectTcp({ to: simAddress("192.0.2.1:5000") });
  network.run(100);
  assertEquals([...connections, back].map(({ outcome }) => outcome), [
    "connected",
    "connected",
    "connected",
  ]);
  assertEquals(accepted, 1);
  assertThrows(
    () => client.connectTcp({ localPort: 5000, to: simAddress("192.0.2.2:80") }),
    RangeError,
    "port 5000 of 192.0.2.1: it is in use",
  );
  assertThrows(() => client.listenTcp(5000), RangeError, "it is in use");
});

for (const link of [{}, { loss: 0.3, jitterMs: 50, duplication: 0.1 }] satisfies LinkOptions[]) {
  const when = JSON.stringify(link);
  Deno.test(`SimTcpConnection carries all bytes in order both ways over a link ${when}`, () => {
    for (let seed = 0; seed < 10; seed++) {
      const { network, client, server } = pair(link, undefined, seed);
      const sent = new SimRandom(seed).bytes(60_000);
      const received: Uint8Array[] = [];
      const echoed: Uint8Array[] = [];
      const ends: string[] = [];
      server.listenTcp(80).onConnection = (connection) => {
        connection.onReceive = (bytes) => {
          received.push(bytes);
          connection.send(bytes);
        };
        connection.onEnd = () => connection.end();
        connection.onClose = (reason) => ends.push(reason);
      };
      const connection = client.connectTcp({ to: simAddress("192.0.2.2:80") });
      connection.onReceive = (bytes) => echoed.push(bytes);
      connection.onEnd = () => ends.push("end");
      connection.onClose = (reason) => ends.push(reason);
      connection.send(sent);
      connection.end();
      network.run(3_600_000);
      assert(equals(concat(received), sent));
      assert(equals(concat(echoed), sent));
      assertEquals(ends.sort(), ["closed", "closed", "end"]);
      assertEquals(network.next, undefined);
    }
  });
}

Deno.test("SimTcpConnection may go on sending after the other side has ended", () => {
  const { network, client, server } = pair();
  const log: string[] = [];
  server.listenTcp(80).onConnection = (connection) => {
    connection.onEnd = () => {
      log.push(`server sees the end, ${connection.state}`);
      connection.send(Uint8Array.of(1));
      connection.end();
    };
    connection.onClose = (reason) => log.push(`server: ${reason}`);
  };
  const connection = client.connectTcp({ to: simAddress("192.0.2.2:80") });
  connection.onReceive = (bytes) => log.push(`client got ${bytes}`);
  connection.onClose = (reason) => log.push(`client: ${reason}`);
  connection.end();
  network.run(1000);
  assertEquals(log, [
    "server sees the end, open",
    "client got 1",
    "client: closed",
    "server: closed",
  ]);
});

Deno.test("SimTcpConnection.reset() breaks off the other side, and says nothing on its own", () => {
  const { network, client, server } = pair();
  const log: string[] = [];
  server.listenTcp(80).onConnection = (connection) => {
    connection.onClose = (reason) => log.push(`server: ${reason}`);
  };
  const connection = client.connectTcp({ to: simAddress("192.0.2.2:80") });
  connection.onClose = (reason) => log.push(`client: ${reason}`);
  network.run(100);
  connection.reset();
  network.run(200);
  assertEquals(log, ["server: reset"]);
  assertThrows(() => connection.send(Uint8Array.of(1)), TypeError, "has ended");
});

Deno.test("SimTcpConnection.reset() gives up connecting without a packet", () => {
  const { network, client, server } = pair();
  let accepted = 0;
  server.listenTcp(80).onConnection = () => accepted++;
  const connection = client.connectTcp({ to: simAddress("192.0.2.2:80") });
  connection.onOutcome = () => assert(false);
  connection.reset();
  network.run(300_000);
  // The SYN was out already; the RST that its answer gets ends the half-open connection
  assertEquals([accepted, connection.outcome, network.next], [0, undefined, undefined]);
});

Deno.test("SimTcpListener.close() refuses what comes next, and leaves what there is", () => {
  const { network, client, server } = pair();
  const listener = server.listenTcp(80);
  const first = client.connectTcp({ to: listener.local });
  network.run(100);
  listener.close();
  const second = client.connectTcp({ to: listener.local });
  network.run(200);
  assertEquals([first.state, second.outcome], ["open", "refused"]);
});

Deno.test("SimTcpConnection takes no RST that does not know its sequence numbers (RFC 9293)", () => {
  const { network, client, server } = pair();
  server.listenTcp(80);
  const forger = network.addHost({ ips: ["192.0.2.66"] });
  const connection = client.connectTcp({ localPort: 5000, to: simAddress("192.0.2.2:80") });
  const closed: string[] = [];
  connection.onClose = (reason) => closed.push(reason);
  const rst = segment({ rst: true });
  // While it connects: without an acknowledgement, and with a wrong one; then when it is open
  forger.transmit(rst);
  forger.transmit({ ...rst, acknowledgement: -1 });
  network.run(1000);
  assertEquals(connection.outcome, "connected");
  forger.transmit({ ...rst, sequence: -1 });
  network.run(2000);
  assertEquals([connection.state, closed], ["open", []]);
});

Deno.test("SimTcpConnection is not misled by segments of another connection", () => {
  const lines: string[] = [];
  const { network, client, server } = pair({}, (line) => lines.push(line));
  server.listenTcp(80);
  const forger = network.addHost({ ips: ["192.0.2.66"] });
  const connection = client.connectTcp({ localPort: 5000, to: simAddress("192.0.2.2:80") });
  forger.transmit(segment({ syn: true, acknowledgement: -1 }));
  forger.transmit(segment({}));
  network.run(1000);
  assertEquals(connection.outcome, "connected");
  lines.length = 0;
  // An old SYN is answered with an acknowledgement that says where the connection is
  forger.transmit(segment({ syn: true, sequence: 5 }));
  forger.transmit(segment({}));
  network.run(2000);
  assertEquals(connection.state, "open");
  assertEquals(lines.filter((line) => line.includes("tcp ACK 192.0.2.1:5000")).length, 1);
});

Deno.test("SimTcpConnection that is open takes no ICMP error (RFC 5927)", () => {
  const { network, client, server } = pair();
  server.listenTcp(80);
  const connection = client.connectTcp({ localPort: 5000, to: simAddress("192.0.2.2:80") });
  network.run(1000);
  const forger = network.addHost({ ips: ["192.0.2.66"] });
  forger.transmit({
    protocol: "icmp",
    source: simAddress("192.0.2.2:0"),
    destination: simAddress("192.0.2.1:0"),
    bytes: new Uint8Array(0),
    about: { ...segment({}), source: connection.local, destination: connection.remote },
  });
  network.run(2000);
  assertEquals(connection.state, "open");
});

/** A segment that claims to be the server's. */
function segment(fields: Partial<TcpSegment>): TcpSegment {
  return {
    protocol: "tcp",
    source: simAddress("192.0.2.2:80"),
    destination: simAddress("192.0.2.1:5000"),
    bytes: new Uint8Array(0),
    syn: false,
    fin: false,
    rst: false,
    sequence: 0,
    ...fields,
  };
}

function pair(link: LinkOptions = {}, trace?: (line: string) => void, seed = 1) {
  const network = new SimNetwork({ seed, link, trace });
  const client = network.addHost({ ips: ["192.0.2.1"] });
  const server = network.addHost({ ips: ["192.0.2.2"] });
  return { network, client, server };
}
