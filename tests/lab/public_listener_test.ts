// Public listeners behind real NATs, and reached from outside.

import { assert, assertEquals } from "@std/assert";
import { testWithTool } from "../support/tool.ts";
import { LAB_SERVERS, plainServer, serverAnswers } from "./lab_servers.ts";
import { NatLab, type NatLabOptions, NFT, whyNoLab } from "./nat_lab.ts";
import { stunUri } from "./pinhole_nat.ts";
import { PublicListenerChild } from "./public_listener_child.ts";
import { type Endpoint, Station } from "./station.ts";

const whyNotHere = whyNoLab();
const SHARINGS = ["turns", "reuse-port"] as const;

labTest("a public TCP listener is reached from outside behind a full cone", async () => {
  await Promise.all(SHARINGS.map(async (sharing) => {
    await using lab = await openLab("full-cone");
    const child = listen(lab, { transport: "tcp", sharing });
    const address = await child.address();
    assertEquals(address.ip, lab.router1.publicIp);
    const { nth: _, event: __, ...listening } = await child.event("listening");
    assertEquals(listening, { sharing, nat: true });
    await using stranger = new Station(lab.outside);
    assert(await isReachedOverTcp(stranger, lab, address));
    for (const [nth, ip] of [[1, lab.server.alternateIp], [2, lab.server.ip]] as const) {
      const { outcome, from, fromStranger } = await child.event("dial-back", nth);
      assertEquals([outcome, `${from}`.replace(/:\d+$/, ""), fromStranger], [
        "connected",
        ip,
        nth === 1,
      ]);
    }
  }));
});

labTest("a public TCP listener learns that nobody gets through a port-restricted NAT", async () => {
  await using lab = await openLab("port-restricted");
  const child = listen(lab, { transport: "tcp", sharing: "turns" });
  for (const nth of [1, 2]) {
    const { outcome, from } = await child.event("dial-back", nth);
    assertEquals([outcome, from], ["timed-out", undefined]);
  }
});

labTest("a public TCP listener is reached again after the router forgot or changed", async () => {
  const routers = ["full-cone", { ipv4: "full-cone", shiftPorts: true }] as const;
  const cases = SHARINGS.flatMap((sharing) => routers.map((nat1) => ({ sharing, nat1 })));
  await Promise.all(cases.map(async ({ sharing, nat1 }) => {
    await using lab = await openLab(nat1);
    const child = listen(lab, { transport: "tcp", sharing });
    const first = await child.address();
    await lab.router1.forget();
    const second = await child.address(2);
    assertEquals(second, first);
    await using stranger = new Station(lab.outside);
    assert(await isReachedOverTcp(stranger, lab, second), "after the router forgot");
    await lab.router1.changePublicAddress("203.0.113.77");
    const third = await child.address(3);
    assertEquals(third, { ip: "203.0.113.77", port: first.port });
    assert(await isReachedOverTcp(stranger, lab, third), "after its address changed");
  }));
});

labTest("a public TCP listener is refused behind a symmetric NAT with two servers", async () => {
  await using lab = await NatLab.open({ nat1: "symmetric" });
  const ips = [lab.server.ip, lab.server.alternateIp];
  for (const ip of ips) await serverAnswers(lab, { child: plainServer(lab.server, ip), ip });
  const servers = ips.map(stunUri);
  await Promise.all((["tcp", "udp"] as const).map(async (transport) => {
    const child = new PublicListenerChild(lab.host1, { transport, servers, keepAliveMs: 1_000 });
    assertEquals((await child.event("error")).code, "mapping-depends");
  }));
});

labTest("a public UDP socket is reached behind a full cone, also after a change", async () => {
  await using lab = await openLab("full-cone");
  const child = listen(lab, { transport: "udp" });
  const first = await child.address();
  await using stranger = new Station(lab.outside);
  assert(await isReachedOverUdp(stranger, lab, first));
  await lab.router1.changePublicAddress("203.0.113.77");
  const second = await child.address(2);
  assertEquals(second, { ip: "203.0.113.77", port: first.port });
  assert(await isReachedOverUdp(stranger, lab, second));
});

/** A lab with our server on both addresses. */
async function openLab(nat1: NatLabOptions["nat1"]): Promise<NatLab> {
  const lab = await NatLab.open({ nat1 });
  try {
    await serverAnswers(lab, { child: LAB_SERVERS.ours(lab.server), ip: lab.server.ip });
    return lab;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

function listen(
  lab: NatLab,
  options: { readonly transport: "tcp" | "udp"; readonly sharing?: "turns" | "reuse-port" },
): PublicListenerChild {
  const servers = [stunUri(lab.server.ip)];
  return new PublicListenerChild(lab.host1, { ...options, servers, keepAliveMs: 1_000 });
}

async function isReachedOverTcp(station: Station, lab: NatLab, to: Endpoint): Promise<boolean> {
  const local = { ip: lab.outside.ip, port: 0 };
  const connected = await station.ask("connect", { local, to, timeoutMs: 5_000 });
  if (typeof connected === "string") return false;
  return await station.ask("echo", { id: connected.id, timeoutMs: 5_000 });
}

async function isReachedOverUdp(station: Station, lab: NatLab, to: Endpoint): Promise<boolean> {
  const { id } = await station.ask("bindUdp", { ip: lab.outside.ip, port: 0 });
  await station.ask("send", { id, to, text: "are you there" });
  const received = await station.ask("receive", { id, until: "are you there", timeoutMs: 5_000 });
  return received.length > 0;
}

function labTest(name: string, fn: () => Promise<void>): void {
  testWithTool({ name, tools: [NFT], skip: whyNotHere, fn });
}
