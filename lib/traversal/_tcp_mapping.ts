import { inTime, QueryError, readReflexive, StunConnection } from "../client/mod.ts";
import type { Clock, Randomness } from "../ops/mod.ts";
import { bindingRequest, type MappingObservation } from "../protocol/discovery/mod.ts";
import type { PunchFindings } from "../protocol/punch/mod.ts";
import { ConnectionError, type SharedTcpPort } from "../transport/mod.ts";
import { equalSocketAddresses, type SocketAddress } from "../wire/mod.ts";

/** What a {@linkcode TcpMapping} is made of. */
export interface TcpMappingOptions {
  /** The local port. */
  readonly port: SharedTcpPort;
  /** The servers, in one family. */
  readonly servers: readonly SocketAddress[];
  /** Tells the time. */
  readonly clock: Clock;
  /** Chooses the transaction ids. */
  readonly randomness: Randomness;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/**
 * What a NAT maps a TCP port to, and what keeps it so: connections to servers that stay open, as long
 * as the servers let them.
 */
export class TcpMapping implements AsyncDisposable {
  readonly #options: TcpMappingOptions;
  readonly #end = new AbortController();
  readonly #holds: Promise<void>[] = [];
  readonly #first: Promise<Sighting | undefined>[];

  /** Makes a mapping and begins to ask the servers. */
  constructor(options: TcpMappingOptions) {
    this.#options = options;
    this.#first = options.servers.map((server) => {
      const first = Promise.withResolvers<Sighting | undefined>();
      this.#holds.push(this.#hold(server, first.resolve));
      return first.promise;
    });
  }

  /** What the servers have seen, once each has answered or failed to. */
  async findings(): Promise<PunchFindings> {
    const sightings = (await Promise.all(this.#first)).filter((one) => one !== undefined);
    const hosts: SocketAddress[] = [];
    for (const { local } of sightings) {
      if (!hosts.some((host) => equalSocketAddresses(host, local))) hosts.push(local);
    }
    return { hosts, observations: sightings, asked: this.#options.servers.length };
  }

  /** Closes the connections: whoever has no connection of another kind is forgotten by the NAT. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#holds);
  }

  /** Connects, asks, and asks again and again; once more from the start if the server hangs up. */
  async #hold(
    server: SocketAddress,
    report: (first: Sighting | undefined) => void,
  ): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal, this.#end.signal]);
    const { clock } = this.#options;
    for (let tries = 0; tries < MAX_CONNECTIONS && !signal.aborted; tries++) {
      await this.#visit(server, { signal, report });
      // The first time, the findings must not wait for a server that is not there
      report(undefined);
      await pause(REDIAL_MS, { clock, signal });
    }
    report(undefined);
  }

  async #visit(
    server: SocketAddress,
    { signal, report }: {
      readonly signal: AbortSignal;
      readonly report: (first: Sighting) => void;
    },
  ): Promise<void> {
    const { port, clock, randomness } = this.#options;
    try {
      const stream = await inTime(
        { timeoutMs: ANSWER_MS, clock, signal },
        (signal) => port.connect(server, { signal }),
      );
      await using connection = new StunConnection(stream);
      // Before the connection is closed: FIN would keep the pair of addresses for a minute
      using _ = { [Symbol.dispose]: () => stream.reset() };
      const ended = new AbortController();
      void connection.ended.then(() => ended.abort());
      const either = AbortSignal.any([signal, ended.signal]);
      for (;;) {
        const request = bindingRequest(randomness.bytes(12));
        const answer = await connection.ask(request, { timeoutMs: ANSWER_MS, clock, signal });
        if (answer === undefined) return;
        const reflexive = readReflexive(answer.response, server);
        report({ local: connection.localAddress, to: server, reflexive });
        await pause(KEEP_ALIVE_MS, { clock, signal: either });
        if (either.aborted) return;
      }
    } catch (error) {
      if (!(error instanceof ConnectionError) && !(error instanceof QueryError)) throw error;
    }
  }
}

/** What a server has seen, and from where it came. */
interface Sighting extends MappingObservation {
  readonly local: SocketAddress;
}

/** Waits, or not that long if the signal is aborted. */
async function pause(
  ms: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  const cancel = clock.setTimer(ms, done);
  signal.addEventListener("abort", done, { once: true });
  await promise;
  cancel();
  signal.removeEventListener("abort", done);
}

/** The other side waits meanwhile, and most servers answer in a tenth of it. */
const ANSWER_MS = 3000;

/** A provider's NAT forgets silent connections after a minute or two, whatever RFC 5382 says. */
const KEEP_ALIVE_MS = 25_000;

/** Some servers hang up after 3 or 60 s; this holds for ten minutes and more with the latter. */
const REDIAL_MS = 1000;
const MAX_CONNECTIONS = 20;
