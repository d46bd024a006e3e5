import { equalIps, equalSocketAddresses, type SocketAddress } from "../../wire/mod.ts";
import { judgeMapping, type MappingObservation } from "../discovery/mod.ts";
import { MAX_PUNCH_CANDIDATES, type PunchCandidate } from "./punch_description.ts";
import type { PunchSide } from "../discovery/mod.ts";

/** What one side has found out about one local port. */
export interface PunchFindings {
  /** The port's own addresses, the best first; none if they are not known. */
  readonly hosts: readonly SocketAddress[];
  /** What servers saw of it, in the order in which they were first asked. */
  readonly observations: readonly MappingObservation[];
  /** How many servers were asked. */
  readonly asked: number;
}

/**
 * Where a port may be found: its own addresses, where servers saw it, and, where its NAT gave each
 * server the next port but so many, the next ones after those; the best first, each once.
 */
export function punchCandidates(findings: PunchFindings): readonly PunchCandidate[] {
  const { hosts, observations } = findings;
  const candidates: PunchCandidate[] = [];
  const add = (kind: PunchCandidate["kind"], address: SocketAddress) => {
    if (candidates.some((one) => equalSocketAddresses(one.address, address))) return;
    candidates.push({ kind, address });
  };
  for (const address of hosts) add("host", address);
  for (const { reflexive } of observations) add("reflexive", reflexive);
  for (const address of nextMappings(observations)) add("predicted", address);
  return candidates.slice(0, MAX_PUNCH_CANDIDATES);
}

/**
 * What is known of the NAT without asking for more: the mapping, if two servers or more have seen the
 * port, and nothing of the filtering. Undefined if nothing is known.
 */
export function punchSide({ hosts, observations, asked }: PunchFindings): PunchSide | undefined {
  if (asked === 0) return undefined;
  const isOurs = (reflexive: SocketAddress) =>
    hosts.some((host) => equalSocketAddresses(host, reflexive));
  const { value, depends } = judgeMapping(observations, isOurs);
  const reachable = observations.length > 0;
  if (reachable && value === "unknown" && !depends) return undefined;
  return { reachable, mapping: { value, depends }, filtering: { value: "unknown" } };
}

/**
 * The ports that a NAT is about to give, if it gave each server one that is a small step from the one
 * before. Others behind it take ports as well, and each address of the other side that is tried takes
 * one, hence several.
 */
function nextMappings(observations: readonly MappingObservation[]): readonly SocketAddress[] {
  const [first, second] = observations;
  if (first === undefined || second === undefined) return [];
  const step = second.reflexive.port - first.reflexive.port;
  const isSteady = observations.every(({ reflexive }, i) =>
    equalIps(reflexive.ip, first.reflexive.ip) &&
    (i === 0 || reflexive.port - observations[i - 1]!.reflexive.port === step)
  );
  if (step === 0 || Math.abs(step) > LARGEST_STEP || !isSteady) return [];
  const { ip, port } = observations.at(-1)!.reflexive;
  return Array.from({ length: PREDICTED_PORTS }, (_, i) => ({ ip, port: port + (i + 1) * step }))
    .filter(({ port }) => port >= FIRST_PORT && port <= 65535);
}

/** Some NATs count in twos, to keep parity, or leave a few out; more looks like chance. */
const LARGEST_STEP = 8;

/** As many as leave room for all that is known for sure; one in five may be the right one anyway. */
const PREDICTED_PORTS = 5;

/** No NAT maps to a well-known port (RFC 4787 section 4.2.2, REQ-3). */
const FIRST_PORT = 1024;
