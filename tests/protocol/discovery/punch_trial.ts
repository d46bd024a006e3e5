import type { SocketAddress } from "../../../lib/wire/mod.ts";
import { addSite, type NatBehavior, SimNetwork } from "../../sim/mod.ts";

/**
 * Whether two hosts in the simulator, each behind a NAT, come together over UDP: both learn from a
 * server where the other was seen, both send there, and then to where they hear the other from.
 */
export function tryPunch(behaviors: readonly [NatBehavior, NatBehavior], seed: number): boolean {
  const network = new SimNetwork({ seed });
  const server = network.addHost({ ips: ["203.0.113.1"] }).openUdp(3478);
  const seen: SocketAddress[] = [];
  server.onReceive = (_, source) => seen.push(source);
  const sockets = behaviors.map((behavior, i) => {
    const socket = addSite(network, { boxes: [behavior], site: i + 1 }).host.openUdp();
    socket.send(PROBE, server.local);
    network.run(network.now + 1000);
    return socket;
  });
  const answered = [false, false];
  sockets.forEach((socket, i) => {
    let peer = seen[1 - i]!;
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

const PROBE = Uint8Array.of(0);
const ANSWER = Uint8Array.of(1);
