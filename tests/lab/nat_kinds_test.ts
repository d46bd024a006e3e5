// Each kind of router, looked at from both sides with plain sockets: whatever else is tested in the
// lab stands on this table.

import { assertEquals } from "@std/assert";
import { testWithTool } from "../support/tool.ts";
import { type Behaviour, tcpBehaviour, udpBehaviour } from "./behaviour.ts";
import { NatLab, NFT, whyNoLab } from "./nat_lab.ts";
import { NAT_KINDS, type NatKind } from "./nat_kind.ts";
import { Station } from "./station.ts";

const whyNotHere = whyNoLab();

const ALL_IN = { contacted: true, sameAddress: true, otherAddress: true, unmappedPort: true };
const NONE_IN = { contacted: false, sameAddress: false, otherAddress: false, unmappedPort: false };
const CONTACTED = { ...NONE_IN, contacted: true };

const EXPECTED: Readonly<Record<NatKind, Behaviour>> = {
  "open": { mapping: "itself", ...ALL_IN },
  "firewall": { mapping: "itself", ...CONTACTED },
  "full-cone": { mapping: "same port", ...ALL_IN, unmappedPort: false },
  "address-restricted": { mapping: "same port", ...CONTACTED, sameAddress: true },
  "port-restricted": { mapping: "same port", ...CONTACTED },
  "symmetric": { mapping: "new ports", ...CONTACTED },
  // Of TCP; UDP is none at all
  "udp-blocked": { mapping: "same port", ...CONTACTED },
};

for (const family of ["ipv4", "ipv6"] as const) {
  for (const kind of NAT_KINDS) {
    testWithTool({
      name: `a router "${kind}" maps and filters ${family} as its kind does, UDP and TCP`,
      tools: [NFT],
      skip: whyNotHere,
      fn: async () => {
        await using lab = await NatLab.open({ nat1: { [family]: kind } });
        await using host = new Station(lab.host1);
        await using server = new Station(lab.server);
        const scene = { lab, host, server, family };
        const udp = await udpBehaviour(scene);
        const tcp = await tcpBehaviour(scene);
        say(`${kind} ${family}\n  UDP ${inWords(udp)}\n  TCP ${inWords(tcp)}\n`);
        assertEquals({ udp, tcp }, {
          udp: kind === "udp-blocked" ? { mapping: "none", ...NONE_IN } : EXPECTED[kind],
          tcp: EXPECTED[kind],
        });
      },
    });
  }
}

for (const kind of ["full-cone", "address-restricted", "port-restricted"] as const) {
  testWithTool({
    name: `a router "${kind}" with shiftPorts maps to the same other port, and filters alike`,
    tools: [NFT],
    skip: whyNotHere,
    fn: async () => {
      await using lab = await NatLab.open({ nat1: { ipv4: kind, shiftPorts: true } });
      await using host = new Station(lab.host1);
      await using server = new Station(lab.server);
      const scene = { lab, host, server, family: "ipv4" } as const;
      const expected: Behaviour = { ...EXPECTED[kind], mapping: "other port" };
      assertEquals(
        { udp: await udpBehaviour(scene), tcp: await tcpBehaviour(scene) },
        { udp: expected, tcp: expected },
      );
    },
  });
}

testWithTool({
  name: "a router with the memory of a host lets in whom another port of the host has contacted",
  tools: [NFT],
  skip: whyNotHere,
  fn: async () => {
    for (const memory of ["port", "host"] as const) {
      await using lab = await NatLab.open({ nat1: { ipv4: "address-restricted", memory } });
      await using host = new Station(lab.host1);
      await using server = new Station(lab.server);
      const { ip, alternateIp } = lab.server;
      const one = await host.ask("bindUdp", { ip: lab.host1.ip, port: 0 });
      const other = await host.ask("bindUdp", { ip: lab.host1.ip, port: 0 });
      const known = await server.ask("bindUdp", { ip, port: 0 });
      const stranger = await server.ask("bindUdp", { ip: alternateIp, port: 0 });
      const send = (id: number, to: string, port: number) =>
        host.ask("send", { id, to: { ip: to, port }, text: "here" });
      await send(one.id, ip, known.port);
      await send(other.id, alternateIp, stranger.port);
      const [mapped] = await server.ask("receive", { id: known.id, timeoutMs: 1_000 });
      const to = mapped!.from;
      await server.ask("send", { id: stranger.id, to, text: "stranger" });
      await server.ask("send", { id: known.id, to, text: "known" });
      const arrived = await host.ask("receive", { id: one.id, until: "known", timeoutMs: 1_000 });
      assertEquals(
        arrived.map(({ text }) => text),
        memory === "host" ? ["stranger", "known"] : ["known"],
      );
    }
  },
});

function inWords({ mapping, ...filtering }: Behaviour): string {
  const names = Object.entries(filtering).filter(([, passes]) => passes).map(([name]) => name);
  return `mapping: ${mapping}; gets in: ${names.join(", ") || "nobody"}`;
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}
