import {
  attribute,
  CHANGE_REQUEST,
  CHANGED_ADDRESS,
  equalIps,
  equalSocketAddresses,
  isUnspecifiedIp,
  OTHER_ADDRESS,
  type SocketAddress,
} from "../../wire/mod.ts";
import { type FilteringObservation, judgeFiltering, mergeFiltering } from "./filtering_verdict.ts";
import { hairpinningUnknown, judgeHairpinning } from "./hairpinning_verdict.ts";
import { judgeMapping, type MappingObservation, type MappingVerdict } from "./mapping_verdict.ts";
import { classicNat, type NatFiltering, type Verdict } from "./nat_behaviour.ts";
import {
  answerOf,
  bindingRequest,
  evidenceOf,
  type NatEvidence,
  type NatProbe,
  type NatProbeResult,
  type NatSteps,
  PATIENT_TIMING,
  reflexiveOf,
} from "./nat_probe.ts";
import { judgePortPreservation } from "./port_preservation_verdict.ts";
import type { UdpNatReport } from "./udp_nat_report.ts";

/** What {@linkcode discoverUdpNat} needs. */
export interface UdpNatDiscoveryOptions {
  /** The servers' addresses, all of one family, the most trusted first. */
  readonly servers: readonly SocketAddress[];
  /** A fresh transaction id, 12 random bytes, at each call. */
  readonly transactionId: () => Uint8Array;
  /** Whether an IP address is one of this host's own. */
  readonly isOwnIp: (ip: Uint8Array) => boolean;
}

/**
 * Finds out what a NAT does to UDP (RFC 5780 section 4), as a generator: it yields what to send and
 * takes what came back, and touches no socket. The filtering is tested before anything is sent to a
 * server's other address, and from ports of its own, so that no earlier packet has opened it.
 */
export function* discoverUdpNat(
  options: UdpNatDiscoveryOptions,
): NatSteps<UdpNatReport> {
  const discovery = new UdpNatDiscovery(options);
  const servers = yield* discovery.reachServers();
  if (servers.every(({ hello }) => !hello.answered)) return discovery.blocked(servers);
  const filters = yield* discovery.testFilters(servers);
  const mapping = yield* discovery.testMapping(servers);
  const controls = yield* discovery.testControls(filters, mapping.observations);
  const hairpinning = yield* discovery.testHairpinning(mapping);
  return discovery.report({ servers, filters, mapping, controls, hairpinning });
}

/** A server, and what it said at first. */
interface Server {
  readonly index: number;
  readonly address: SocketAddress;
  readonly hello: NatProbeResult;
  readonly other: SocketAddress | undefined;
}

/** A server whose other address can show the filtering. */
interface FilterTest {
  readonly server: Server;
  readonly other: SocketAddress;
  readonly both: NatProbeResult;
  readonly port: NatProbeResult;
}

interface MappingTest {
  readonly observations: readonly (MappingObservation & { readonly attempts: number })[];
  readonly verdict: MappingVerdict;
}

interface Control {
  readonly both: NatProbeResult | undefined;
  readonly port: NatProbeResult | undefined;
}

class UdpNatDiscovery {
  readonly #options: UdpNatDiscoveryOptions;
  readonly #evidence: NatEvidence[] = [];
  readonly #results: NatProbeResult[] = [];

  constructor(options: UdpNatDiscoveryOptions) {
    this.#options = options;
  }

  *reachServers(): NatSteps<readonly Server[]> {
    const { servers } = this.#options;
    const results = yield* this.#run(
      "Reaching the servers",
      servers.map((to, i) => this.#ask(`hello ${i + 1}`, to)),
    );
    return servers.map((address, index) => {
      const hello = results[index]!;
      const other = answerOf(hello, OTHER_ADDRESS) ?? answerOf(hello, CHANGED_ADDRESS);
      return { index, address, hello, other: isDestination(other, address) ? other : undefined };
    });
  }

