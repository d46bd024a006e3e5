import {
  attribute,
  DIAL_BACK,
  equalIps,
  equalSocketAddresses,
  formatSocketAddress,
  isUnspecifiedIp,
  MAPPED_ADDRESS,
  OTHER_ADDRESS,
  type SocketAddress,
  type StunMessage,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../wire/mod.ts";
import {
  type DialBackFinding,
  judgeDialBack,
  mergeDialBacks,
  NO_WAY_TO_TELL,
} from "./dial_back_finding.ts";
import { judgeMapping, type MappingVerdict } from "./mapping_verdict.ts";
import { type ClassicNat, classicNat, type NatFiltering, type Verdict } from "./nat_behaviour.ts";
import { bindingRequest, type NatEvidence } from "./nat_probe.ts";
import type { TcpNatStep, TcpNatStepResult } from "./tcp_nat_step.ts";

export type {
  TcpAskStep,
  TcpConnectStep,
  TcpListenStep,
  TcpNatStep,
  TcpNatStepResult,
  TcpNatVisit,
} from "./tcp_nat_step.ts";

/** What {@linkcode discoverTcpNat} needs. */
export interface TcpNatDiscoveryOptions {
  /** The servers' addresses, all of one family, the most trusted first. */
  readonly servers: readonly SocketAddress[];
  /** A fresh transaction id, 12 random bytes, at each call. */
  readonly transactionId: () => Uint8Array;
}

/** What was found out about TCP. */
export interface TcpNatReport {
  /** Whether any server could be connected to. */
  readonly reachable: boolean;
  /** The outside endpoint of the first connection. */
  readonly reflexive: SocketAddress | undefined;
  /** The first connection's own address. */
  readonly local: SocketAddress | undefined;
  /** How endpoints are mapped. */
  readonly mapping: MappingVerdict;
  /** Who can connect. */
  readonly filtering: Verdict<NatFiltering>;
  /** The name that RFC 3489 would have for it. */
  readonly classic: ClassicNat;
  /** All that was tried, and what came of it. */
  readonly evidence: readonly NatEvidence[];
}

/**
 * Finds out what a NAT does to TCP, as a generator like `discoverUdpNat`: the filtering by
 * DIAL-BACK, from a port that nothing but one server has seen; the mapping by several connections
 * from one other port.
 */
export function* discoverTcpNat(
  options: TcpNatDiscoveryOptions,
): Generator<TcpNatStep, TcpNatReport, TcpNatStepResult> {
  const discovery = new TcpNatDiscovery(options);
  const hello = yield* discovery.reachServer();
  if (hello === undefined) return discovery.blocked();
  const filtering = yield* discovery.testFiltering(hello);
  const mapping = yield* discovery.testMapping(hello);
  return discovery.report({ hello, filtering, mapping });
}

/** A connection to the server from a local port that no other has seen; both have the same name. */
interface Witness {
  readonly name: string;
  readonly local: SocketAddress;
}

/** The server that the filtering is tested with. */
interface Hello extends Witness {
  readonly server: SocketAddress;
  readonly reflexive: SocketAddress;
  readonly other: SocketAddress | undefined;
}

type Steps<T> = Generator<TcpNatStep, T, TcpNatStepResult>;

class TcpNatDiscovery {
  readonly #options: TcpNatDiscoveryOptions;
  readonly #evidence: NatEvidence[] = [];

  constructor(options: TcpNatDiscoveryOptions) {
    this.#options = options;
  }

  /** The first server that has another address, or else the first that answers. */
  *reachServer(): Steps<Hello | undefined> {
    let plain: Hello | undefined;
    for (const [i, server] of this.#options.servers.entries()) {
      // What one server's packets open must not be taken for open to the other address of the next
      const name = `filter ${i + 1}`;
      const title = `Connecting to ${formatSocketAddress(server)}`;
      const { connected: [local] = [] } = yield {
        kind: "connect",
        title,
        connections: [{ connection: name, port: name, to: server }],
      };
      if (typeof local !== "object") {
        this.#noteFailure("filter", server, local ?? "failed");
        continue;
      }
      const at = { connection: name, socket: "filter", local, to: server };
      const response = yield* this.#ask(title, at);
      const reflexive = response && reflexiveIn(response);
      if (response === undefined || reflexive === undefined) continue;
      const other = valueOf(response, OTHER_ADDRESS);
      const hello = { name, server, local, reflexive, other };
      if (other !== undefined) return hello;
      plain ??= hello;
    }
    return plain;
  }

  *testFiltering(hello: Hello): Steps<Verdict<NatFiltering>> {
    const { server, other } = hello;
    const witnesses = yield* this.#listen(hello);
    if (witnesses.length === 0) return cannot("the local port cannot be listened on");
    const elsewhere = other !== undefined && !equalIps(other.ip, server.ip);
    const fromAddress = elsewhere
      ? yield* this.#dialBacks(server, { witnesses, changeAddress: true })
      : "unsupported";
    if (fromAddress === "connected") {
      return {
        value: "endpoint-independent",
        confidence: "high",
        reason: "the server's other address, which had never been connected to, could connect",
      };
    }
    if (fromAddress in NO_WAY_TO_TELL) return cannot(NO_WAY_TO_TELL[fromAddress]!);
    const fromPort = yield* this.#dialBacks(server, { witnesses, changeAddress: false });
    if (fromPort === "connected") {
      return fromAddress === "unsupported"
        ? cannot("another port can connect, and the server has no other address to try from")
        : {
          value: "address-dependent",
          confidence: "medium",
          reason: "another port of the server could connect, its other address could not",
        };
    }
    if (fromPort === "unsupported") return cannot("the server dials nobody back");
    if (fromPort in NO_WAY_TO_TELL) return cannot(NO_WAY_TO_TELL[fromPort]!);
    return {
      value: "address-and-port-dependent",
      confidence: "medium",
      reason: `a connection from another port of the server was ${WORDS[fromPort]}`,
    };
  }

  *testMapping(hello: Hello): Steps<MappingVerdict> {
    const { server, other } = hello;
    const known = [
      server,
      ...other === undefined ? [] : [
        { ip: other.ip, port: server.port },
        other,
        { ip: server.ip, port: other.port },
      ],
      ...this.#options.servers,
    ];
    const destinations = known.filter((to, i) =>
      to.ip.length === server.ip.length && to.port !== 0 && !isUnspecifiedIp(to.ip) &&
      known.findIndex((one) => equalSocketAddresses(one, to)) === i
    );
    const title = "Mapping: several connections from one port";
    const { connected = [] } = yield {
      kind: "connect",
      title,
      connections: destinations.map((to, i) => ({
        connection: `map ${i + 1}`,
        port: "mapping",
        to,
      })),
    };
    const open = destinations.flatMap((to, i) => {
      const local = connected[i];
      if (typeof local === "object") return [{ to, local, connection: `map ${i + 1}` }];
      this.#noteFailure("mapping", to, local ?? "failed");
      return [];
    });
    const observations = [];
    for (const one of open) {
      const response = yield* this.#ask(title, { ...one, socket: "mapping" });
      const reflexive = response && reflexiveIn(response);
      if (reflexive !== undefined) observations.push({ to: one.to, reflexive });
    }
    const local = open[0]?.local;
    return judgeMapping(
      observations,
      (reflexive) => local !== undefined && equalSocketAddresses(reflexive, local),
    );
  }

  blocked(): TcpNatReport {
    const reason = "no server could be connected to";
    const nothing = { value: "unknown", confidence: "none", reason } as const;
    return {
      reachable: false,
      reflexive: undefined,
      local: undefined,
      mapping: { ...nothing, depends: false },
      filtering: nothing,
      classic: "blocked",
      evidence: this.#evidence,
    };
  }

  report(found: {
    readonly hello: Hello;
    readonly filtering: Verdict<NatFiltering>;
    readonly mapping: MappingVerdict;
  }): TcpNatReport {
    const { hello: { reflexive, local }, filtering, mapping } = found;
    return {
      reachable: true,
      reflexive,
      local,
      mapping,
      filtering,
      classic: classicNat({
        reachable: true,
        mapping: mapping.value,
        filtering: filtering.value,
        mappingDepends: mapping.depends,
      }),
      evidence: this.#evidence,
    };
  }

  *#ask(
    title: string,
    at: {
      readonly connection: string;
      readonly socket: string;
      readonly local: SocketAddress;
      readonly to: SocketAddress;
    },
  ): Steps<StunMessage | undefined> {
    const { connection, socket, local, to } = at;
    const request = bindingRequest(this.#options.transactionId());
    const { answers: [answer] = [] } = yield {
      kind: "ask",
      title,
      questions: [{ connection, request }],
    };
    const common = { transport: "tcp", socket, local, to, asks: "binding", attempts: 1 } as const;
    if (answer === undefined) {
      this.#evidence.push(common);
      return undefined;
    }
    const reflexive = reflexiveIn(answer.response);
    this.#evidence.push({
      ...common,
      from: to,
      rttMs: answer.rttMs,
      ...reflexive === undefined ? {} : { reflexive },
    });
    return answer.response;
  }

  /**
   * Listens on the port of a connection, and on those of two more to the same server. A dial-back
   * tries for 5 s: with one packet in ten lost each way, one in a thousand fails for no other reason.
   */
  *#listen(hello: Hello): Steps<readonly Witness[]> {
    const { name, server: to } = hello;
    const more = [`${name} b`, `${name} c`];
    const { connected = [] } = yield {
      kind: "connect",
      title: "Connecting for dial-backs",
      connections: more.map((name) => ({ connection: name, port: name, to })),
    };
    const connections: Witness[] = [hello];
    more.forEach((name, i) => {
      const local = connected[i];
      if (typeof local === "object") connections.push({ name, local });
    });
    const witnesses: Witness[] = [];
    for (const { name, local } of connections) {
      const title = "Listening for dial-backs";
      const { listening } = yield { kind: "listen", title, port: name };
      if (listening === true) witnesses.push({ name, local });
    }
    return witnesses;
  }

  /** Has the server dial back to every witness at once. */
  *#dialBacks(
    to: SocketAddress,
    { witnesses, changeAddress }: {
      readonly witnesses: readonly Witness[];
      readonly changeAddress: boolean;
    },
  ): Steps<DialBackFinding> {
    const asks = `dial-back from another ${changeAddress ? "address" : "port"}`;
    const tokens = witnesses.map(() => this.#options.transactionId().slice(0, 8));
    const { answers = [], visits } = yield {
      kind: "ask",
      title: `D${asks.slice(1)}`,
      questions: witnesses.map(({ name }, i) => ({
        connection: name,
        request: bindingRequest(this.#options.transactionId(), [
          attribute(DIAL_BACK, { changeAddress, changePort: true, token: tokens[i]! }),
        ]),
      })),
    };
    return mergeDialBacks(witnesses.map(({ local }, i) => {
      const answer = answers[i];
      const { finding, note } = judgeDialBack({
        token: tokens[i]!,
        response: answer?.response,
        visits,
        forbidden: changeAddress ? to.ip : undefined,
      });
      const from = answer === undefined ? {} : { from: to, rttMs: answer.rttMs };
      const common = { transport: "tcp", socket: "filter", attempts: 1 } as const;
      this.#evidence.push({ ...common, local, to, asks, ...from, note });
      return finding;
    }));
  }

  #noteFailure(socket: string, to: SocketAddress, failure: string | SocketAddress): void {
    const nowhere = { ip: new Uint8Array(to.ip.length), port: 0 };
    const note = typeof failure === "string" ? failure : "failed";
    this.#evidence.push({
      transport: "tcp",
      socket,
      local: nowhere,
      to,
      asks: "connect",
      attempts: 1,
      note,
    });
  }
}

function reflexiveIn(response: StunMessage): SocketAddress | undefined {
  if (response.class !== "success") return undefined;
  return valueOf(response, XOR_MAPPED_ADDRESS) ?? valueOf(response, MAPPED_ADDRESS);
}

function cannot(why: string): Verdict<NatFiltering> {
  return { value: "unknown", confidence: "none", reason: `this cannot be told: ${why}` };
}

const WORDS: { readonly [finding in DialBackFinding]?: string } = {
  "refused": "refused on the way",
  "timed-out": "lost on the way",
  "unreachable": "turned away on the way",
};
