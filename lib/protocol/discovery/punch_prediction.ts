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
 * that a server saw and both send to the other's at about the same time, and then to where they
 * hear the other from.
 *
 * A side whose mapping does not depend on the destination is found where the server saw it. A side
 * whose mapping does depend sends from an endpoint that nobody has told the other about; its packets
 * come in only where the other side lets in whoever knows the address (filtering that is at most
 * address-dependent), and the other can then answer to where they came from.
 *
 * What a report leaves open counts only if it matters: the prediction is `"unknown"` where the kinds
 * of NAT that fit the reports come to different ends.
 */
export function predictPunch(a: PunchSide, b: PunchSide): PunchPrediction {
  if (!a.reachable || !b.reachable) {
    return { will: "no", reason: "one side reaches nobody over this transport" };
  }
  const ends = kindsOf(a).flatMap((one) => kindsOf(b).map((two) => meet(one, two)));
  const [first] = ends;
  if (ends.every(({ will }) => will === first!.will)) return first!;
  const mapping = [a, b].some((side) => isStable(side) === undefined);
  const what = mapping ? "mapping" : "filtering";
  return { will: "unknown", reason: `the ${what} of one side is not known` };
}

/** A NAT as far as a punch depends on it, with nothing left open. */
interface Kind {
  /** Whether the endpoint that a server saw is the one that a peer will see. */
  readonly stable: boolean;
  readonly filtering: Exclude<NatFiltering, "unknown">;
}

/** The kinds of NAT that fit what is known of a side. */
function kindsOf(side: PunchSide): readonly Kind[] {
  const stable = isStable(side);
  const { value } = side.filtering;
  return (stable === undefined ? [true, false] : [stable]).flatMap((stable) =>
    (value === "unknown" ? FILTERINGS : [value]).map((filtering) => ({ stable, filtering }))
  );
}

function meet(a: Kind, b: Kind): PunchPrediction {
  if (a.stable && b.stable) {
    return { will: "yes", reason: "both sides are found where a server has seen them" };
  }
  if (a.stable) return letsInUnannounced(a, b);
  return b.stable ? letsInUnannounced(b, a) : meetsUnannounced(a, b);
}

/** One side's packets come from an endpoint that was not announced; will the other let them in? */
function letsInUnannounced(fixed: Kind, moving: Kind): PunchPrediction {
  switch (fixed.filtering) {
    case "endpoint-independent":
      return { will: "yes", reason: "one side lets everybody in" };
    case "address-dependent":
      return {
        will: "yes",
        reason: "one side lets in every port of an address that it has sent to",
      };
    case "address-and-port-dependent":
      // Who is heard at the announced endpoint before having sent may answer from that very one
      return moving.filtering === "endpoint-independent"
        ? { will: "unknown", reason: "one side's port depends on who is the first to send" }
        : {
          will: "no",
          reason: "one side's port cannot be told beforehand, and the other lets in no other port",
        };
  }
}

/**
 * Neither side can be told where the other will come from, so all begins with one that lets in
 * everybody at the endpoint that was announced. The other must then let in what that one answers,
 * which may come from yet another port.
 */
function meetsUnannounced(a: Kind, b: Kind): PunchPrediction {
  const filters = [a.filtering, b.filtering];
  if (filters.includes("endpoint-independent")) {
    return filters.includes("address-and-port-dependent")
      ? { will: "unknown", reason: "not every such NAT answers from where it was spoken to" }
      : { will: "yes", reason: "one side lets everybody in, the other all ports of an address" };
  }
  // RFC 4787 section 5 filters by inside endpoint; what filters by mapping lets neither side in
  return filters.includes("address-and-port-dependent")
    ? { will: "no", reason: "neither side's outside port can be told beforehand" }
    : { will: "unknown", reason: "not every such NAT lets a known address in at every mapping" };
}

/** Whether the endpoint that a server saw is the one that a peer will see; undefined if unknown. */
function isStable({ mapping }: PunchSide): boolean | undefined {
  if (mapping.value === "none" || mapping.value === "endpoint-independent") return true;
  if (mapping.value === "unknown" && !mapping.depends) return undefined;
  return false;
}

const FILTERINGS = [
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent",
] as const;
