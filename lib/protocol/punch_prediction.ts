import type { NatFiltering, NatMapping } from "./nat_behaviour.ts";

/** One side's NAT, as far as a punch depends on it. A report fits as it is. */
export interface PunchSide {
  /** Whether the transport works at all. */
  readonly reachable: boolean;
  /** How its NAT maps. */
  readonly mapping: { readonly value: NatMapping; readonly depends: boolean };
  /** Whom its NAT lets in. */
  readonly filtering: { readonly value: NatFiltering };
}

/** Whether two sides will come together. */
export interface PunchPrediction {
  /** `"yes"`, `"no"` (a relay is needed), or `"unknown"` where the reports do not tell. */
  readonly will: "yes" | "no" | "unknown";
  /** Why, in a sentence for a person. */
  readonly reason: string;
}

/**
 * Predicts whether a hole punch between two hosts succeeds, when both know the outside endpoint
 * that a server saw and both send to the other's at about the same time.
 *
 * A side whose mapping does not depend on the destination is found where the server saw it. A side
 * whose mapping does depend sends from an endpoint that nobody has told the other about; its packets
 * come in only where the other side lets in whoever knows the address (filtering that is at most
 * address-dependent), and the other can then answer to where they came from.
 */
export function predictPunch(a: PunchSide, b: PunchSide): PunchPrediction {
  if (!a.reachable || !b.reachable) {
    return { will: "no", reason: "one side reaches nobody over this transport" };
  }
  const aStable = isStable(a);
  const bStable = isStable(b);
  if (aStable === true && bStable === true) {
    return { will: "yes", reason: "both sides are found where a server has seen them" };
  }
  if (aStable === false && bStable === false) {
    return meetsUnannounced(a, b);
  }
  const [moving, fixed] = aStable === false
    ? [a, b]
    : bStable === false
    ? [b, a]
    : [undefined, undefined];
  if (moving === undefined || isStable(fixed) === undefined) {
    return { will: "unknown", reason: "the mapping of one side is not known" };
  }
  return letsInUnannounced(fixed);
}

/** One side's packets come from an endpoint that was not announced; will the other let them in? */
function letsInUnannounced(fixed: PunchSide): PunchPrediction {
  switch (fixed.filtering.value) {
    case "endpoint-independent":
      return { will: "yes", reason: "one side lets everybody in" };
    case "address-dependent":
      return {
        will: "yes",
        reason: "one side lets in every port of an address that it has sent to",
      };
    case "address-and-port-dependent":
      return {
        will: "no",
        reason: "one side's port cannot be told beforehand, and the other lets in no other port",
      };
    case "unknown":
      return { will: "unknown", reason: "the filtering of one side is not known" };
  }
}

/**
 * Neither side can be told where the other will come from: what comes in at the endpoint that was
 * announced is answered from yet another one. So both have to let in every port of an address that
 * they have sent to.
 */
function meetsUnannounced(a: PunchSide, b: PunchSide): PunchPrediction {
  const filters = [a.filtering.value, b.filtering.value];
  if (filters.includes("address-and-port-dependent")) {
    return { will: "no", reason: "neither side's outside port can be told beforehand" };
  }
  return filters.includes("unknown")
    ? { will: "unknown", reason: "the filtering of one side is not known" }
    : { will: "yes", reason: "both sides let in every port of an address that they have sent to" };
}

/** Whether the endpoint that a server saw is the one that a peer will see; undefined if unknown. */
function isStable({ mapping }: PunchSide): boolean | undefined {
  if (mapping.value === "none" || mapping.value === "endpoint-independent") return true;
  if (mapping.value === "unknown" && !mapping.depends) return undefined;
  return false;
}
