import type { EndpointDependence, NatBehavior } from "./nat_behavior.ts";
import type { NatBox } from "./nat_box.ts";
import type { SimHost, SimHostOptions } from "./sim_host.ts";
import type { SimNetwork } from "./sim_network.ts";

/** What a right verdict on a site says about UDP. */
export interface NatTruth {
  /** The mapping; `"none"` where addresses are kept. Undefined where UDP does not get through. */
  readonly mapping: EndpointDependence | "none" | undefined;
  /** The filtering; undefined where UDP does not get through. */
  readonly filtering: EndpointDependence | undefined;
  /** The name that RFC 3489 section 5 has for it. */
  readonly classic:
    | "open"
    | "full-cone"
    | "restricted-cone"
    | "port-restricted-cone"
    | "symmetric"
    | "firewall"
    | "blocked";
  /** Whether a host reaches its own mapped address, with the external source that RFC 4787 wants. */
  readonly hairpinning: boolean;
}

/** What stands between a host and the public network. */
export interface NatPreset {
  /** In words. */
  readonly title: string;
  /** The boxes, from the public network inward; none where there is no NAT. */
  readonly boxes: readonly NatBehavior[];
  /** What it amounts to. */
  readonly truth: NatTruth;
}

/** The names of the presets. */
export type NatPresetName =
  | "open"
  | "full-cone"
  | "restricted-cone"
  | "port-restricted-cone"
  | "symmetric"
  | "symmetric-sequential"
  | "symmetric-address-dependent"
  | "firewall"
  | "blocked"
  | "cgn"
  | "cgn-symmetric"
  | "hairpin-external"
  | "hairpin-internal";

/** What {@linkcode addSite} makes. */
export interface SimSite {
  /** The host. */
  readonly host: SimHost;
  /** The boxes, from the public network inward. */
  readonly boxes: readonly NatBox[];
}

/** What a site is made of. */
export interface SimSiteOptions {
  /** What stands between the host and the public network. */
  readonly boxes: readonly NatBehavior[];
  /**
   * The number of the site on its network, 1 to 254: a site's public address is `198.51.100.N`, and
   * inside there are `10.0.N.0/24` and `100.64.N.0/24`.
   */
  readonly site: number;
  /** What else the host is to be. @default {{}} */
  readonly host?: Omit<SimHostOptions, "ips">;
  /** Whether the host has `2001:db8:N::2` as well, which boxes filter and do not translate. @default {false} */
  readonly ipv6?: boolean;
}

/**
 * Adds a host behind boxes, outermost first, with addresses that fit.
 *
 * @throws {RangeError} If the number is out of range or the site is there already.
 */
export function addSite(network: SimNetwork, options: SimSiteOptions): SimSite {
  const { site, ipv6 = false } = options;
  if (!Number.isInteger(site) || site < 1 || site > 254) {
    throw new RangeError(`Cannot add a site: its number is ${site}, wanted 1 to 254`);
  }
  const addresses = [`198.51.100.${site}`, `100.64.${site}.2`, `172.16.${site}.2`];
  const boxes: NatBox[] = [];
  let depth = 0;
  for (const behavior of options.boxes) {
    const translates = (behavior.mapping ?? "endpoint-independent") !== "none";
    const externalIps = translates ? addresses.slice(depth, ++depth) : [];
    if (depth > addresses.length) {
      throw new RangeError(`Cannot add a site: ${depth} NATs, wanted three at most`);
    }
    boxes.push(network.addNat({
      ...behavior,
      externalIps,
      behind: boxes.at(-1),
      name: `site-${site}-box-${boxes.length + 1}`,
    }));
  }
  const ip = depth === 0 ? addresses[0]! : `10.0.${site}.2`;
  const host = network.addHost({
    name: `site-${site}`,
    ...options.host,
    ips: ipv6 ? [ip, `2001:db8:${site.toString(16)}::2`] : [ip],
    behind: boxes.at(-1),
  });
  return { host, boxes };
}

/** A NAT or firewall of every kind, with a name that says which. */
export interface NamedNatBehavior {
  /** What tells it from the others. */
  readonly name: string;
  /** How it behaves. */
  readonly behavior: NatBehavior;
}

/**
 * Every combination of mapping (none included), filtering, port allocation and hairpinning: 84 in
 * all, as a firewall allocates no ports and turns nothing round.
 */
