import {
  discoverUdpNat,
  type NatStep,
  type UdpNatReport,
} from "../../../lib/protocol/discovery/mod.ts";
import { equalIps } from "../../../lib/wire/mod.ts";
import {
  addSite,
  type EndpointDependence,
  everyNatBehavior,
  type LinkOptions,
  NAT_PRESETS,
  type NatBehavior,
  type NatTruth,
  SimNetwork,
  SimStunServer,
  type SimStunServerOptions,
} from "../../sim/mod.ts";
import { runNatSteps } from "../../sim/run_nat_steps.ts";

/** A host behind boxes, with what a right verdict says of it. */
export interface NatCase {
  readonly name: string;
  readonly boxes: readonly NatBehavior[];
  readonly truth: NatTruth;
}

/** The servers of a discovery, and what they can tell. */
export interface ServerCase {
  readonly name: string;
  readonly servers: readonly SimStunServerOptions[];
  /**
   * All of it; with plain servers alone, from two that the mapping depends or does not, from one
   * nothing but that there is no NAT.
   */
  readonly tells: "all" | "whether the mapping depends" | "whether there is a NAT";
}

/** The presets and every NAT behaviour. */
export const NAT_CASES: readonly NatCase[] = [
  ...Object.entries(NAT_PRESETS).map(([name, { boxes, truth }]) => ({ name, boxes, truth })),
  ...everyNatBehavior().map(({ name, behavior }) => ({
    name,
    boxes: [behavior],
    truth: truthOf(behavior),
  })),
];

/** A server with RFC 5780. */
export const FULL: SimStunServerOptions = { ips: ["203.0.113.1", "203.0.113.2"] };
/** Another server with RFC 5780. */
export const FULL_2: SimStunServerOptions = { ips: ["192.0.2.1", "192.0.2.2"] };
/** A server that knows RFC 8489 alone. */
export const PLAIN: SimStunServerOptions = { ips: ["192.0.2.10"] };

/** The combinations of honest servers. */
export const SERVER_CASES: readonly ServerCase[] = [
  { name: "one server with RFC 5780", servers: [FULL], tells: "all" },
  { name: "two servers with RFC 5780", servers: [FULL, FULL_2], tells: "all" },
  { name: "a plain server and one with RFC 5780", servers: [PLAIN, FULL], tells: "all" },
  {
    name: "two plain servers",
    servers: [{ ips: ["203.0.113.1"] }, PLAIN],
    tells: "whether the mapping depends",
  },
  { name: "one plain server", servers: [PLAIN], tells: "whether there is a NAT" },
];

/** What is to be discovered, and how. */
export interface DiscoverOptions {
  readonly boxes: readonly NatBehavior[];
  readonly servers: readonly SimStunServerOptions[];
  readonly seed?: number;
  readonly link?: LinkOptions;
  readonly ipv6?: boolean;
  readonly onStep?: (step: NatStep) => void;
}

/** Runs a discovery in the simulator. */
export function discover(
  options: DiscoverOptions,
): { readonly report: UdpNatReport; readonly elapsedMs: number } {
  const { boxes, seed = 0, link = {}, ipv6 = false } = options;
  const network = new SimNetwork({ seed, link });
  const servers = options.servers.map((one) => new SimStunServer(network, one));
  const { host } = addSite(network, { boxes, site: 1, ipv6 });
  const steps = discoverUdpNat({
    servers: servers.map(({ address }) => address),
    transactionId: () => network.random.bytes(12),
    isOwnIp: (ip) => host.ips.some((own) => equalIps(own, ip)),
  });
  const ip = ipv6 ? "2001:db8:1::2" : undefined;
  const { value: report, elapsedMs } = runNatSteps(steps, {
    network,
    host,
    ip,
    onStep: options.onStep,
  });
  return { report, elapsedMs };
}

/** What a report comes to, in a form to compare. */
export function outcomeOf(report: UdpNatReport): Record<string, unknown> {
  const { reachable, mapping, filtering, classic } = report;
  return {
    reachable,
    mapping: mapping.value,
    depends: mapping.depends,
    filtering: filtering.value,
    classic,
  };
}

/** What honest servers can tell about a NAT when nothing is lost. */
export function expectedOutcome(truth: NatTruth, tells: ServerCase["tells"]): unknown {
  if (truth.mapping === undefined) {
    return {
      reachable: false,
      mapping: "unknown",
      depends: false,
      filtering: "unknown",
      classic: "blocked",
    };
  }
  const depends = dependsOn(truth);
  if (tells === "all") {
    const { mapping, filtering, classic } = truth;
    return { reachable: true, mapping, depends, filtering, classic };
  }
  const sees = tells === "whether the mapping depends";
  const known = truth.mapping === "none" || (sees && !depends);
  return {
    reachable: true,
    mapping: known ? truth.mapping : "unknown",
    depends: sees && depends,
    filtering: "unknown",
    classic: sees && depends ? "symmetric" : "unknown",
  };
}

/**
 * What is wrong in a report, in words; none where all is right or left open. That no server answers
 * is wrong only of honest ones.
 */
export function mistakes(
  report: UdpNatReport,
  { boxes, truth, honest }: Omit<NatCase, "name"> & { readonly honest: boolean },
): string[] {
  const found: string[] = [];
  const check = (what: string, value: string, right: readonly (string | undefined)[]) => {
    if (!right.includes(value)) found.push(`${what} is ${value}, not ${right.join(" or ")}`);
  };
  const { mapping, filtering, classic, hairpinning, portPreservation } = report;
  const open = truth.mapping !== undefined;
  if (!report.reachable) {
    check("mapping", mapping.value, ["unknown"]);
    check("filtering", filtering.value, ["unknown"]);
    check("classic", classic, ["blocked"]);
    if (open && honest) found.push("no server was reached");
    return found;
  }
  if (!open) found.push("a server was reached");
  check("mapping", mapping.value, ["unknown", truth.mapping]);
  check("depends", String(mapping.depends), ["false", String(dependsOn(truth))]);
  check("filtering", filtering.value, ["unknown", truth.filtering]);
  check("classic", classic, ["unknown", truth.classic]);
  const turns = boxes.some(({ hairpinning = "none" }) => hairpinning !== "none");
  check("hairpinning", hairpinning.value, ["unknown", turns ? "yes" : "no"]);
  const allocation = boxes.filter((box) => box.mapping !== "none")
    .map((box) => box.portAllocation ?? "preserving");
  const preserving = allocation.every((one) => one === "preserving");
  // A second destination gets a second port, and the first may be all that was seen
  const ports = preserving ? (dependsOn(truth) ? ["yes", "no"] : ["yes"]) : ["no"];
  check("port preservation", portPreservation.value, ["unknown", ...ports]);
  return found;
}

function dependsOn({ mapping }: NatTruth): boolean {
  return mapping === "address-dependent" || mapping === "address-and-port-dependent";
}

function truthOf(behavior: NatBehavior): NatTruth {
  const { mapping = "endpoint-independent", filtering = "address-and-port-dependent" } = behavior;
  const hairpinning = behavior.hairpinning === "external-source";
  return { mapping, filtering, classic: classicOf(mapping, filtering), hairpinning };
}

function classicOf(
  mapping: EndpointDependence | "none",
  filtering: EndpointDependence,
): NatTruth["classic"] {
  if (mapping === "none") return filtering === "endpoint-independent" ? "open" : "firewall";
  if (mapping !== "endpoint-independent") return "symmetric";
  if (filtering === "endpoint-independent") return "full-cone";
  return filtering === "address-dependent" ? "restricted-cone" : "port-restricted-cone";
}
