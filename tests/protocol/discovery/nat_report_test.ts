import { assertEquals } from "@std/assert";
import {
  type BindingLifetime,
  completeness,
  type NatFiltering,
  type NatMapping,
  type NatReport,
  predictPeers,
  summarize,
  type TcpNatReport,
  type UdpNatReport,
  type Verdict,
} from "../../../lib/protocol/discovery/mod.ts";
import { NAT_PRESETS, type NatPresetName } from "../../sim/mod.ts";
import { discover, FULL, NAT_CASES, PLAIN } from "./nat_discovery_cases.ts";

const BLOCKED = udp("blocked");

for (
  const [expected, when, parts] of [
    ["complete", "UDP is told completely and TCP was not tested", { udp: udp("symmetric") }],
    ["complete", "TCP is told completely and UDP was not tested", { tcp: tcp({}) }],
    ["complete", "both are told completely", { udp: udp("open"), tcp: tcp({}) }],
    ["partial", "the mapping is unknown", { tcp: tcp({ mapping: "unknown" }) }],
    ["partial", "the filtering is unknown", { tcp: tcp({ filtering: "unknown" }) }],
    ["partial", "one of two is told completely", {
      udp: udp("open"),
      tcp: tcp({ filtering: "unknown" }),
    }],
    ["partial", "UDP is blocked and TCP is not", { udp: BLOCKED, tcp: tcp({}) }],
    ["partial", "TCP is blocked and UDP is not", {
      udp: udp("open"),
      tcp: tcp({ reachable: false }),
    }],
    ["blocked", "UDP is blocked and TCP was not tested", { udp: BLOCKED }],
    ["blocked", "both are blocked", { udp: BLOCKED, tcp: tcp({ reachable: false }) }],
  ] as const
) {
  Deno.test(`completeness() is ${expected} when ${when}`, () => {
    assertEquals(completeness(report(parts)), expected);
  });
}

const YES = ["yes", "yes", "yes", "yes", "yes"] as const;
/** A host's NAT, and whether it comes together with an open host, the three cones, a symmetric NAT. */
const PEERS: Readonly<Record<NatPresetName, readonly ("yes" | "no" | "unknown")[]>> = {
  "open": YES,
  "full-cone": YES,
  "restricted-cone": YES,
  "port-restricted-cone": ["yes", "yes", "yes", "yes", "no"],
  "symmetric": ["yes", "yes", "yes", "no", "no"],
  "symmetric-sequential": ["yes", "yes", "yes", "no", "no"],
  "symmetric-address-dependent": ["yes", "yes", "yes", "no", "no"],
  "firewall": ["yes", "yes", "yes", "yes", "no"],
  "blocked": ["no", "no", "no", "no", "no"],
  "cgn": ["yes", "yes", "yes", "yes", "no"],
  "cgn-symmetric": ["yes", "yes", "yes", "no", "no"],
  "hairpin-external": ["yes", "yes", "yes", "yes", "no"],
  "hairpin-internal": ["yes", "yes", "yes", "yes", "no"],
};

for (const [name, expected] of Object.entries(PEERS)) {
  Deno.test(`predictPeers() takes a report as it is: ${name}`, () => {
    const peers = predictPeers(udp(name as NatPresetName));
    assertEquals(peers.map(({ peer, will }) => [peer, will]), [
      ["open", expected[0]],
      ["full cone", expected[1]],
      ["restricted cone", expected[2]],
      ["port-restricted cone", expected[3]],
      ["symmetric", expected[4]],
    ]);
  });
}

const PLACE = "Anybody can reach this host at its public address while it is in use.";
const PUNCHED =
  "Only addresses and ports that this host has sent to can reach it: a peer has to be punched to.";
const SENT_TO = "Only addresses that this host has sent to can reach it.";
const OPEN_QUESTION = "Who can reach this host could not be told.";
const MOVES =
  " The public port is another one for each destination: what a server sees is of no use to others.";
const LOCALLY = "Two hosts behind this NAT have to use their local addresses with each other.";
const TURNED = "Two hosts behind this NAT reach each other by their public addresses too.";

