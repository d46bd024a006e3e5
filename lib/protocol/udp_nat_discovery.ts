import {
  attribute,
  CHANGE_REQUEST,
  CHANGED_ADDRESS,
  equalIps,
  equalSocketAddresses,
  OTHER_ADDRESS,
  type SocketAddress,
} from "../wire/mod.ts";
import { type FilteringObservation, judgeFiltering, mergeFiltering } from "./filtering_verdict.ts";
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
  const controls = yield* discovery.testControls(filters, mapping.verdict);
  const hairpinning = yield* discovery.testHairpinning(servers, mapping.verdict);
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
  readonly observations: readonly MappingObservation[];
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
      return { index, address, hello, other };
    });
  }

  /** RFC 5780 section 4.4. */
  *testFilters(servers: readonly Server[]): NatSteps<readonly FilterTest[]> {
    const candidates = servers.flatMap((server) => {
      const { other, address, hello } = server;
      const usable = hello.answered && other !== undefined &&
        other.ip.length === address.ip.length && other.port !== address.port &&
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
    const results = yield* this.#run(
      "Filtering",
      candidates.flatMap(({ server }, i) => [
        this.#askChange(sockets[i]![0], server.address, { changeAddress: true, changePort: true }),
        this.#askChange(sockets[i]![1], server.address, { changeAddress: false, changePort: true }),
      ]),
    );
    return candidates.map(({ server, other }, i) => ({
      server,
      other,
      both: results[2 * i]!,
      port: results[2 * i + 1]!,
    }));
  }

  /** RFC 5780 section 4.3, from one socket to every address that is known. */
  *testMapping(servers: readonly Server[]): NatSteps<MappingTest> {
    const destinations = servers.filter(({ hello }) => hello.answered)
      .flatMap(({ address, other }) =>
        other === undefined || other.ip.length !== address.ip.length ? [address] : [
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
      const reflexive = reflexiveOf(results[i]);
      return reflexive === undefined ? [] : [{ to, reflexive }];
    });
    const { local } = results[0]!;
    return {
      observations,
      verdict: judgeMapping(observations, (reflexive) => this.#isOurs(reflexive, local)),
    };
  }

  /**
   * Where an answer stayed away: opens the way in for it and asks once more. If it comes now, the
   * server speaks and the silence was the filter's. A mapping that depends on the destination makes
   * this impossible: what is opened is another endpoint then.
   */
  *testControls(
    filters: readonly FilterTest[],
    mapping: MappingVerdict,
  ): NatSteps<ReadonlyMap<FilterTest, Control>> {
    const stable = mapping.value === "none" || mapping.value === "endpoint-independent";
    const wanted = filters.flatMap((test) => {
      const { server, other } = test;
      const silentBoth = !test.both.answered && stable;
      const silentPort = !test.port.answered && !test.both.answered &&
        (stable || mapping.value === "address-dependent");
      return [
        ...silentBoth ? [{ test, kind: "both", opens: other }] as const : [],
        ...silentPort
          ? [{ test, kind: "port", opens: { ip: server.address.ip, port: other.port } }] as const
          : [],
      ];
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
    servers: readonly Server[],
    mapping: MappingVerdict,
  ): NatSteps<UdpNatReport["hairpinning"]> {
    if (mapping.value === "none") {
      return { value: "unknown", confidence: "none", reason: "there is no NAT to go through" };
    }
    const server = servers.find(({ hello }) => hello.answered)!;
    const names = ["hairpin 1", "hairpin 2"] as const;
    const answers = yield* this.#run(
      "Two ports for the hairpinning test",
      names.map((name) => this.#ask(name, server.address)),
    );
    const [first, second] = answers.map((answer) => reflexiveOf(answer));
    if (first === undefined || second === undefined) {
      return { value: "unknown", confidence: "none", reason: "the server answered no more" };
    }
    const arrivals = yield* this.#run("Hairpinning", [
      { ...this.#ask(names[0], second), asks: "hairpin", expects: "itself", arrivesOn: names[1] },
      { ...this.#ask(names[1], first), asks: "hairpin", expects: "itself", arrivesOn: names[0] },
    ]);
    if (arrivals.some(({ answered }) => answered)) {
      return {
        value: "yes",
        confidence: "high",
        reason: "a packet to the outside endpoint of another port of this host came back in",
      };
    }
    // With a mapping by destination, the endpoint that the server saw is not for others
    const stable = mapping.value === "endpoint-independent";
    return stable
      ? {
        value: "no",
        confidence: "high",
        reason: "packets between the outside endpoints of two ports of this host do not arrive",
      }
      : {
        value: "unknown",
        confidence: "none",
        reason: "the mapping depends on the destination, so there is no endpoint to send to",
      };
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
    const alive = (to: SocketAddress) =>
      observations.some((one) => equalSocketAddresses(one.to, to));
    const reports = servers.map(({ address, hello, other }) => {
      const test = filters.find(({ server }) => server.address === address);
      const seen: FilteringObservation | undefined = test && {
        server: address,
        other: test.other,
        both: test.both,
        port: test.port,
        otherAlive: alive(test.other),
        otherPortAlive: alive({ ip: address.ip, port: test.other.port }),
        bothControl: controls.get(test)?.both,
        portControl: controls.get(test)?.port,
      };
      const filtering = seen === undefined ? untested(hello, other) : judgeFiltering(seen);
      return { address, answered: hello.answered, other, filtering };
    });
    const filtering = mergeFiltering(
      reports.filter(({ answered }) => answered).map((one) => one.filtering),
    );
    const first = servers.find(({ hello }) => hello.answered)!.hello;
    return {
      reachable: true,
      reflexive: reflexiveOf(first),
      local: first.local,
      mapping,
      filtering,
      classic: classicNat({
        reachable: true,
        mapping: mapping.value,
        filtering: filtering.value,
        mappingDepends: mapping.depends,
      }),
      hairpinning: found.hairpinning,
      portPreservation: this.#judgePorts(),
      servers: reports,
      evidence: this.#evidence,
    };
  }

  #judgePorts(): UdpNatReport["portPreservation"] {
    const seen = this.#results.flatMap((result) => {
      const reflexive = reflexiveOf(result);
      return reflexive === undefined ? [] : [reflexive.port === result.local.port];
    });
    const kept = seen.filter((same) => same).length;
    if (seen.length === 0) {
      return { value: "unknown", confidence: "none", reason: "no server answered" };
    }
    return {
      value: kept === seen.length ? "yes" : "no",
      confidence: "high",
      reason: `${kept} of ${seen.length} answers show the port of the socket itself`,
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

/** Why a server was not asked about the filtering. */
function untested(hello: NatProbeResult, other: SocketAddress | undefined): Verdict<NatFiltering> {
  const why = !hello.answered
    ? "it did not answer"
    : other === undefined
    ? "this server has no RFC 5780"
    : "its other address is not one that nothing has been sent to";
  return { value: "unknown", confidence: "none", reason: `this cannot be told: ${why}` };
}
