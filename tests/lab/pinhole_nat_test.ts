// `pinhole nat` behind real NATs. What each router does nat_kinds_test.ts has proved with plain
// sockets; detectives_test.ts shows other programs beside it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWithTool, type Tool, TOOLS } from "../support/tool.ts";
import { LAB_SERVERS, plainServer, serverAnswers } from "./lab_servers.ts";
import { NatLab, type NatLabOptions, NFT, whyNoLab } from "./nat_lab.ts";
import {
  type JsonPart,
  type JsonReport,
  pinholeNat,
  startPinholeNat,
  stunUri,
} from "./pinhole_nat.ts";

const whyNotHere = whyNoLab();

/** What a report has to say of one transport. */
interface Truth {
  readonly mapping: string;
  readonly filtering: string;
  readonly classic: string;
}

const NONE = "none";
const INDEPENDENT = "endpoint-independent";
const ADDRESS = "address-dependent";
const PORT = "address-and-port-dependent";

const KINDS: readonly {
  readonly name: string;
  readonly nat1: NonNullable<NatLabOptions["nat1"]>;
  readonly truth: Truth;
}[] = [
  { name: "open", nat1: "open", truth: truth(NONE, INDEPENDENT, "open") },
  { name: "firewall", nat1: "firewall", truth: truth(NONE, PORT, "firewall") },
  { name: "full-cone", nat1: "full-cone", truth: truth(INDEPENDENT, INDEPENDENT, "full-cone") },
  {
    name: "address-restricted",
    nat1: "address-restricted",
    truth: truth(INDEPENDENT, ADDRESS, "restricted-cone"),
  },
  {
    name: "address-restricted with the memory of a host",
    nat1: { ipv4: "address-restricted", memory: "host" },
    truth: truth(INDEPENDENT, ADDRESS, "restricted-cone"),
  },
  {
    name: "port-restricted",
    nat1: "port-restricted",
    truth: truth(INDEPENDENT, PORT, "port-restricted-cone"),
  },
  {
    name: "port-restricted that resets",
    nat1: { ipv4: "port-restricted", refusal: "reset" },
    truth: truth(INDEPENDENT, PORT, "port-restricted-cone"),
  },
  { name: "symmetric", nat1: "symmetric", truth: truth(PORT, PORT, "symmetric") },
];

// Side by side, for they spend their time waiting for what does not come

labTest("pinhole nat tells every router with our server: UDP, TCP, code 0", async () => {
  const found = await Promise.all(KINDS.map(async ({ name, nat1 }) => {
    const { code, report: { udp, tcp } } = await ask({ nat1, server: "ours" });
    return { name, code, udp: told(udp), tcp: told(tcp) };
  }));
  assertEquals(found, KINDS.map(({ name, truth }) => ({ name, code: 0, udp: truth, tcp: truth })));
});

labTest("pinhole nat tells every router with turnserver: UDP, some TCP, code 3", async () => {
  const found = await Promise.all(KINDS.map(async ({ name, nat1 }) => {
    const { code, report: { udp, tcp } } = await ask({ nat1, server: "turnserver" });
    const [, why] = /; filtering: (.*)$/.exec(tcp!.reason)!;
    return { name, code, udp: told(udp), tcp: told(tcp), why };
  }));
  assertEquals(
    found,
    KINDS.map(({ name, truth }) => {
      // That it depends on the destination is enough for the name
      const classic = truth.classic === "symmetric" ? "symmetric" : "unknown";
      const tcp = { ...truth, filtering: "unknown", classic };
      const why = "this cannot be told: the server does not know DIAL-BACK";
      return { name, code: 3, udp: truth, tcp, why };
    }),
  );
}, [TOOLS.turnserver]);

labTest("pinhole nat tells TCP where UDP is blocked, with code 3", async () => {
  const { code, stdout } = await askText({ nat1: "udp-blocked" });
  assertEquals(code, 3);
  assertMatch(stdout, /^UDP {10}blocked\n {13}the server did not answer\n/m);
  assertMatch(stdout, /^TCP {10}port-restricted-cone\n/m);
  assertMatch(stdout, /^UDP: blocked, or no server answers\.$/m);
  assertMatch(stdout, /^TCP: a port-restricted cone NAT\./m);
});

labTest("pinhole nat says that all is blocked, with code 4", async () => {
  const { code, stdout } = await askText({
    nat1: "port-restricted",
    prepare: (lab) => lab.router1.setLoss(100),
  });
  assertEquals({ code, stdout }, {
    code: 4,
    stdout: `\
UDP          blocked
             the server did not answer
TCP          blocked
             no server could be connected to

Hairpinning  unknown
             the server did not answer

UDP: blocked, or no server answers.
TCP: blocked, or no server answers.
`,
  });
});

