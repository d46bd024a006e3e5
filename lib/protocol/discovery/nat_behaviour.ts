/** How a NAT maps the endpoints behind it to outside ones (RFC 4787 section 4.1). */
export type NatMapping =
  /** No translation. */
  | "none"
  /** One outside endpoint whatever the destination. */
  | "endpoint-independent"
  /** One outside endpoint for each destination address. */
  | "address-dependent"
  /** One outside endpoint for each destination address and port. */
  | "address-and-port-dependent"
  /** It could not be told. */
  | "unknown";

/** From whom a NAT or firewall lets packets in (RFC 4787 section 5). */
export type NatFiltering =
  /** From anybody. */
  | "endpoint-independent"
  /** From addresses that were sent to. */
  | "address-dependent"
  /** From addresses and ports that were sent to. */
  | "address-and-port-dependent"
  /** It could not be told. */
  | "unknown";

/** The name that RFC 3489 section 5 and 10.1 gave the whole. */
export type ClassicNat =
  | "open"
  | "full-cone"
  | "restricted-cone"
  | "port-restricted-cone"
  | "symmetric"
  | "firewall"
  | "blocked"
  | "unknown";

/** How sure a verdict is. */
export type Confidence =
  /** Seen: what would say otherwise would have been seen as well. */
  | "high"
  /** Concluded from a silence that could be shown not to be the server's in part only. */
  | "medium"
  /** Nothing could be told. */
  | "none";

/** What was found out about one behaviour. */
export interface Verdict<T> {
  /** What it is. */
  readonly value: T;
  /** How sure that is. */
  readonly confidence: Confidence;
  /** What it is concluded from, or why it could not be told, in a sentence for a person. */
  readonly reason: string;
}

/** What a name of RFC 3489 is made from. */
export interface ClassicNatInput {
  /** Whether any server could be reached. */
  readonly reachable: boolean;
  /** The mapping. */
  readonly mapping: NatMapping;
  /** The filtering. */
  readonly filtering: NatFiltering;
  /** Whether the mapping is known to depend on the destination, though not how. @default {false} */
  readonly mappingDepends?: boolean;
}

/** The name that RFC 3489 has for a mapping and a filtering; `"unknown"` where it would be a guess. */
export function classicNat(input: ClassicNatInput): ClassicNat {
  const { reachable, mapping, filtering, mappingDepends = false } = input;
  if (!reachable) return "blocked";
  switch (mapping) {
    case "none":
      // RFC 3489 10.1: a symmetric UDP firewall is one that lets in only what was asked for
      if (filtering === "unknown") return "unknown";
      return filtering === "endpoint-independent" ? "open" : "firewall";
    case "endpoint-independent":
      return CONES[filtering];
    case "address-dependent":
    case "address-and-port-dependent":
      return "symmetric";
    case "unknown":
      return mappingDepends ? "symmetric" : "unknown";
  }
}

const CONES: Readonly<Record<NatFiltering, ClassicNat>> = {
  "endpoint-independent": "full-cone",
  "address-dependent": "restricted-cone",
  "address-and-port-dependent": "port-restricted-cone",
  "unknown": "unknown",
};
