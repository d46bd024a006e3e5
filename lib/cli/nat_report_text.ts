import {
  type NatReport,
  type PeerPrediction,
  predictPeers,
  summarize,
  type TcpNatReport,
  type UdpNatReport,
  type Verdict,
} from "../protocol/discovery/mod.ts";
import { formatSocketAddress, isUnspecifiedIp, type SocketAddress } from "../wire/mod.ts";
import { COLUMNS, wrapText } from "./wrap_text.ts";

/** A NAT report as `pinhole nat` prints it for people, on lines of at most 80 columns. */
export function natReportText(report: NatReport): string {
  const { udp, tcp, lifetime, fragments } = report;
  const sections = [
    drawing(report),
    [...udp === undefined ? [] : table("UDP", udp), ...tcp === undefined ? [] : table("TCP", tcp)],
    [
      ...udp === undefined ? [] : verdict("Hairpinning", udp.hairpinning),
      ...lifetime === undefined ? [] : row("Lifetime", lifetimeWord(lifetime), lifetime.reason),
      ...fragments === undefined ? [] : verdict("Fragments", fragments),
    ],
    udp === undefined ? [] : servers(udp),
    summarize(report).flatMap((sentences) => wrapText(sentences, 0)),
    predictions(report),
  ];
  return sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n")).join("\n\n");
}

/** Host, NAT and server, and the addresses between them; one below the other if they are wide. */
function drawing({ udp, tcp }: NatReport): readonly string[] {
  const part = udp?.reachable ? udp : tcp?.reachable ? tcp : undefined;
  const server = part?.evidence.find(({ from }) => from !== undefined)?.to;
  if (part?.reflexive === undefined || server === undefined) return [];
  const places: readonly (readonly [string, string])[] = [
    ["this host", endpoint(part.local)],
    ...part.mapping.value === "none" ? [] : [["NAT", formatSocketAddress(part.reflexive)]] as const,
    ["server", formatSocketAddress(server)],
  ];
  const boxes = places.map(([title, address]) => box(title, address));
  const rows = [0, 1, 2, 3].map((line) =>
    boxes.map((one) => one[line]).join(line === 2 ? "───▶" : "    ")
  );
  if (rows[0]!.length <= COLUMNS) return rows;
  const width = Math.max(...places.map(([, address]) => address.length));
  return places.flatMap(([title, address], i) => [
    ...i === 0 ? [] : ["     ▼"],
    ...box(title, address.padEnd(width)),
  ]);
}

function box(title: string, address: string): readonly string[] {
  const width = Math.max(title.length, address.length) + 2;
  const line = (text: string) => `│ ${text.padEnd(width - 2)} │`;
  return [`┌${"─".repeat(width)}┐`, line(title), line(address), `└${"─".repeat(width)}┘`];
}

function table(name: string, part: UdpNatReport | TcpNatReport): readonly string[] {
  if (!part.reachable) return row(name, "blocked", part.mapping.reason);
  return [
    ...row(name, part.classic, ""),
    ...verdict("  Mapping", part.mapping),
    ...verdict("  Filtering", part.filtering),
    ..."portPreservation" in part ? verdict("  Port kept", part.portPreservation) : [],
  ];
}

function verdict(name: string, found: Verdict<string>): readonly string[] {
  return row(name, valueOf(found), found.reason);
}

/** A verdict's value, and how sure it is where that is not quite. */
function valueOf({ value, confidence }: Verdict<string>): string {
  return confidence === "medium" ? `${value}, medium confidence` : value;
}

function row(name: string, value: string, reason: string): readonly string[] {
  return [name.padEnd(INDENT) + value, ...wrapText(reason, INDENT)];
}

/** What each of several servers showed of the filtering, so that a disagreement has names. */
function servers({ servers }: UdpNatReport): readonly string[] {
  if (servers.length < 2) return [];
  return [
    "Filtering, as each server shows it",
    ...servers.flatMap(({ address, filtering }) => [
      `  ${formatSocketAddress(address)}: ${valueOf(filtering)}`,
      ...wrapText(filtering.reason, INDENT),
    ]),
  ];
}

function lifetimeWord({ measured, aliveMs, goneMs }: NonNullable<NatReport["lifetime"]>): string {
  if (!measured) return "unknown";
  const alive = Math.round(aliveMs / 1000);
  return goneMs === undefined ? `over ${alive} s` : `${alive} to ${Math.round(goneMs / 1000)} s`;
}

function predictions({ udp, tcp }: NatReport): readonly string[] {
  const parts: (readonly [string, readonly PeerPrediction[]])[] = [];
  if (udp?.reachable) parts.push(["UDP", predictPeers(udp)]);
  if (tcp?.reachable) parts.push(["TCP", predictPeers(tcp)]);
  if (parts.length === 0) return [];
  const [, first] = parts[0]!;
  const words = { yes: "will punch", no: "will not: use a relay", unknown: "cannot be told" };
  return [
    `${"With a peer behind".padEnd(24)}${parts.map(([name]) => name.padEnd(24)).join("")}`
      .trimEnd(),
    ...first.map(({ peer }, i) =>
      `  ${peer.padEnd(22)}${parts.map(([, all]) => words[all[i]!.will].padEnd(24)).join("")}`
        .trimEnd()
    ),
  ];
}

function endpoint(address: SocketAddress | undefined): string {
  if (address === undefined) return "";
  return isUnspecifiedIp(address.ip) ? `port ${address.port}` : formatSocketAddress(address);
}

/** Where values and reasons begin. */
const INDENT = 13;
