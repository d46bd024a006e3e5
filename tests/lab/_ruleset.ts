// nftables rules of a router, one table for each family. The interface to the public segment is
// called `wan`, the one to the host `lan`.

import { mapsAlike, type NatKind, translates } from "./nat_kind.ts";

/** What the rules of one family are made of. */
export interface RulesetOptions {
  /** nft's name of the family. */
  readonly family: "ip" | "ip6";
  /** What the router does. */
  readonly kind: NatKind;
  /** The address of the host behind it. */
  readonly host: string;
  /** The router's address on the public segment. */
  readonly wan: string;
  /** What a packet gets that may not pass. */
  readonly refusal: Refusal;
  /** Whether the host reaches its own mappings by their public address. */
  readonly hairpin: boolean;
  /** Whether a mapping's public port differs from the local one. */
  readonly shiftPorts: boolean;
  /** Whose contacts an address-dependent filter goes by. */
  readonly memory: Memory;
  /** Lifetime of a UDP mapping, seconds. */
  readonly udpTimeout: number;
  /** Lifetime of an idle TCP mapping, seconds. */
  readonly tcpTimeout: number;
  /** How many packets of a thousand are lost, each way. */
  readonly lossPerMille: number;
}

/**
 * What a router does with a packet that may not pass: nothing; what a computer with closed ports
 * does (RST, ICMP port unreachable); ICMP "administratively prohibited".
 */
export type Refusal = "drop" | "reset" | "icmp";

/**
 * Whose contacts open an address-dependent filter: those of the one port (RFC 4787 section 5), or
 * those of every port of the host, as simpler routers have it.
 */
export type Memory = "port" | "host";

/** Everything, in place of what was there. Mappings that conntrack knows stay. */
export function ruleset(options: RulesetOptions): string {
  const { family, kind } = options;
  const address = family === "ip" ? "ipv4_addr" : "ipv6_addr";
  return `
table ${family} pinhole
delete table ${family} pinhole
table ${family} pinhole {
  # Keyed by public ports
  set mapped {
    type inet_proto . inet_service
    size 65536
    flags dynamic,timeout
  }
  set contacted {
    type inet_proto . inet_service . ${address}
    size 65536
    flags dynamic,timeout
  }
  set known {
    type inet_proto . ${address}
    size 65536
    flags dynamic,timeout
  }
  chain loss {
  }
  chain refuse {
    ${refuse(options).join("\n    ")}
  }
  chain input {
    type filter hook input priority filter
    # Dropped before they are confirmed, strangers' packets leave no trace in conntrack; otherwise
    # they would take the port from the mapping that a punch is about to make.
    meta l4proto { tcp, udp } iifname { wan, lan } ct state != { established, related } jump refuse
  }
  chain forward {
    type filter hook forward priority filter
    jump loss
    ${forward(options).join("\n    ")}
  }
  chain track {
    # After the source has been translated
    type filter hook postrouting priority 110
  }
  ${translates(kind) ? nat(options) : ""}
}
${trackRules(options)}
${lossRules(options)}
`;
}

/** The rules that keep mappings open, anew: what is mapped stays. */
export function trackRules({ family, udpTimeout, tcpTimeout }: RulesetOptions): string {
  const rules = [["udp", udpTimeout], ["tcp", tcpTimeout]].flatMap(([protocol, timeout]) => {
    const match = `oifname wan meta l4proto ${protocol} update`;
    const port = "meta l4proto . th sport";
    return [
      `${match} @mapped { ${port} timeout ${timeout}s }`,
      `${match} @contacted { ${port} . ${family} daddr timeout ${timeout}s }`,
      `${match} @known { meta l4proto . ${family} daddr timeout ${timeout}s }`,
    ];
  });
  return replaced(family, "track", rules);
}

/** The rule that loses packets, anew. */
export function lossRules({ family, lossPerMille }: RulesetOptions): string {
  // nft refuses a comparison that is always true
  const rule = lossPerMille >= 1000 ? "drop" : `numgen random mod 1000 < ${lossPerMille} drop`;
  return replaced(family, "loss", lossPerMille === 0 ? [] : [rule]);
}

/** Empties what the rules remember of mappings; conntrack has its own memory. */
export function forgetRules({ family }: RulesetOptions): string {
  return ["mapped", "contacted", "known"].map((set) => `flush set ${family} pinhole ${set}\n`)
    .join("");
}

function replaced(family: string, chain: string, rules: readonly string[]): string {
  return [
    `flush chain ${family} pinhole ${chain}`,
    ...rules.map((rule) => `add rule ${family} pinhole ${chain} ${rule}`),
    "",
  ].join("\n");
}

function refuse({ family, refusal }: RulesetOptions): string[] {
  const icmp = family === "ip" ? "icmp" : "icmpv6";
  switch (refusal) {
    case "drop":
      return ["drop"];
    case "reset":
      return [
        "meta l4proto tcp reject with tcp reset",
        `reject with ${icmp} port-unreachable`,
      ];
    case "icmp":
      return [`reject with ${icmp} admin-prohibited`];
  }
}

function forward({ kind }: RulesetOptions): string[] {
  return [
    // The middle of a connection that was forgotten; untranslated it must not leave
    "ct state invalid drop",
    ...(kind === "udp-blocked" ? ["meta l4proto udp drop"] : []),
    ...(kind === "open" ? [] : [
      "iifname wan ct state { established, related } accept",
      "iifname wan ct status dnat accept",
      "iifname wan jump refuse",
    ]),
  ];
}

function nat(options: RulesetOptions): string {
  return `
  chain prerouting {
    type nat hook prerouting priority dstnat
    ${inward(options).join("\n    ")}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ${outward(options).join("\n    ")}
  }`;
}

function inward(options: RulesetOptions): string[] {
  const { family, kind, host, wan, memory, hairpin, shiftPorts } = options;
  const toHost = shiftPorts ? `dnat to ${host} : th dport xor ${SHIFT}` : `dnat to ${host}`;
  const mapped = "meta l4proto . th dport @mapped";
  const contacted = memory === "port"
    ? `meta l4proto . th dport . ${family} saddr @contacted`
    : `${mapped} meta l4proto . ${family} saddr @known`;
  const match = (device: string) =>
    `iifname ${device} ${family} daddr ${wan} meta l4proto { tcp, udp }`;
  return [
    ...(kind === "full-cone" ? [`${match("wan")} ${mapped} ${toHost}`] : []),
    ...(kind === "address-restricted" ? [`${match("wan")} ${contacted} ${toHost}`] : []),
    ...(hairpin ? [`${match("lan")} ${mapped} ${toHost}`] : []),
  ];
}

function outward({ family, kind, host, wan, hairpin, shiftPorts }: RulesetOptions): string[] {
  const shifted = `: th sport xor ${SHIFT}`;
  const match = `${family} saddr ${host} meta l4proto { tcp, udp }`;
  return [
    // RFC 4787 REQ-9: the host sees its own packet come from the public address and port
    ...(hairpin
      ? [`oifname lan ${match} ct status dnat snat to ${wan} ${shiftPorts ? shifted : ""}`]
      : []),
    ...(shiftPorts && mapsAlike(kind) ? [`oifname wan ${match} masquerade to ${shifted}`] : []),
    `oifname wan ${family} saddr ${host} masquerade ${kind === "symmetric" ? "fully-random" : ""}`,
  ];
}

// Its own inverse, and an ephemeral port stays one: 32,768-60,999 become 32,768-63,047.
const SHIFT = 0x0800;