labTest("pinhole nat tells a firewall in front of a host with IPv6 alone", async () => {
  const { code, report } = await ask({ nat1: { ipv6: "firewall" }, server: "ours" });
  const firewall = truth(NONE, PORT, "firewall");
  assertEquals({ code, udp: told(report.udp), tcp: told(report.tcp) }, {
    code: 0,
    udp: firewall,
    tcp: firewall,
  });
  for (const part of [report.udp!, report.tcp!]) {
    assertMatch(part.local!, /^\[2001:db8:1::2\]:\d+$/);
    assertEquals(part.reflexive, part.local);
  }
});

labTest("pinhole nat claims no filtering of UDP with one plain server", async () => {
  const cases = [
    // For TCP another port of the same address is enough to tell this
    { nat1: "port-restricted", tcp: truth("unknown", PORT, "unknown") },
    { nat1: "full-cone", tcp: truth("unknown", "unknown", "unknown") },
  ] as const;
  const found = await Promise.all(cases.map(async ({ nat1 }) => {
    const { code, report: { udp, tcp } } = await ask({ nat1, server: "plain" });
    assertMatch(udp!.reason, /; filtering: this cannot be told: this server has no RFC 5780$/);
    return { nat1, code, udp: told(udp), tcp: told(tcp) };
  }));
  const udp = truth("unknown", "unknown", "unknown");
  assertEquals(found, cases.map(({ nat1, tcp }) => ({ nat1, code: 3, udp, tcp })));
});

for (
  const { mode, does, reason } of [
    {
      mode: "ignores",
      does: "answers CHANGE-REQUEST from where it was asked",
      reason: /203\.0\.113\.1:3478 ignores CHANGE-REQUEST and answers from where it was asked$/,
    },
    {
      mode: "silent",
      does: "does not answer CHANGE-REQUEST",
      reason: /203\.0\.113\.1:3478 does not answer from its other (port|address)$/,
    },
  ] as const
) {
  labTest(`pinhole nat is not misled by a server that ${does}`, async () => {
    const kinds = ["full-cone", "address-restricted", "port-restricted"] as const;
    const found = await Promise.all(kinds.map(async (nat1) => {
      const { code, report: { udp } } = await ask({ nat1, server: mode, flags: ["--udp"] });
      assertMatch(udp!.reason, reason);
      return { nat1, code, udp: told(udp) };
    }));
    const udp = truth(INDEPENDENT, "unknown", "unknown");
    assertEquals(found, kinds.map((nat1) => ({ nat1, code: 3, udp })));
  });
}

labTest("pinhole nat tells the mapping, not the filtering, with two plain servers", async () => {
  const cases = [
    { nat1: "port-restricted", udp: truth(INDEPENDENT, "unknown", "unknown") },
    { nat1: "symmetric", udp: truth("unknown", "unknown", "symmetric") },
  ] as const;
  const found = await Promise.all(cases.map(async ({ nat1 }) => {
    const { code, report } = await ask({ nat1, server: "two plain", flags: ["--udp"] });
    return { nat1, code, udp: told(report.udp) };
  }));
  assertEquals(found, cases.map((one) => ({ ...one, code: 3 })));
});

labTest("pinhole nat tells hairpinning, and a port that is not kept", async () => {
  const seen = await Promise.all([true, false].map(async (yes) => {
    const nat1 = { ipv4: "full-cone", hairpin: yes, shiftPorts: yes } as const;
    const { code, report } = await ask({ nat1, server: "ours", flags: ["--udp"] });
    return [code, report.hairpinning, report.udp!.portPreservation];
  }));
  assertEquals(seen, [[0, "yes", "no"], [0, "no", "yes"]]);
});

labTest("pinhole nat --padding tells whether fragments pass", async () => {
  const seen = await Promise.all([true, false].map(async (pass) => {
    const { report } = await ask({
      nat1: { ipv4: "full-cone", hairpin: true },
      server: "ours",
      flags: ["--udp", "--padding"],
      prepare: async (lab) => {
        // Before conntrack puts them together, at -400
        const rule = "table ip fragments { chain in { type filter hook prerouting priority -450; " +
          "ip frag-off & 0x3fff != 0 drop; }; }";
        if (!pass) await lab.router1.run("nft", [rule]);
      },
    });
    return report.fragments;
  }));
  assertEquals(seen, ["yes", "no"]);
});

