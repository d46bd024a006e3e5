import { assertEquals } from "@std/assert";
import { UdpGathering } from "../../../lib/protocol/punch/mod.ts";
import { formatSocketAddress, type SocketAddress } from "../../../lib/wire/mod.ts";
import { addSite, driveUdp, NAT_PRESETS, SimNetwork, SimStunServer } from "../../sim/mod.ts";

Deno.test("UdpGathering learns from every server where it sees the socket", () => {
  const scene = gather({ servers: 2, kind: "symmetric" });
  scene.network.runUntil(() => scene.gathering.isSettled, 10_000);
  const { observations } = scene.gathering;
  assertEquals(observations.map(({ to }) => to), scene.servers);
  assertEquals(
    observations.map(({ reflexive }) => reflexive),
    scene.servers.map((remote) =>
      scene.box.mappedAddress("udp", { internal: scene.local, remote })!
    ),
  );
});

Deno.test("UdpGathering does without a server that does not answer, after 3 s", () => {
  const scene = gather({ servers: 2, silent: 1 });
  assertEquals(scene.network.runUntil(() => scene.gathering.isSettled, 10_000), true);
  assertEquals(scene.network.now, 3_000);
  assertEquals(scene.gathering.observations.map(({ to }) => to), [scene.servers[0]!]);
});

Deno.test("UdpGathering is settled at once where there is no server to ask", () => {
  const { gathering } = gather({ servers: 0 });
  assertEquals(gathering.isSettled, true);
  assertEquals(gathering.observations, []);
});

Deno.test("UdpGathering asks the servers that answered every 15 s, and so keeps the mapping", () => {
  const scene = gather({ servers: 2, silent: 1, lifetimeMs: 30_000 });
  scene.network.run(1_000);
  const remote = scene.servers[0]!;
  const before = scene.box.mappedAddress("udp", { internal: scene.local, remote });
  const sent = scene.sent.length;
  scene.network.run(600_000);
  const after = scene.box.mappedAddress("udp", { internal: scene.local, remote });
  assertEquals(after && formatSocketAddress(after), formatSocketAddress(before!));
  const refreshes = scene.sent.slice(sent).filter(({ at }) => at > 10_000);
  assertEquals(refreshes.length, 40);
  assertEquals(refreshes.every(({ to }) => to === remote), true);
});

Deno.test("UdpGathering.receive() takes STUN of its servers, and nothing else", () => {
  const { gathering, servers } = gather({ servers: 1 });
  const stun = new Uint8Array(20);
  stun.set([0x01, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
  const [server] = servers;
  const found = [
    gathering.receive(stun, server!, 1),
    gathering.receive(stun, { ...server!, port: 1 }, 1),
    gathering.receive(Uint8Array.of(1, 2, 3), server!, 1),
  ];
  assertEquals(found, [true, false, false]);
  assertEquals(gathering.observations, []);
});

/** A host behind a NAT that asks so many servers, the last ones of which are silent. */
function gather(options: {
  readonly servers: number;
  readonly silent?: number;
  readonly kind?: "symmetric" | "port-restricted-cone";
  readonly lifetimeMs?: number;
}) {
  const { silent = 0, kind = "port-restricted-cone", lifetimeMs = 120_000 } = options;
  const network = new SimNetwork({ seed: 1 });
  const servers = Array.from({ length: options.servers }, (_, i) => {
    const silentAfter = i < options.servers - silent ? Infinity : 0;
    return new SimStunServer(network, { ips: [`203.0.113.${i + 1}`], silentAfter }).address;
  });
  const boxes = NAT_PRESETS[kind].boxes.map((box) => ({ ...box, lifetimeMs }));
  const site = addSite(network, { boxes, site: 1 });
  const sent: { readonly at: number; readonly to: SocketAddress }[] = [];
  const gathering = new UdpGathering({ servers, transactionId: () => network.random.bytes(12) });
  const { socket } = driveUdp(site.host, {
    onWake: ({ socket, now }) => {
      for (const { bytes, peer } of gathering.wake(now)) {
        sent.push({ at: now, to: peer });
        socket.send(bytes, peer);
      }
    },
    onReceive: ({ bytes, source }, { now }) => gathering.receive(bytes, source, now),
    nextWake: () => gathering.nextWake(),
  });
  return { network, servers, gathering, sent, local: socket.local, box: site.boxes[0]! };
}