export function everyNatBehavior(): NamedNatBehavior[] {
  const all: NamedNatBehavior[] = [];
  for (const filtering of DEPENDENCES) {
    all.push({ name: `firewall, ${filtering} filter`, behavior: { mapping: "none", filtering } });
    for (const mapping of DEPENDENCES) {
      for (const portAllocation of ["preserving", "sequential", "random"] as const) {
        for (const hairpinning of ["none", "internal-source", "external-source"] as const) {
          all.push({
            name: `${mapping} mapping, ${filtering} filter, ${portAllocation} ports, ` +
              `hairpinning ${hairpinning}`,
            behavior: { mapping, filtering, portAllocation, hairpinning },
          });
        }
      }
    }
  }
  return all;
}

const DEPENDENCES = [
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent",
] as const;

const CONE: NatTruth = {
  mapping: "endpoint-independent",
  filtering: "address-and-port-dependent",
  classic: "port-restricted-cone",
  hairpinning: false,
};

const SYMMETRIC: NatTruth = {
  mapping: "address-and-port-dependent",
  filtering: "address-and-port-dependent",
  classic: "symmetric",
  hairpinning: false,
};

/** The kinds of NAT that people meet, by name. */
export const NAT_PRESETS: Readonly<Record<NatPresetName, NatPreset>> = {
  "open": {
    title: "a public address, and nothing in front of it",
    boxes: [],
    truth: {
      mapping: "none",
      filtering: "endpoint-independent",
      classic: "open",
      // The host reaches itself without any box's help
      hairpinning: true,
    },
  },
  "full-cone": {
    title: "one mapping for all, open to all",
    boxes: [{ filtering: "endpoint-independent" }],
    truth: { ...CONE, filtering: "endpoint-independent", classic: "full-cone" },
  },
  "restricted-cone": {
    title: "one mapping for all, open to addresses that were sent to",
    boxes: [{ filtering: "address-dependent" }],
    truth: { ...CONE, filtering: "address-dependent", classic: "restricted-cone" },
  },
  "port-restricted-cone": {
    title: "one mapping for all, open to addresses and ports that were sent to",
    boxes: [{}],
    truth: CONE,
  },
  "symmetric": {
    title: "a mapping with a random port for each destination",
    boxes: [{ mapping: "address-and-port-dependent", portAllocation: "random" }],
    truth: SYMMETRIC,
  },
  "symmetric-sequential": {
    title: "a mapping with the next port for each destination",
    boxes: [{ mapping: "address-and-port-dependent", portAllocation: "sequential" }],
    truth: SYMMETRIC,
  },
  "symmetric-address-dependent": {
    title: "a mapping with a random port for each destination address, whatever its port",
    boxes: [{
      mapping: "address-dependent",
      filtering: "address-dependent",
      portAllocation: "random",
    }],
    truth: { ...SYMMETRIC, mapping: "address-dependent", filtering: "address-dependent" },
  },
  "firewall": {
    title: "a public address, and a firewall that lets in answers alone",
    boxes: [{ mapping: "none" }],
    truth: {
      mapping: "none",
      filtering: "address-and-port-dependent",
      classic: "firewall",
      hairpinning: true,
    },
  },
  "blocked": {
    title: "a NAT that lets no UDP through",
    boxes: [{ blocks: ["udp"] }],
    truth: { mapping: undefined, filtering: undefined, classic: "blocked", hairpinning: false },
  },
  "cgn": {
    title: "a home router behind a provider's NAT that RFC 6888 would approve of",
    boxes: [
      {
        filtering: "endpoint-independent",
        portAllocation: "random",
        hairpinning: "external-source",
      },
      {},
    ],
    // The provider's NAT turns packets round, and the router lets in whom it has sent to
    truth: { ...CONE, hairpinning: true },
  },
  "cgn-symmetric": {
    title: "a home router behind a provider's symmetric NAT",
    boxes: [{ mapping: "address-and-port-dependent", portAllocation: "random" }, {}],
    truth: SYMMETRIC,
  },
  "hairpin-external": {
    title: "a port-restricted cone that turns packets round with their external source",
    boxes: [{ hairpinning: "external-source" }],
    truth: { ...CONE, hairpinning: true },
  },
  "hairpin-internal": {
    title: "a port-restricted cone that turns packets round with their internal source",
    boxes: [{ hairpinning: "internal-source" }],
    truth: CONE,
  },
};
