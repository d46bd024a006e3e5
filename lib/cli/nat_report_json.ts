import {
  type NatEvidence,
  type NatReport,
  predictPeers,
  summarize,
  type TcpNatReport,
  type UdpNatReport,
} from "../protocol/discovery/mod.ts";
import { formatSocketAddress, type SocketAddress } from "../wire/mod.ts";

/** A NAT report as `pinhole nat --json` prints it: addresses as text, durations in ms. */
export function natReportJson(report: NatReport): Record<string, unknown> {
  const { udp, tcp, lifetime, fragments } = report;
  return {
    family: report.family,
    udp: udp && part(udp),
    tcp: tcp && part(tcp),
    hairpinning: udp?.hairpinning.value ?? "unknown",
    ...lifetime && {
      lifetime: {
        measured: lifetime.measured,
        aliveMs: lifetime.aliveMs,
        goneMs: lifetime.goneMs ?? null,
        reason: lifetime.reason,
      },
    },
    ...fragments && { fragments: fragments.value },
    summary: summarize(report),
    predictions: {
      ...udp?.reachable && { udp: predictPeers(udp) },
      ...tcp?.reachable && { tcp: predictPeers(tcp) },
    },
    servers: (udp?.servers ?? []).map(({ address, answered, other, filtering }) => ({
      server: formatSocketAddress(address),
      answered,
      otherAddress: text(other),
      filtering: filtering.value,
      reason: filtering.reason,
    })),
    evidence: [...udp?.evidence ?? [], ...tcp?.evidence ?? []].map(evidence),
  };
}

function part(found: UdpNatReport | TcpNatReport): Record<string, unknown> {
  const { mapping, filtering } = found;
  const confidences = [mapping.confidence, filtering.confidence];
  return {
    reachable: found.reachable,
    reflexive: text(found.reflexive),
    local: text(found.local),
    mapping: mapping.value,
    filtering: filtering.value,
    classic: found.classic,
    confidence: (["none", "medium"] as const).find((one) => confidences.includes(one)) ?? "high",
    mappingConfidence: mapping.confidence,
    filteringConfidence: filtering.confidence,
    reason: `mapping: ${mapping.reason}; filtering: ${filtering.reason}`,
    ..."portPreservation" in found && { portPreservation: found.portPreservation.value },
  };
}

function evidence(line: NatEvidence): Record<string, unknown> {
  const { transport, socket, asks, errorCode, note, attempts, rttMs } = line;
  return {
    transport,
    socket,
    local: formatSocketAddress(line.local),
    to: formatSocketAddress(line.to),
    asks,
    from: text(line.from),
    reflexive: text(line.reflexive),
    ...errorCode === undefined ? {} : { errorCode },
    ...note === undefined ? {} : { note },
    attempts,
    ...rttMs === undefined ? {} : { rttMs: Math.round(rttMs * 1000) / 1000 },
  };
}

function text(address: SocketAddress | undefined): string | null {
  return address === undefined ? null : formatSocketAddress(address);
}
