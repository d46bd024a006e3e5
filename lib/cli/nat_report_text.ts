import {
  type NatReport,
  type PeerPrediction,
  predictPeers,
  summarize,
  type TcpNatReport,
  type UdpNatReport,
} from "../protocol/mod.ts";
import { formatSocketAddress, isUnspecifiedIp, type SocketAddress } from "../wire/mod.ts";

/** A NAT report as `pinhole nat` prints it for people. */
export function natReportText(report: NatReport): string {
  const { udp, tcp, lifetime, fragments } = report;
  const sections = [
    drawing(report),
    [...udp === undefined ? [] : table("UDP", udp), ...tcp === undefined ? [] : table("TCP", tcp)],
    [
      ...udp === undefined ? [] : row("Hairpinning", udp.hairpinning.value, udp.hairpinning.reason),
      ...lifetime === undefined ? [] : row("Lifetime", lifetimeWord(lifetime), lifetime.reason),
      ...fragments === undefined ? [] : row("Fragments", fragments.value, fragments.reason),
    ],
    summarize(report),
    predictions(report),
  ];
  return sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n")).join("\n\n");
}

/** Host, NAT and server, and the addresses between them. */
function drawing({ udp, tcp }: NatReport): readonly string[] {
  const part = udp?.reachable ? udp : tcp?.reachable ? tcp : undefined;
  const server = part?.evidence.find(({ from }) => from !== undefined)?.to;
  if (part?.reflexive === undefined || server === undefined) return [];
  const boxes = part.mapping.value === "none"
    ? [box("this host", endpoint(part.local)), box("server", formatSocketAddress(server))]
    : [
      box("this host", endpoint(part.local)),
      box("NAT", formatSocketAddress(part.reflexive)),
      box("server", formatSocketAddress(server)),
    ];
  return [0, 1, 2, 3].map((line) =>
    boxes.map((one) => one[line]).join(line === 2 ? "───▶" : "    ").trimEnd()
  );
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
    ...row("  Mapping", part.mapping.value, part.mapping.reason),
    ...row("  Filtering", part.filtering.value, part.filtering.reason),
    ..."portPreservation" in part
      ? row("  Port kept", part.portPreservation.value, part.portPreservation.reason)
      : [],
  ];
}

function row(name: string, value: string, reason: string): readonly string[] {
  return [`${name.padEnd(13)}${value.padEnd(27)}${reason}`.trimEnd()];
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