  /** RFC 5780 section 4.4. */
  *testFilters(servers: readonly Server[]): NatSteps<readonly FilterTest[]> {
    const candidates = servers.flatMap((server) => {
      const { other, address, hello } = server;
      const usable = hello.answered && other !== undefined && other.port !== address.port &&
        // What has been sent to, under whatever name, can show nothing any more
        !servers.some((one) => equalIps(one.address.ip, other.ip));
      return usable ? [{ server, other }] : [];
    });
    if (candidates.length === 0) return [];
    const sockets = candidates.map(({ server }) =>
      [`filter address ${server.index + 1}`, `filter port ${server.index + 1}`] as const
    );
    yield* this.#run(
      "Opening ports for the filtering test",
      candidates.flatMap(({ server }, i) =>
        sockets[i]!.map((socket) => this.#ask(socket, server.address))
      ),
    );
    // The port first: a server that rates its clients would answer nothing but the first of each
    // pair, and an unanswered second would pass for filtered. Where the port stays silent for the
    // filter's sake, the address has to as well
    const results = yield* this.#run(
      "Filtering",
      candidates.flatMap(({ server }, i) => [
        this.#askChange(sockets[i]![1], server.address, { changeAddress: false, changePort: true }),
        this.#askChange(sockets[i]![0], server.address, { changeAddress: true, changePort: true }),
      ]),
    );
    return candidates.map(({ server, other }, i) => ({
      server,
      other,
      port: results[2 * i]!,
      both: results[2 * i + 1]!,
    }));
  }

  /** RFC 5780 section 4.3, from one socket to every address that is known. */
  *testMapping(servers: readonly Server[]): NatSteps<MappingTest> {
    const destinations = servers.filter(({ hello }) => hello.answered)
      .flatMap(({ address, other }) =>
        other === undefined ? [address] : [
          address,
          { ip: other.ip, port: address.port },
          other,
          { ip: address.ip, port: other.port },
        ]
      );
    const distinct = destinations.filter((to, i) =>
      destinations.findIndex((other) => equalSocketAddresses(other, to)) === i
    );
    const results = yield* this.#run("Mapping", distinct.map((to) => this.#ask("mapping", to)));
    const observations = distinct.flatMap((to, i) => {
      const { attempts } = results[i]!;
      const reflexive = reflexiveOf(results[i]);
      return reflexive === undefined ? [] : [{ to, reflexive, attempts }];
    });
    const { local } = results[0]!;
    return {
      observations,
      verdict: judgeMapping(observations, (reflexive) => this.#isOurs(reflexive, local)),
    };
  }

  /**
   * Where an answer stayed away: opens the way in for it and asks once more. If it comes now, the
   * server speaks and the silence was the filter's. It takes a mapping that is the same for both
   * destinations: else what is opened is another endpoint.
   */
  *testControls(
    filters: readonly FilterTest[],
    observations: readonly MappingObservation[],
  ): NatSteps<ReadonlyMap<FilterTest, Control>> {
    const wanted = filters.flatMap((test) => {
      const { server: { address }, other } = test;
      if (test.both.answered) return [];
      const port = { ip: address.ip, port: other.port };
      return [
        { test, kind: "both", opens: other } as const,
        ...test.port.answered ? [] : [{ test, kind: "port", opens: port } as const],
      ].filter(({ opens }) => seeTheSame(observations, [address, opens]));
    });
    const controls = new Map<FilterTest, { both?: NatProbeResult; port?: NatProbeResult }>();
    if (wanted.length > 0) {
      const socketOf = ({ test, kind }: typeof wanted[number]) =>
        `filter ${kind === "both" ? "address" : "port"} ${test.server.index + 1}`;
      yield* this.#run(
        "Opening the way in",
        wanted.map((one) => this.#ask(socketOf(one), one.opens)),
      );
      const results = yield* this.#run(
        "Checking that the servers answer from elsewhere",
        wanted.map((one) =>
          this.#askChange(socketOf(one), one.test.server.address, {
            changeAddress: one.kind === "both",
            changePort: true,
          })
        ),
      );
      wanted.forEach(({ test, kind }, i) => {
        controls.set(test, { ...controls.get(test), [kind]: results[i] });
      });
    }
    return new Map(filters.map((test) => {
      const { both, port } = controls.get(test) ?? {};
      return [test, { both, port }];
    }));
  }

  /** RFC 4787 section 6: two sockets send to each other's outside endpoint. */
  *testHairpinning(
    { verdict: mapping, observations }: MappingTest,
  ): NatSteps<UdpNatReport["hairpinning"]> {
    if (mapping.value === "none") return hairpinningUnknown("there is no NAT to go through");
    const [server] = observations;
    if (server === undefined) return hairpinningUnknown("no server tells what it sees");
    const names = ["hairpin 1", "hairpin 2"] as const;
    const opened = yield* this.#run(
      "Two ports for the hairpinning test",
      names.map((name) => this.#ask(name, server.to)),
    );
    const [first, second] = opened.map((answer) => reflexiveOf(answer));
    if (first === undefined || second === undefined) {
      return hairpinningUnknown("the server answers no more");
    }
    // Either of the two is enough, so half of the patience is
    const patience = { timing: HAIRPIN_TIMING, asks: "hairpin", expects: "itself" } as const;
    const arrivals = yield* this.#run("Hairpinning", [
      { ...this.#ask(names[0], second), ...patience, arrivesOn: names[1] },
      { ...this.#ask(names[1], first), ...patience, arrivesOn: names[0] },
    ]);
    return judgeHairpinning({ opened, arrivals, mapping });
  }

  blocked(servers: readonly Server[]): UdpNatReport {
    const reason = servers.length === 1 ? "the server did not answer" : "no server answered";
    const nothing = { value: "unknown", confidence: "none", reason } as const;
    return {
      reachable: false,
      reflexive: undefined,
      local: servers[0]?.hello.local,
      mapping: { ...nothing, depends: false },
      filtering: nothing,
      classic: "blocked",
      hairpinning: nothing,
      portPreservation: nothing,
      servers: servers.map(({ address }) => ({
        address,
        answered: false,
        other: undefined,
        filtering: nothing,
      })),
      evidence: this.#evidence,
    };
  }

  report(found: {
    readonly servers: readonly Server[];
    readonly filters: readonly FilterTest[];
    readonly mapping: MappingTest;
    readonly controls: ReadonlyMap<FilterTest, Control>;
    readonly hairpinning: UdpNatReport["hairpinning"];
  }): UdpNatReport {
    const { servers, filters, mapping: { observations, verdict: mapping }, controls } = found;
    const reports = servers.map(({ address, hello, other }) => {
      const test = filters.find(({ server }) => server.address === address);
      const seen: FilteringObservation | undefined = test && {
        server: address,
        other: test.other,
        both: test.both,
        port: test.port,
        otherAlive: seenBy(observations, test.other) !== undefined,
        otherPortAlive:
          seenBy(observations, { ip: address.ip, port: test.other.port }) !== undefined,
        attempts: [
          hello.attempts,
          ...observations.filter(({ to }) =>
            equalIps(to.ip, address.ip) || equalIps(to.ip, test.other.ip)
          ).map(({ attempts }) => attempts),
        ],
        bothControl: controls.get(test)?.both,
        portControl: controls.get(test)?.port,
      };
      const filtering = seen === undefined
        ? untested({ address, hello, other })
        : judgeFiltering(seen);
      return { address, answered: hello.answered, other, filtering };
    });
    const filtering = mergeFiltering(
      reports.filter(({ answered }) => answered).map((one) => one.filtering),
    );
    const first = servers.find(({ hello }) => reflexiveOf(hello) !== undefined)?.hello ??
      servers.find(({ hello }) => hello.answered)!.hello;
    return {
      reachable: true,
      reflexive: reflexiveOf(first),
      // A socket on every address does not know which of them it used; here the server does
      local: mapping.value === "none" ? reflexiveOf(first) : first.local,
      mapping,
      filtering,
      classic: classicNat({
        reachable: true,
        mapping: mapping.value,
        filtering: filtering.value,
        mappingDepends: mapping.depends,
      }),
      hairpinning: found.hairpinning,
      portPreservation: judgePortPreservation(this.#results),
      servers: reports,
      evidence: this.#evidence,
    };
  }

  *#run(title: string, probes: readonly NatProbe[]): NatSteps<readonly NatProbeResult[]> {
    const results = yield { title, probes };
    probes.forEach((probe, i) => this.#evidence.push(evidenceOf(probe, results[i]!)));
    this.#results.push(...results.filter((_, i) => probes[i]!.expects !== "itself"));
    return results;
  }

  #ask(socket: string, to: SocketAddress): NatProbe {
    const request = bindingRequest(this.#options.transactionId());
    return { socket, to, request, timing: PATIENT_TIMING, asks: "binding" };
  }

  #askChange(
    socket: string,
    to: SocketAddress,
    change: { readonly changeAddress: boolean; readonly changePort: boolean },
  ): NatProbe {
    const attributes = [attribute(CHANGE_REQUEST, change)];
    return {
      socket,
      to,
      request: bindingRequest(this.#options.transactionId(), attributes),
      timing: PATIENT_TIMING,
      asks: change.changeAddress
        ? "answer from another address and port"
        : "answer from another port",
    };
  }

  #isOurs(reflexive: SocketAddress, local: SocketAddress): boolean {
    return reflexive.port === local.port && this.#options.isOwnIp(reflexive.ip);
  }
}

