// The machine alone: each step is answered by hand, by a made-up NAT and server.

import { assertEquals } from "@std/assert";
import type { NatFiltering, TcpNatReport } from "../../../lib/protocol/discovery/mod.ts";
import { formatSocketAddress, type SocketAddress } from "../../../lib/wire/mod.ts";
import { discoverIn, LOCAL, OTHER, OUTSIDE, SERVER, type TcpNatWorld } from "./tcp_nat_world.ts";

const connectedIf = (wanted: boolean) => (changeAddress: boolean) =>
  changeAddress === wanted ? "connected" : "timed-out";

/** How the filtering comes out, with its confidence and the end of its reason. */
const FILTERING: readonly (readonly [
  name: string,
  world: TcpNatWorld,
  verdict: NatFiltering,
  confidence: "high" | "medium" | "none",
  reason: string,
])[] = [
  [
    "the other address can connect",
    { dialBack: () => "connected" },
    "endpoint-independent",
    "high",
    "the server's other address, which had never been connected to, could connect",
  ],
  [
    "the other address can connect, and nobody looked who came",
    { dialBack: () => "connected", visitor: "nobody looked" },
    "endpoint-independent",
    "high",
    "the server's other address, which had never been connected to, could connect",
  ],
  [
    "only another port can connect",
    { dialBack: connectedIf(false) },
    "address-dependent",
    "medium",
    "another port of the server could connect, its other address could not",
  ],
  ...([["timed-out", "lost"], ["refused", "refused"], ["unreachable", "turned away"]] as const).map(
    ([outcome, word]) =>
      [
        `every dial-back is ${outcome}`,
        { dialBack: () => outcome },
        "address-and-port-dependent",
        "medium",
        `a connection from another port of the server was ${word} on the way`,
      ] as const,
  ),
  [
    "there is no other address and another port cannot connect",
    { other: undefined, dialBack: () => "timed-out" },
    "address-and-port-dependent",
    "medium",
    "a connection from another port of the server was lost on the way",
  ],
  [
    "there is no other address",
    { other: undefined, dialBack: () => "connected" },
    ...cannot(
      "another port can connect, and the server has no other address to try from",
    ),
  ],
  [
    "OTHER-ADDRESS has the same IP address",
    { other: "203.0.113.1:3479", dialBack: () => "connected" },
    ...cannot("another port can connect, and the server has no other address to try from"),
  ],
  [
    "the server has another address and cannot dial from it",
    { dialBack: (changeAddress) => changeAddress ? "unsupported" : "connected" },
    ...cannot("another port can connect, and the server has no other address to try from"),
  ],
  [
    "the server cannot dial at all",
    { dialBack: () => "unsupported" },
    ...cannot(
      "the server dials nobody back",
    ),
  ],
  [
    "the server may not dial",
    { dialBack: () => "not-permitted" },
    ...cannot(
      "the server dials nobody back just now",
    ),
  ],
  [
    "the server may not dial a second time",
    { dialBack: (changeAddress) => changeAddress ? "timed-out" : "not-permitted" },
    ...cannot("the server dials nobody back just now"),
  ],
  [
    "the server ignores DIAL-BACK",
    { dialBack: () => "ignored" },
    ...cannot(
      "the server does not know DIAL-BACK",
    ),
  ],
  [
    "the server without another address ignores DIAL-BACK",
    { other: undefined, dialBack: () => "ignored" },
    ...cannot("the server does not know DIAL-BACK"),
  ],
  [
    "the server falls silent",
    { dialBack: () => "silence" },
    ...cannot(
      "the server did not answer when it was asked to dial back",
    ),
  ],
  [
    "the server falls silent at the second dial-back",
    { dialBack: (changeAddress) => changeAddress ? "refused" : "silence" },
    ...cannot("the server did not answer when it was asked to dial back"),
  ],
  [
    "the local port cannot be listened on",
    { listening: false },
    ...cannot(
      "the local port cannot be listened on",
    ),
  ],
  [
    "nobody came",
    { dialBack: () => "connected", visitor: "none" },
    ...cannot(
      "the server could connect, but not to this host: something on the way answers for it",
    ),
  ],
  [
    "a stranger came",
    { dialBack: () => "connected", visitor: "a stranger" },
    ...cannot(
      "the server could connect, but not to this host: something on the way answers for it",
    ),
  ],
  [
    "the visitor came from the same address",
    { dialBack: () => "connected", visitor: "from the same address" },
    ...cannot("the server dialled back from the address that this host was connected to"),
  ],
  [
    "another port can connect, but nobody came",
    { dialBack: connectedIf(false), visitor: "none" },
    ...cannot(
      "the server could connect, but not to this host: something on the way answers for it",
    ),
  ],
];

