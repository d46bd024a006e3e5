import type { SimProtocol } from "./packet.ts";

/** On how much of the remote address a mapping or a filter depends (RFC 4787 sections 4.1 and 5). */
export type EndpointDependence =
  | "endpoint-independent"
  | "address-dependent"
  | "address-and-port-dependent";

/**
 * How a NAT or firewall behaves, in the terms of RFC 4787 (UDP) and RFC 5382 (TCP). The defaults make
 * a common home router: "port-restricted cone".
 */
export interface NatBehavior {
  /**
   * When one internal address and port keep their external ones. `"none"` is a firewall, which
   * translates nothing and filters all the same. So does every NAT in an address family in which it
   * has no external address, as home routers do in IPv6.
   *
   * @default {"endpoint-independent"}
   */
  readonly mapping?: EndpointDependence | "none";
  /** From whom a mapping lets packets in (RFC 4787 section 5). @default {"address-and-port-dependent"} */
  readonly filtering?: EndpointDependence;
  /** The mapping of TCP, where it differs; `"none"` is for UDP and TCP together. @default that of UDP */
  readonly tcpMapping?: EndpointDependence | undefined;
  /** The filtering of TCP, where it differs. @default that of UDP */
  readonly tcpFiltering?: EndpointDependence | undefined;
  /**
   * Which external port a new mapping gets; never one in use on that address, that is, without port
   * overloading (RFC 4787 section 4.2.1).
   * - `"preserving"`: the internal port, or the next free one above it;
   * - `"sequential"`: one after the other from `firstPort`, UDP and TCP each by itself;
   * - `"random"`: any.
   *
   * @default {"preserving"}
   */
  readonly portAllocation?: "preserving" | "sequential" | "random";
  /** The first port of sequential allocation, 1024 to 65535. @default {1024} */
  readonly firstPort?: number;
  /** From one sequential port to the next, 1 or more. @default {1} */
  readonly portStep?: number;
  /** Whether even ports are mapped to even ones, odd to odd (RFC 4787 section 4.2.2). @default {false} */
  readonly portParity?: boolean;
  /**
   * What becomes of a packet from inside to an external address of the NAT itself (RFC 4787 section
   * 6): it is dropped, or it comes back in with the sender's internal or external address.
   *
   * @default {"none"}
   */
  readonly hairpinning?: "none" | "internal-source" | "external-source";
  /** Whether an internal IP address keeps its external one, where there are several (RFC 4787 section 4.1). @default {"paired"} */
  readonly pooling?: "paired" | "arbitrary";
  /** ms that a UDP mapping or session lasts after the last packet that refreshes it (RFC 4787 section 4.3). @default {120_000} */
  readonly lifetimeMs?: number;
  /** Whether packets from outside refresh too; those from inside always do. @default {false} */
  readonly inboundRefresh?: boolean;
  /**
   * Whether a packet refreshes its mapping's sessions with all remote addresses, or its own
   * alone. A mapping lasts as long as one of its sessions.
   *
   * @default {"per-session"}
   */
  readonly refreshScope?: "per-session" | "per-mapping";
  /** ms that an established TCP connection may be silent (RFC 5382 section 5). @default {7_440_000} */
  readonly tcpEstablishedMs?: number;
  /** ms that a TCP connection may be silent while it opens or closes (RFC 5382 section 5). @default {240_000} */
  readonly tcpTransitoryMs?: number;
  /**
   * Whether a connection that is refused by an RST before it has opened is forgotten at once, as by
   * Linux, and not after the transitory time.
   *
   * @default {false}
   */
  readonly forgetsRefused?: boolean;
  /** What an unsolicited SYN from outside gets (RFC 5382 section 4.3): silence, an RST, an ICMP error. @default {"drop"} */
  readonly unsolicitedTcp?: "drop" | "reset" | "icmp";
  /** What is let through in neither direction. @default {[]} */
  readonly blocks?: readonly SimProtocol[];
  /** Whether UDP datagrams that do not fit into 1500 bytes get through (RFC 4787 sections 10 and 11). @default {"pass"} */
  readonly fragments?: "pass" | "drop";
}

/**
 * The behaviour with every default filled in.
 *
 * @throws {RangeError} If a port or a duration is out of range.
 */
export function completeNatBehavior(behavior: NatBehavior): Required<NatBehavior> {
  const complete = { ...DEFAULTS, ...behavior };
  for (const name of ["lifetimeMs", "tcpEstablishedMs", "tcpTransitoryMs"] as const) {
    check(name, complete[name], { least: 0, most: Number.MAX_SAFE_INTEGER });
  }
  check("firstPort", complete.firstPort, { least: 1024, most: 65535 });
  check("portStep", complete.portStep, { least: 1, most: 1024 });
  return complete;
}

function check(name: string, value: number, range: { least: number; most: number }): void {
  if (value >= range.least && value <= range.most) return;
  throw new RangeError(
    `Cannot make a NAT: ${name} is ${value}, wanted ${range.least} to ${range.most}`,
  );
}

const DEFAULTS: Required<NatBehavior> = {
  mapping: "endpoint-independent",
  filtering: "address-and-port-dependent",
  tcpMapping: undefined,
  tcpFiltering: undefined,
  portAllocation: "preserving",
  firstPort: 1024,
  portStep: 1,
  portParity: false,
  hairpinning: "none",
  pooling: "paired",
  lifetimeMs: 120_000,
  inboundRefresh: false,
  refreshScope: "per-session",
  tcpEstablishedMs: 7_440_000,
  tcpTransitoryMs: 240_000,
  forgetsRefused: false,
  unsolicitedTcp: "drop",
  blocks: [],
  fragments: "pass",
};