/** Whether anybody can be sent to there, from where the server itself was sent to. */
function isDestination(
  other: SocketAddress | undefined,
  server: SocketAddress,
): other is SocketAddress {
  return other !== undefined && other.port > 0 && other.ip.length === server.ip.length &&
    !isUnspecifiedIp(other.ip);
}

/** What a destination saw, if it answered when it was asked directly. */
function seenBy(
  observations: readonly MappingObservation[],
  at: SocketAddress,
): SocketAddress | undefined {
  return observations.find(({ to }) => equalSocketAddresses(to, at))?.reflexive;
}

/** Whether both destinations saw one and the same endpoint. */
function seeTheSame(
  observations: readonly MappingObservation[],
  both: readonly [SocketAddress, SocketAddress],
): boolean {
  const [one, two] = both.map((at) => seenBy(observations, at));
  return one !== undefined && two !== undefined && equalSocketAddresses(one, two);
}

/** Why a server was not asked about the filtering. */
function untested(
  { address, hello, other }: Pick<Server, "address" | "hello" | "other">,
): Verdict<NatFiltering> {
  const why = !hello.answered
    ? "it did not answer"
    : other === undefined
    ? "this server has no RFC 5780"
    : equalIps(other.ip, address.ip)
    ? "the server's other address is the same IP address"
    : "the server's other address is none that nothing else is sent to";
  return { value: "unknown", confidence: "none", reason: `this cannot be told: ${why}` };
}

const HAIRPIN_TIMING = { ...PATIENT_TIMING, maxRequests: 7 };