for (const [name, world, value, confidence, reason] of FILTERING) {
  Deno.test(`discoverTcpNat() says ${value} filtering when ${name}`, () => {
    assertEquals(discoverIn(world).report.filtering, { value, confidence, reason });
  });
}

/** How mapping and the RFC 3489 name come out, where the filtering is endpoint-independent. */
const MAPPING: readonly (readonly [
  name: string,
  world: TcpNatWorld,
  mapping: TcpNatReport["mapping"]["value"],
  depends: boolean,
  classic: TcpNatReport["classic"],
])[] = [
  ["nothing is translated", { outside: (_, local) => local }, "none", false, "open"],
  ["all see one endpoint", {}, "endpoint-independent", false, "full-cone"],
  ["old servers see one endpoint", { old: true }, "endpoint-independent", false, "full-cone"],
  [
    "each address sees another endpoint",
    { outside: (to) => `198.51.100.7:${hostOf(to)}000` },
    "address-dependent",
    true,
    "symmetric",
  ],
  [
    "each address and port sees another endpoint",
    { outside: (to) => `198.51.100.7:${hostOf(to)}${to.slice(-3)}` },
    "address-and-port-dependent",
    true,
    "symmetric",
  ],
  [
    "only one address can be connected to",
    { deaf: { "203.0.113.2:3478": "timed-out", [OTHER]: "refused" } },
    "unknown",
    false,
    "unknown",
  ],
  [
    "the others are connected and do not answer",
    { mute: ["203.0.113.2:3478", OTHER] },
    "unknown",
    false,
    "unknown",
  ],
];

for (const [name, world, mapping, depends, classic] of MAPPING) {
  Deno.test(`discoverTcpNat() says ${mapping} mapping and ${classic} when ${name}`, () => {
    const { report } = discoverIn({ dialBack: () => "connected", ...world });
    assertEquals(
      [report.mapping.value, report.mapping.depends, report.classic],
      [mapping, depends, classic],
    );
  });
}

for (
  const [classic, world] of [
    ["restricted-cone", { dialBack: connectedIf(false) }],
    ["port-restricted-cone", { dialBack: () => "timed-out" }],
    ["firewall", { dialBack: () => "timed-out", outside: (_: string, local: string) => local }],
    ["unknown", { dialBack: () => "ignored" }],
  ] as const satisfies readonly (readonly [TcpNatReport["classic"], TcpNatWorld])[]
) {
  Deno.test(`discoverTcpNat() calls it ${classic}`, () => {
    assertEquals(discoverIn(world).report.classic, classic);
  });
}

Deno.test("discoverTcpNat() asks what it has to and nothing else, and keeps it as evidence", () => {
  const { report, log } = discoverIn({ dialBack: connectedIf(false) });
  const here = `${LOCAL}:1001`;
  const beside = `${LOCAL}:1002`;
  const there = `${LOCAL}:1003`;
  assertEquals(log, [
    `connect filter 1 -> ${SERVER}`,
    `ask ${SERVER}`,
    `connect filter 1 b -> ${SERVER}, ${SERVER}`,
    "listen filter 1",
    "listen filter 1 b",
    "listen filter 1 c",
    ...threeTimes(`ask ${SERVER} to dial back from another address`),
    ...threeTimes(`ask ${SERVER} to dial back`),
    `connect mapping -> ${SERVER}, 203.0.113.2:3478, ${OTHER}, 203.0.113.1:3479`,
    `ask ${SERVER}`,
    "ask 203.0.113.2:3478",
    `ask ${OTHER}`,
    "ask 203.0.113.1:3479",
  ]);
  assertEquals([report.reachable, report.local, report.reflexive].map(plain), [
    true,
    here,
    OUTSIDE,
  ]);
  const mapped = (to: string) => ({
    ...line(to, there, "mapping", "binding"),
    from: to,
    reflexive: OUTSIDE,
    rttMs: 9,
  });
  assertEquals(report.evidence.map(plainLine), [
    {
      ...line(SERVER, here, "filter", "binding"),
      from: SERVER,
      reflexive: OUTSIDE,
      rttMs: 9,
    },
    ...[here, beside, beside].map((local) => ({
      ...line(SERVER, local, "filter", "dial-back from another address"),
      from: SERVER,
      note: "timed-out",
      rttMs: 9,
    })),
    ...[here, beside, beside].map((local) => ({
      ...line(SERVER, local, "filter", "dial-back from another port"),
      from: SERVER,
      note: "connected from 203.0.113.1:50000",
      rttMs: 9,
    })),
    ...[SERVER, "203.0.113.2:3478", OTHER, "203.0.113.1:3479"].map(mapped),
  ]);
});

