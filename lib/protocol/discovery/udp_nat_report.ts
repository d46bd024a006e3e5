import type { SocketAddress } from "../../wire/mod.ts";
import type { MappingVerdict } from "./mapping_verdict.ts";
import type { ClassicNat, NatFiltering, Verdict } from "./nat_behaviour.ts";
import type { NatEvidence } from "./nat_probe.ts";

/** What was found out about UDP. */
export interface UdpNatReport {
  /** Whether any server answered. */
  readonly reachable: boolean;
  /** The outside endpoint of the first socket. */
  readonly reflexive: SocketAddress | undefined;
  /** The first socket's own address; the IP address may be all zeros. */
  readonly local: SocketAddress | undefined;
  /** How endpoints are mapped. */
  readonly mapping: MappingVerdict;
  /** Who is let in. */
  readonly filtering: Verdict<NatFiltering>;
  /** The name that RFC 3489 had for it. */
  readonly classic: ClassicNat;
  /** Whether two hosts behind the NAT reach each other by their outside endpoints. */
  readonly hairpinning: Verdict<"yes" | "no" | "unknown">;
  /** Whether a mapping keeps the port of its socket. */
  readonly portPreservation: Verdict<"yes" | "no" | "unknown">;
  /** What each server could tell. */
  readonly servers: readonly UdpNatServerReport[];
  /** All that was sent, and what came back. */
  readonly evidence: readonly NatEvidence[];
}

/** What one server could tell. */
export interface UdpNatServerReport {
  /** Its address. */
  readonly address: SocketAddress;
  /** Whether it answered. */
  readonly answered: boolean;
  /** Its OTHER-ADDRESS, if it has one. */
  readonly other: SocketAddress | undefined;
  /** The filtering as it shows through this server. */
  readonly filtering: Verdict<NatFiltering>;
}
