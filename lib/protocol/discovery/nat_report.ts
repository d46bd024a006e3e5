import type { AddressFamily } from "../../wire/mod.ts";
import type { BindingLifetime } from "./binding_lifetime.ts";
import type { Verdict } from "./nat_behaviour.ts";
import { predictPunch, type PunchPrediction, type PunchSide } from "./punch_prediction.ts";
import type { TcpNatReport } from "./tcp_nat_discovery.ts";
import type { UdpNatReport } from "./udp_nat_report.ts";

/** What a NAT does to this host, in one address family. */
export interface NatReport {
  /** The address family. */
  readonly family: AddressFamily;
  /** What it does to UDP; absent if that was not tested. */
  readonly udp: UdpNatReport | undefined;
  /** What it does to TCP; absent if that was not tested. */
  readonly tcp: TcpNatReport | undefined;
  /** For how long a UDP mapping lives; absent if that was not tested. */
  readonly lifetime: BindingLifetime | undefined;
  /** Whether UDP fragments pass; absent if that was not tested. */
  readonly fragments: Verdict<"yes" | "no" | "unknown"> | undefined;
}

/** How complete a report is. */
export type NatReportCompleteness = "complete" | "partial" | "blocked";

/** Whether a report tells mapping and filtering of all that was tested, some of it, or nothing. */
export function completeness(report: NatReport): NatReportCompleteness {
  const parts = [report.udp, report.tcp].filter((part) => part !== undefined);
  if (parts.every(({ reachable }) => !reachable)) return "blocked";
  const complete = parts.every(({ mapping, filtering }) =>
    mapping.value !== "unknown" && filtering.value !== "unknown"
  );
  return complete ? "complete" : "partial";
}

/** A kind of NAT that a peer may be behind, and whether a punch with it will succeed. */
export interface PeerPrediction extends PunchPrediction {
  /** The kind, by the name that RFC 3489 gave it. */
  readonly peer: string;
}

/** Predicts a punch with a peer behind each kind of NAT. */
export function predictPeers(side: PunchSide): readonly PeerPrediction[] {
  return PEERS.map(({ peer, ...other }) => ({ peer, ...predictPunch(side, other) }));
}

/** What a report means, in sentences for a person. */
export function summarize(report: NatReport): readonly string[] {
  const lines: string[] = [];
  if (report.udp !== undefined) lines.push(...describe("UDP", report.udp));
  if (report.tcp !== undefined) lines.push(...describe("TCP", report.tcp));
  const hairpinning = report.udp?.hairpinning.value;
  if (hairpinning === "yes") {
    lines.push("Two hosts behind this NAT reach each other by their public addresses too.");
  } else if (hairpinning === "no") {
    lines.push("Two hosts behind this NAT have to use their local addresses with each other.");
  }
  if (report.lifetime?.measured === true) {
    const { aliveMs, goneMs } = report.lifetime;
    lines.push(
      goneMs === undefined
        ? `A UDP mapping outlives ${seconds(aliveMs)} of silence.`
        : `A UDP mapping lives for ${seconds(aliveMs)} to ${seconds(goneMs)} of silence: ` +
          `send something every ${seconds(Math.max(1000, aliveMs / 2))}.`,
    );
  }
  if (report.fragments?.value === "no") {
    lines.push("UDP datagrams that do not fit one packet are lost: keep them below 1,200 bytes.");
  }
  return lines;
}

function describe(name: string, part: UdpNatReport | TcpNatReport): readonly string[] {
  if (!part.reachable) return [`${name}: blocked, or no server answers.`];
  const kind = part.classic === "unknown" && part.mapping.value === "none"
    ? "no NAT"
    : KINDS[part.classic];
  const reach = REACH[part.filtering.value];
  const moves = part.mapping.depends
    ? " The public port is another one for each destination: what a server sees is of no use to others."
    : "";
  return [`${name}: ${kind}. ${reach}${moves}`];
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

const KINDS: Readonly<Record<UdpNatReport["classic"], string>> = {
  "open": "no NAT and no firewall",
  "full-cone": "a full cone NAT",
  "restricted-cone": "an (address-)restricted cone NAT",
  "port-restricted-cone": "a port-restricted cone NAT",
  "symmetric": "a symmetric NAT",
  "firewall": "no NAT, but a firewall",
  "blocked": "blocked",
  "unknown": "a NAT that could not be told completely",
};

const REACH: Readonly<Record<UdpNatReport["filtering"]["value"], string>> = {
  "endpoint-independent": "Anybody can reach this host at its public address while it is in use.",
  "address-dependent": "Only addresses that this host has sent to can reach it.",
  "address-and-port-dependent":
    "Only addresses and ports that this host has sent to can reach it: a peer has to be punched to.",
  "unknown": "Who can reach this host could not be told.",
};

const CONE = { value: "endpoint-independent", depends: false } as const;
const PEERS: readonly (PunchSide & { readonly peer: string })[] = [
  {
    peer: "open",
    reachable: true,
    mapping: { value: "none", depends: false },
    filtering: { value: "endpoint-independent" },
  },
  {
    peer: "full cone",
    reachable: true,
    mapping: CONE,
    filtering: { value: "endpoint-independent" },
  },
  {
    peer: "restricted cone",
    reachable: true,
    mapping: CONE,
    filtering: { value: "address-dependent" },
  },
  {
    peer: "port-restricted cone",
    reachable: true,
    mapping: CONE,
    filtering: { value: "address-and-port-dependent" },
  },
  {
    peer: "symmetric",
    reachable: true,
    mapping: { value: "address-and-port-dependent", depends: true },
    filtering: { value: "address-and-port-dependent" },
  },
];
