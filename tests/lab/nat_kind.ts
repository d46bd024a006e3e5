/** What a router of the lab does with the traffic of the host behind it. */
export type NatKind =
  /** The host has a public address, and everything reaches it. */
  | "open"
  /** The host has a public address; only answers reach it. */
  | "firewall"
  /** Endpoint-independent mapping, endpoint-independent filtering. */
  | "full-cone"
  /** Endpoint-independent mapping, address-dependent filtering. */
  | "address-restricted"
  /** Endpoint-independent mapping, address- and port-dependent filtering. */
  | "port-restricted"
  /** Address- and port-dependent mapping and filtering: a random port for each destination. */
  | "symmetric"
  /** As "port-restricted" for TCP; UDP is dropped both ways. */
  | "udp-blocked";

/** All kinds, the most open first. */
export const NAT_KINDS: readonly NatKind[] = [
  ...["open", "firewall", "full-cone", "address-restricted"] as const,
  ...["port-restricted", "symmetric", "udp-blocked"] as const,
];

/** Whether the host behind such a router has a private address. */
export function translates(kind: NatKind): boolean {
  return kind !== "open" && kind !== "firewall";
}

/** Whether such a router gives a local port the same public port towards every destination. */
export function mapsAlike(kind: NatKind): boolean {
  return translates(kind) && kind !== "symmetric";
}
