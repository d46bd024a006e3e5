import type { Verdict } from "./nat_behaviour.ts";
import { type NatProbeResult, reflexiveOf } from "./nat_probe.ts";

/**
 * Judges whether a NAT keeps the ports of the sockets behind it (RFC 4787 section 4.2.1), by all
 * that servers have said. One that does so as long as a port is free, and gives each destination a
 * port of its own, does not keep them all: `"no"`.
 */
export function judgePortPreservation(
  results: readonly NatProbeResult[],
): Verdict<"yes" | "no" | "unknown"> {
  const seen = results.flatMap((result) => {
    const reflexive = reflexiveOf(result);
    return reflexive === undefined ? [] : [reflexive.port === result.local.port];
  });
  const kept = seen.filter((same) => same).length;
  if (seen.length === 0) {
    return { value: "unknown", confidence: "none", reason: "no server tells what it sees" };
  }
  return {
    value: kept === seen.length ? "yes" : "no",
    confidence: "high",
    reason: `${kept} of ${seen.length} answers show the port of the socket itself`,
  };
}