labTest("pinhole nat --padding with a plain server cannot tell", async () => {
  const { report } = await ask({
    nat1: "open",
    server: "plain",
    flags: ["--udp", "--padding"],
  });
  assertEquals(report.fragments, "unknown");
});

labTest("pinhole nat --lifetime measures for how long a UDP mapping lives", async () => {
  const { code, report } = await ask({
    nat1: { ipv4: "full-cone", hairpin: true },
    server: "ours",
    flags: ["--udp", "--lifetime"],
    prepare: (lab) => lab.router1.setUdpTimeout(LIFETIME_MS / 1000),
  });
  const { measured, aliveMs, goneMs } = report.lifetime!;
  assertEquals([code, measured], [0, true]);
  assert(aliveMs < LIFETIME_MS && LIFETIME_MS <= goneMs!, `${aliveMs} to ${goneMs} ms`);
  assert(goneMs! - aliveMs <= 5_000, `${aliveMs} to ${goneMs} ms`);
});

labTest("pinhole nat --watch prints a line when the public address changes", async () => {
  await using lab = await NatLab.open({ nat1: { ipv4: "full-cone", hairpin: true } });
  const { ip } = lab.server;
  await serverAnswers(lab, { child: LAB_SERVERS.ours(lab.server), ip });
  const flags = ["--udp", "--json", "--watch", "0.2"];
  await using child = startPinholeNat(lab.host1, [stunUri(ip), ...flags]);
  await child.line(/"event":"mapping".*"reflexive":"203\.0\.113\.11:/, { timeoutMs: 30_000 });
  await lab.router1.changePublicAddress("203.0.113.99");
  await child.line(/"reflexive":"203\.0\.113\.99:.*"previous":"203\.0\.113\.11:/);
  const { code, stdout } = await child.stop("SIGINT");
  const [report, ...changes] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals([code, told(report.udp)], [0, truth(INDEPENDENT, INDEPENDENT, "full-cone")]);
  const [first, second] = changes;
  assertEquals(changes.length, 2);
  assertEquals([first.event, first.previous], ["mapping", null]);
  assertEquals([second.event, second.previous], ["mapping", first.reflexive]);
});

/** What stands in the lab's server namespace. */
type ServerName = keyof typeof LAB_SERVERS | "plain" | "two plain" | "ignores" | "silent";

interface Question {
  readonly nat1: NonNullable<NatLabOptions["nat1"]>;
  /** @default "ours" */
  readonly server?: ServerName;
  readonly flags?: readonly string[];
  /** Done to the lab once the server answers. */
  readonly prepare?: (lab: NatLab) => Promise<unknown>;
}

/** The exit code and the report of `pinhole nat --json` from host1. */
async function ask(
  { flags = [], ...question }: Question,
): Promise<{ readonly code: number; readonly report: JsonReport }> {
  const { code, stdout } = await askText({ ...question, flags: [...flags, "--json"] });
  return { code, report: JSON.parse(stdout) };
}

async function askText(
  { nat1, server = "ours", flags = [], prepare }: Question,
): Promise<{ readonly code: number; readonly stdout: string }> {
  await using lab = await NatLab.open({ nat1 });
  const ips = server === "two plain" ? [lab.server.ip, lab.server.alternateIp] : [lab.server.ip];
  for (const ip of ips) await serverAnswers(lab, { child: start(lab, { server, ip }), ip });
  await prepare?.(lab);
  const { code, stdout, stderr } = await pinholeNat(lab.host1, [...ips.map(stunUri), ...flags]);
  assertEquals(stderr, "");
  return { code, stdout };
}

function start(lab: NatLab, { server, ip }: { readonly server: ServerName; readonly ip: string }) {
  switch (server) {
    case "ours":
    case "turnserver":
      return LAB_SERVERS[server](lab.server);
    case "plain":
    case "two plain":
      return plainServer(lab.server, ip);
    case "ignores":
    case "silent":
      return lab.server.deno([
        "--allow-net",
        new URL("./_lying_server.ts", import.meta.url).pathname,
        ...[server, ip, lab.server.alternateIp],
      ]);
  }
}

function told(part: JsonPart | undefined): Truth | undefined {
  return part && truth(part.mapping, part.filtering, part.classic);
}

function truth(mapping: string, filtering: string, classic: string): Truth {
  return { mapping, filtering, classic };
}

function labTest(name: string, fn: () => Promise<void>, tools: readonly Tool[] = []): void {
  testWithTool({ name, tools: [NFT, ...tools], skip: whyNotHere, fn });
}

const LIFETIME_MS = 12_000;