for (
  const [name, lines] of [
    ["open", [`UDP: no NAT and no firewall. ${PLACE}`]],
    ["full-cone", [`UDP: a full cone NAT. ${PLACE}`, LOCALLY]],
    ["restricted-cone", [`UDP: an (address-)restricted cone NAT. ${SENT_TO}`, LOCALLY]],
    ["port-restricted-cone", [`UDP: a port-restricted cone NAT. ${PUNCHED}`, LOCALLY]],
    ["hairpin-external", [`UDP: a port-restricted cone NAT. ${PUNCHED}`, TURNED]],
    ["symmetric", [`UDP: a symmetric NAT. ${PUNCHED}${MOVES}`]],
    ["firewall", [`UDP: no NAT, but a firewall. ${PUNCHED}`]],
    ["blocked", ["UDP: blocked, or no server answers."]],
  ] as const
) {
  Deno.test(`summarize() says in words what it means: ${name}`, () => {
    assertEquals(summarize(report({ udp: udp(name) })), lines);
  });
}

for (
  const [name, servers, line] of [
    ["open", [PLAIN], `UDP: no NAT. ${OPEN_QUESTION}`],
    ["full-cone", [PLAIN], `UDP: a NAT that could not be told completely. ${OPEN_QUESTION}`],
    [
      "symmetric",
      [PLAIN, { ips: ["203.0.113.1"] }],
      `UDP: a symmetric NAT. ${OPEN_QUESTION}${MOVES}`,
    ],
  ] as const
) {
  Deno.test(`summarize() does not say more than plain servers can tell: ${name}`, () => {
    const { report: udp } = discover({ boxes: NAT_PRESETS[name].boxes, servers });
    assertEquals(summarize(report({ udp }))[0], line);
  });
}

Deno.test("summarize() has a line for each transport", () => {
  const lines = summarize(report({ udp: BLOCKED, tcp: tcp({}) }));
  assertEquals(lines, ["UDP: blocked, or no server answers.", `TCP: a full cone NAT. ${PLACE}`]);
});

for (
  const [lifetime, lines] of [
    [
      { measured: true, aliveMs: 60_000, goneMs: 62_500, reason: "" },
      ["A UDP mapping lives for 60 s to 63 s of silence: send something every 30 s."],
    ],
    [
      { measured: true, aliveMs: 0, goneMs: 5_000, reason: "" },
      ["A UDP mapping lives for 0 s to 5 s of silence: send something every 1 s."],
    ],
    [
      { measured: true, aliveMs: 600_000, goneMs: undefined, reason: "" },
      ["A UDP mapping outlives 600 s of silence."],
    ],
    [{ measured: false, aliveMs: 0, goneMs: undefined, reason: "" }, []],
  ] as const satisfies readonly (readonly [BindingLifetime, readonly string[]])[]
) {
  Deno.test(`summarize() says how often to send: ${JSON.stringify(lifetime)}`, () => {
    assertEquals(summarize(report({ lifetime })), lines);
  });
}

for (
  const [value, lines] of [
    ["no", ["UDP datagrams that do not fit one packet are lost: keep them below 1,200 bytes."]],
    ["yes", []],
    ["unknown", []],
  ] as const
) {
  Deno.test(`summarize() warns of lost fragments: ${value}`, () => {
    const fragments: Verdict<"yes" | "no" | "unknown"> = { value, confidence: "high", reason: "" };
    assertEquals(summarize(report({ fragments })), lines);
  });
}

Deno.test("summarize() and predictPeers() take every report that a discovery makes", () => {
  for (const { boxes } of NAT_CASES) {
    const { report: udp } = discover({ boxes, servers: [FULL] });
    assertEquals(summarize(report({ udp }))[0]!.startsWith("UDP: "), true);
    assertEquals(predictPeers(udp).length, 5);
  }
});

function report(parts: Partial<NatReport>): NatReport {
  return {
    family: 4,
    udp: undefined,
    tcp: undefined,
    lifetime: undefined,
    fragments: undefined,
    ...parts,
  };
}

function udp(name: NatPresetName): UdpNatReport {
  return discover({ boxes: NAT_PRESETS[name].boxes, servers: [FULL] }).report;
}

/** A full cone over TCP, where nothing else is said. */
function tcp(
  { reachable = true, mapping = "endpoint-independent", filtering = "endpoint-independent" }: {
    readonly reachable?: boolean;
    readonly mapping?: NatMapping;
    readonly filtering?: NatFiltering;
  },
): TcpNatReport {
  const verdict = { confidence: "high", reason: "" } as const;
  return {
    reachable,
    reflexive: undefined,
    local: undefined,
    mapping: { ...verdict, value: reachable ? mapping : "unknown", depends: false },
    filtering: { ...verdict, value: reachable ? filtering : "unknown" },
    classic: reachable ? "full-cone" : "blocked",
    evidence: [],
  };
}
