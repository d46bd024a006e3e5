import { equalIps, equalSocketAddresses, formatIp, type SocketAddress } from "../../wire/mod.ts";
import type { NatMapping, Verdict } from "./nat_behaviour.ts";

/** What one destination saw of one and the same socket. */
export interface MappingObservation {
  /** Where the request went. */
  readonly to: SocketAddress;
  /** What it was seen to come from. */
  readonly reflexive: SocketAddress;
}

/** A mapping, and whether it is known to depend on the destination even where it is unknown how. */
export interface MappingVerdict extends Verdict<NatMapping> {
  /** Whether two destinations saw two outside endpoints. */
  readonly depends: boolean;
}

/**
 * Judges the mapping by what several destinations saw of one socket (RFC 5780 section 4.3). Needs no
 * RFC 5780 server: two plain ones on two addresses can tell that a mapping does not depend on the
 * destination, and that it does, but not in what way.
 *
 * @param isOurs Whether an endpoint is the socket's own, which is to say that nothing translates it.
 */
export function judgeMapping(
  observations: readonly MappingObservation[],
  isOurs: (reflexive: SocketAddress) => boolean,
): MappingVerdict {
  if (observations.length === 0) return unknown("no server tells what it sees", false);
  const untranslated = observations.filter(({ reflexive }) => isOurs(reflexive));
  if (untranslated.length === observations.length) {
    return {
      value: "none",
      confidence: "high",
      reason: "every server sees this host's own address and port",
      depends: false,
    };
  }
  if (untranslated.length > 0) {
    const ip = formatIp(untranslated[0]!.to.ip);
    return unknown(`${ip} sees this host's own address, so it is on this side of the NAT`, false);
  }
  const byIp = groupByIp(observations);
  const differs = byIp.find((group) => !allSame(group));
  if (differs !== undefined) {
    const ip = formatIp(differs[0]!.to.ip);
    return {
      value: "address-and-port-dependent",
      confidence: "high",
      reason: `two ports of ${ip} see two outside endpoints of one socket`,
      depends: true,
    };
  }
  const perIp = byIp.map((group) => group[0]!);
  if (perIp.length === 1) {
    return unknown("only one server address answered, which every kind of mapping fits", false);
  }
  if (allSame(perIp)) {
    return {
      value: "endpoint-independent",
      confidence: "high",
      reason: `${perIp.length} server addresses see the same outside endpoint of one socket`,
      depends: false,
    };
  }
  // A server that is behind something itself sees that, and not where this host's packets come from
  if (!perIp.every(({ reflexive }) => equalIps(reflexive.ip, perIp[0]!.reflexive.ip))) {
    return unknown("the servers disagree about the outside IP address of this host", false);
  }
  if (!allDistinct(perIp)) {
    return unknown("the servers disagree in a way that no mapping explains", false);
  }
  const portsCompared = byIp.some((group) => group.length > 1);
  return portsCompared
    ? {
      value: "address-dependent",
      confidence: "high",
      reason: "two ports of one server address see the same outside endpoint, two addresses do not",
      depends: true,
    }
    : unknown(
      "each server address sees another outside endpoint; whether the port matters too takes a " +
        "server with RFC 5780",
      true,
    );
}

function unknown(reason: string, depends: boolean): MappingVerdict {
  return { value: "unknown", confidence: "none", reason, depends };
}

function groupByIp(observations: readonly MappingObservation[]): readonly MappingObservation[][] {
  const groups: MappingObservation[][] = [];
  for (const one of observations) {
    const group = groups.find(([first]) => equalIps(first!.to.ip, one.to.ip));
    if (group === undefined) groups.push([one]);
    else group.push(one);
  }
  return groups;
}

function allSame(observations: readonly MappingObservation[]): boolean {
  const [first] = observations;
  return observations.every(({ reflexive }) => equalSocketAddresses(reflexive, first!.reflexive));
}

function allDistinct(observations: readonly MappingObservation[]): boolean {
  return observations.every(({ reflexive }, i) =>
    observations.every((other, j) => i === j || !equalSocketAddresses(other.reflexive, reflexive))
  );
}