for (
  const [note, world] of [
    ["no DIAL-BACK-RESULT", { dialBack: () => "ignored" }],
    ["no answer", { dialBack: () => "silence" }],
    ["connected, but nobody came", { dialBack: () => "connected", visitor: "none" }],
    ["unsupported", { dialBack: () => "unsupported" }],
  ] as const satisfies readonly (readonly [string, TcpNatWorld])[]
) {
  Deno.test(`discoverTcpNat() notes of a dial-back: ${note}`, () => {
    assertEquals(discoverIn(world).report.evidence[1]!.note, note);
  });
}

Deno.test("discoverTcpNat() tests each server from a port that no other server has seen", () => {
  const servers = ["203.0.113.3:3478", "203.0.113.2:3478", SERVER];
  const { report, log } = discoverIn({
    servers,
    deaf: { "203.0.113.3:3478": "timed-out" },
    mute: ["203.0.113.2:3478"],
    dialBack: () => "connected",
  });
  assertEquals(log.slice(0, 6), [
    "connect filter 1 -> 203.0.113.3:3478",
    "connect filter 2 -> 203.0.113.2:3478",
    "ask 203.0.113.2:3478",
    `connect filter 3 -> ${SERVER}`,
    `ask ${SERVER}`,
    `connect filter 3 b -> ${SERVER}, ${SERVER}`,
  ]);
  assertEquals(report.filtering.value, "endpoint-independent");
  assertEquals(report.evidence.slice(0, 2).map(plainLine), [
    { ...line("203.0.113.3:3478", "0.0.0.0:0", "filter", "connect"), note: "timed-out" },
    line("203.0.113.2:3478", `${LOCAL}:1002`, "filter", "binding"),
  ]);
});

Deno.test("discoverTcpNat() is blocked when no server can be connected to", () => {
  const reason = "no server could be connected to";
  const { report, log } = discoverIn({ deaf: { [SERVER]: "refused" } });
  assertEquals(log, [`connect filter 1 -> ${SERVER}`]);
  assertEquals({ ...report, evidence: report.evidence.map(plainLine) }, {
    reachable: false,
    reflexive: undefined,
    local: undefined,
    mapping: { value: "unknown", confidence: "none", reason, depends: false },
    filtering: { value: "unknown", confidence: "none", reason },
    classic: "blocked",
    evidence: [{ ...line(SERVER, "0.0.0.0:0", "filter", "connect"), note: "refused" }],
  });
});

for (const other of ["0.0.0.0:3479", "203.0.113.2:0", "[2001:db8::1]:3479"]) {
  Deno.test(`discoverTcpNat() does not connect to where an OTHER-ADDRESS of ${other} leads`, () => {
    const { log } = discoverIn({ other, dialBack: () => "unsupported" });
    const [, targets] = log.find((line) => line.startsWith("connect mapping"))!.split(" -> ");
    const strange = targets!.split(", ").filter((to) => /^0|:0$|^\[/.test(to));
    assertEquals(strange, []);
  });
}

Deno.test("discoverTcpNat() asks plain servers for the mapping too, each once", () => {
  const second = "203.0.113.9:3478";
  const { log } = discoverIn({ servers: [SERVER, second, SERVER], other: undefined });
  assertEquals(
    log.find((line) => line.startsWith("connect mapping")),
    `connect mapping -> ${SERVER}, ${second}`,
  );
});

function threeTimes(entry: string): readonly string[] {
  return [entry, entry, entry];
}

function line(to: string, local: string, socket: string, asks: string): Record<string, unknown> {
  return { transport: "tcp", socket, local, to, asks, attempts: 1 };
}

function plainLine(evidence: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(evidence).map(([key, value]) => [key, plain(value)]));
}

function plain(value: unknown): unknown {
  return typeof value === "object" && value !== null && "ip" in value
    ? formatSocketAddress(value as SocketAddress)
    : value;
}

/** The last part of an IPv4 address. */
function hostOf(address: string): string {
  return address.split(":")[0]!.split(".")[3]!;
}

function cannot(why: string): ["unknown", "none", string] {
  return ["unknown", "none", `this cannot be told: ${why}`];
}
