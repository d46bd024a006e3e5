import { equalSocketAddresses } from "../../wire/mod.ts";
import type { MappingVerdict } from "./mapping_verdict.ts";
import type { Verdict } from "./nat_behaviour.ts";
import { type NatProbeResult, reflexiveOf } from "./nat_probe.ts";

/** What was seen of two sockets that sent to each other's outside endpoint. */
export interface HairpinningObservation {
  /** The two answers that told the outside endpoints. */
  readonly opened: readonly NatProbeResult[];
  /** What became of the two packets. */
  readonly arrivals: readonly NatProbeResult[];
  /** How the NAT maps. */
  readonly mapping: MappingVerdict;
}

/**
 * Judges whether the hosts behind a NAT reach each other by their outside endpoints (RFC 4787
 * section 6). An arrival proves it; a silence does only where the endpoint that a server saw is the
 * one for everybody.
 */
export function judgeHairpinning(
  seen: HairpinningObservation,
): Verdict<"yes" | "no" | "unknown"> {
  const arrived = seen.arrivals.find(({ answered }) => answered);
  if (arrived?.answered === true) {
    const outside = seen.opened.some((answer) => {
      const reflexive = reflexiveOf(answer);
      return reflexive !== undefined && equalSocketAddresses(reflexive, arrived.source);
    });
    const how = outside || seen.mapping.value !== "endpoint-independent"
      ? ""
      : ", though from its inside address (RFC 4787 REQ-9 wants the outside one)";
    return {
      value: "yes",
      confidence: "high",
      reason: `a packet to the outside endpoint of another port of this host came back in${how}`,
    };
  }
  if (seen.mapping.value === "endpoint-independent") {
    return {
      value: "no",
      confidence: "high",
      reason: "packets between the outside endpoints of two ports of this host do not arrive",
    };
  }
  return hairpinningUnknown(
    seen.mapping.depends
      ? "the mapping depends on the destination, so there is no endpoint to send to"
      : "no packet came back in, but whether the endpoint is the one for everybody is not known",
  );
}

/** Nothing can be told, for this reason. */
export function hairpinningUnknown(reason: string): Verdict<"unknown"> {
  return { value: "unknown", confidence: "none", reason };
}
