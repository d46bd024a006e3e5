import { assertEquals } from "@std/assert";
import { formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { addSite, NAT_PRESETS, type NatPresetName, SimNetwork } from "./mod.ts";

const KINDS = [
  "full-cone",
  "restricted-cone",
  "port-restricted-cone",
  "symmetric",
] as const satisfies readonly NatPresetName[];

for (const one of KINDS) {
  for (const two of KINDS) {
    // A port that nobody can foretell gets past no filter that wants to know it
    const closed = ["port-restricted-cone", "symmetric"];
    const expected = !(one === "symmetric" && closed.includes(two)) &&
      !(two === "symmetric" && closed.includes(one));
    const what = expected ? "meet" : "do not meet";

    Deno.test(`NatBox: hosts behind ${one} and ${two} ${what} over UDP`, () => {
      for (let seed = 0; seed < 5; seed++) assertEquals(punchUdp([one, two], seed), expected);
    });

    Deno.test(`NatBox: hosts behind ${one} and ${two} ${what} over TCP`, () => {
      for (let seed = 0; seed < 5; seed++) assertEquals(punchTcp([one, two], seed), expected);
    });
  }
}

/** Both send to the other's mapped address, then to where they hear the other from. */
function punchUdp(kinds: readonly NatPresetName[], seed: number): boolean {
  const network = new SimNetwork({ seed });
  const server = network.addHost({ ips: ["203.0.113.1"] }).openUdp(3478);
  const mapped: SocketAddress[] = [];
  server.onReceive = (_, source) => mapped.push(source);
  const sockets = kinds.map((kind, i) => {
    const { host } = addSite(network, { boxes: NAT_PRESETS[kind].boxes, site: i + 1 });
    const socket = host.openUdp();
    socket.send(PROBE, server.local);
    network.run(network.now + 1000);
    return socket;
  });
  const answered = [false, false];
  sockets.forEach((socket, i) => {
    let peer = mapped[1 - i]!;
    socket.onReceive = ([isAnswer], source) => {
      if (isAnswer === 1) answered[i] = true;
      else socket.send(ANSWER, peer = source);
    };
    for (let ms = i * 30; ms < 2000; ms += 200) {
      network.setTimer(ms, () => socket.send(PROBE, peer));
    }
  });
  network.run(network.now + 5000);
  return answered.every(Boolean);
}

/** Both listen on the port whose mapping a server shows them, and connect from it to the other's. */
function punchTcp(kinds: readonly NatPresetName[], seed: number): boolean {
  const network = new SimNetwork({ seed });
  const server = network.addHost({ ips: ["203.0.113.1"] }).listenTcp(3478);
  const mapped: SocketAddress[] = [];
  server.onConnection = ({ remote }) => mapped.push(remote);
  const hosts = kinds.map((kind, i) => {
    const { host } = addSite(network, { boxes: NAT_PRESETS[kind].boxes, site: i + 1 });
    host.connectTcp({ localPort: 5000, to: server.local });
    network.run(network.now + 1000);
    return host;
  });
  const heard: string[] = [];
  hosts.forEach((host, i) => {
    host.listenTcp(5000).onConnection = ({ remote }) => heard.push(formatSocketAddress(remote));
    network.setTimer(i * 30, () => {
      // The other's connection may have come in by then, between the same two addresses
      if (heard.length > 0) return;
      const connection = host.connectTcp({
        localPort: 5000,
        to: mapped[1 - i]!,
        timeoutMs: 10_000,
      });
      connection.onOutcome = (outcome) => {
        if (outcome === "connected") heard.push(formatSocketAddress(connection.remote));
      };
    });
  });
  network.run(network.now + 12_000);
  return heard.length > 0;
}

const PROBE = Uint8Array.of(0);
const ANSWER = Uint8Array.of(1);
