import {
  type Clock,
  type Logger,
  type ServerSnapshot,
  silentLogger,
  systemClock,
  systemRandomness,
} from "../ops/mod.ts";
import {
  DialBackPolicy,
  type EndpointRole,
  RateLimiter,
  type ResponderStatistics,
  shareResponder,
  StunResponder,
  type StunResponderOptions,
  type TransportProtocol,
} from "../protocol/mod.ts";
import {
  type CertifiedKey,
  checkCertificate,
  DENO_DATAGRAM_IO,
  DENO_STREAM_IO,
} from "../transport/mod.ts";
import {
  type DialBackOutcome,
  formatSocketAddress,
  isUnspecifiedIp,
  type SocketAddress,
} from "../wire/mod.ts";
import { DatagramService } from "./datagram_service.ts";
import { DatagramWorkers } from "./datagram_workers.ts";
import { LatencySampler } from "./latency_sampler.ts";
import {
  type AcceptingListener,
  type DatagramListener,
  isShared,
  type Listener,
  openListeners,
  socketOpener,
} from "./listeners.ts";
import { checkPorts, planListeners, type PlannedAddress } from "./listen_plan.ts";
import { type StreamLimits, type StreamPolicy, StreamService } from "./stream_service.ts";
import {
  readLimits,
  readServices,
  readWorkers,
  type ServerPolicy,
  type StunServerOptions,
} from "./stun_server_options.ts";

/** An open socket of a {@linkcode StunServer}. */
export interface StunServerListener {
  /** What it serves. */
  readonly transport: TransportProtocol;
  /** The address it is bound to. */
  readonly address: SocketAddress;
  /** Which of the four sockets of RFC 5780 it is. */
  readonly role: EndpointRole;
  /** How it talks to the system: through Deno, or in batches. */
  readonly io: "deno" | "batched" | "epoll";
}

/**
 * A STUN server on UDP and TCP (RFC 8489, 5389, 3489; RFC 5780 with an alternate address) whose TCP
 * connections are held for as long as their clients use them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { query, StunServer } from "@pinhole/stun";
 *
 * await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
 * const [listener] = server.start();
 * const { reflexive } = await query(`stun:127.0.0.1:${listener!.address.port}`);
 * assertEquals(reflexive.ip, Uint8Array.of(127, 0, 0, 1));
 * ```
 */
export class StunServer {
  readonly #options: StunServerOptions;
  readonly #addresses: readonly PlannedAddress[] | undefined;
  readonly #workerCount: number;
  #policy: ServerPolicy;
  #deciders: Deciders;
  #limits: StreamLimits;
  #certified: CertifiedKey | undefined;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #running: Running | undefined;

  /**
   * Makes a server that does not listen yet.
   *
   * @throws {RangeError} If an option is out of its range, or addresses do not go together.
   */
  constructor(options: StunServerOptions = {}) {
    this.#options = options;
    this.#addresses = planListeners(options);
    checkPorts(readServices(options), this.#addresses);
    this.#workerCount = readWorkers(options);
    this.#policy = options;
    this.#limits = readLimits(options);
    this.#certified = options.tls;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    // What is wrong with the rest shows here, not when the sockets are open
    this.#deciders = this.#decidersOf(options);
  }

  /**
   * What became of all messages so far; undefined before the start. With workers it is a sum, as of the
   * time of asking.
   */
  get statistics(): ResponderStatistics | undefined {
    const { responder, workers } = this.#running ?? {};
    return workers === undefined
      ? responder?.statistics
      : responder?.statistics.plus(workers.statistics);
  }

  /** How many TCP connections are open. */
  get connections(): number {
    return this.#running?.streams.connections ?? 0;
  }

  /** What the server has done since its start, for its metrics. */
  snapshot(): ServerSnapshot {
    if (this.#running === undefined) {
      return { outcomes: [], transports: [], dialBacks: {}, refusedConnections: 0 };
    }
    const { listeners, datagrams, workers, streams } = this.#running;
    const statistics = this.statistics!;
    const udp = { receivedBytes: 0, sentBytes: 0 };
    for (const service of [...datagrams, workers]) {
      udp.receivedBytes += service?.traffic.received ?? 0;
      udp.sentBytes += service?.traffic.sent ?? 0;
    }
    return {
      outcomes: statistics.counts(),
      transports: [...new Set(listeners.map(({ transport }) => transport))].map((transport) => {
        if (transport === "udp") return { transport, ...udp };
        const { received, sent, connections } = streams.usage[transport];
        return {
          transport,
          receivedBytes: received,
          sentBytes: sent,
          openConnections: connections,
        };
      }),
      dialBacks: sum(statistics.declinedDialBacks, streams.dialBacks),
      refusedConnections: streams.refused,
    };
  }

  /**
   * Opens the sockets and begins to answer. What comes over UDP before the workers have loaded, if there
   * are any, waits in the sockets: see {@linkcode StunServer.serving}.
   *
   * @returns The sockets, in the order of `hostnames`, of roles, then of `transports`.
   * @throws {CertificateError} If the certificate of TLS cannot be used; then no socket is open.
   * @throws {ListenError} If a socket cannot be opened; then none is.
   * @throws {TypeError} If the server has been started already.
   */
  start(): readonly StunServerListener[] {
    if (this.#running !== undefined) {
      throw new TypeError("Cannot start the server: it has been started already");
    }
    const groups = openListeners({
      addresses: this.#addresses,
      services: readServices(this.#options),
      open: socketOpener({
        datagramIo: this.#options.datagramIo ?? DENO_DATAGRAM_IO,
        streamIo: this.#options.streamIo ?? DENO_STREAM_IO,
        workers: this.#workerCount,
        certified: this.#certified,
      }),
    });
    const listeners = groups.flat();
    const parts = { ...this.#deciders, ownAddresses: ownAddresses(listeners) };
    const responder = new StunResponder(parts);
    const { onLatency } = this.#options;
    const latency = onLatency && new LatencySampler({ observe: onLatency, clock: this.#clock });
    const common = { clock: this.#clock, logger: this.#logger, latency };
    const datagrams = groups
      .map((group) => group.filter(isServedHere))
      .filter((group) => group.length > 0)
      .map((group) => new DatagramService({ ...common, group, responder }));
    const shared = groups.map((group) => group.filter(isShared));
    const workers = shared.flat().length === 0 ? undefined : new DatagramWorkers({
      ...common,
      count: this.#workerCount,
      groups: shared,
      responder: shareResponder(parts),
      onLatency,
    });
    const streams = new StreamService({
      ...common,
      policy: this.#streamPolicy(responder),
      groups: groups.map((group) =>
        group.filter((one): one is AcceptingListener => one.transport !== "udp")
      ),
    });
    this.#running = { listeners, responder, datagrams, workers, streams };
    for (const service of [...datagrams, workers, streams]) service?.start();
    return listeners.map((one) => this.#announce(one));
  }

  /**
   * Resolves when every worker answers; at once where there is none.
   *
   * @throws {WorkerError} If one cannot be started (as a rejection). The others serve, and it is tried
   * again.
   */
  async serving(): Promise<void> {
    await this.#running?.workers?.serving();
  }

  /**
   * Goes by another policy from now on; workers follow within moments. Sockets and connections stay as
   * they are, and what has been counted stays counted.
   *
   * @throws {RangeError} If an option is out of its range; then nothing has changed.
   */
  reconfigure(policy: ServerPolicy): void {
    const limits = readLimits(policy);
    const deciders = this.#decidersOf(policy);
    this.#limits = limits;
    this.#policy = policy;
    this.#deciders = deciders;
    if (this.#running === undefined) return;
    const { listeners, datagrams, workers, streams } = this.#running;
    const { statistics } = this.#running.responder;
    const parts = { ...deciders, ownAddresses: ownAddresses(listeners) };
    const responder = new StunResponder({ ...parts, statistics });
    workers?.change(shareResponder(parts));
    this.#running = { ...this.#running, responder };
    for (const service of datagrams) service.responder = responder;
    streams.policy = this.#streamPolicy(responder);
  }

  /**
   * Shows another certificate to those who connect over TLS from now on, if TLS is served at all.
   *
   * @throws {CertificateError} If it cannot be used; the one before stays in force.
   */
  replaceCertificate(certified: CertifiedKey): void {
    checkCertificate(certified);
    this.#certified = certified;
    for (const listener of this.#running?.listeners ?? []) {
      if (listener.transport === "tls") listener.socket.replaceCertificate(certified);
    }
  }

  /** Stops: accepts nothing more, finishes what was read, closes everything. */
  async close(): Promise<void> {
    const { datagrams = [], workers, streams } = this.#running ?? {};
    await Promise.all([...datagrams, workers, streams].map((service) => service?.close()));
    await this.#options.streamIo?.atRest();
  }

  /** As {@linkcode StunServer.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Tried out, so that what does not go together shows. */
  #decidersOf(policy: ServerPolicy): Deciders {
    const { software, authenticator, rateLimit, dialBack = true, addressTokens } = policy;
    const { randomness = systemRandomness } = this.#options;
    // 48 random bits: enough that nobody can aim at one set of a table
    const seed = () => randomness.bytes(6).reduce((number, byte) => number * 256 + byte, 0);
    const deciders = {
      software,
      authenticator,
      addressTokens,
      rateLimiter: rateLimit && new RateLimiter({ ...rateLimit, seed: seed() }),
      dialBackPolicy: dialBack ? new DialBackPolicy({ seed: seed() }) : undefined,
    };
    new StunResponder(deciders);
    if (this.#workerCount > 1) shareResponder(deciders);
    return deciders;
  }

  #streamPolicy(responder: StunResponder): StreamPolicy {
    return { responder, limits: this.#limits, proxies: this.#policy.proxies ?? [] };
  }

  #announce(listener: Listener): StunServerListener {
    const { transport, role, socket } = listener;
    const io = "io" in socket ? socket.io : "deno";
    const address = socket.localAddress;
    const reason = transport === "udp" ? this.#options.datagramIo?.reason : undefined;
    this.#logger.info("listening", {
      transport,
      address: formatSocketAddress(address),
      io,
      ...isShared(listener) ? { workers: this.#workerCount } : {},
      ...role === "primary" ? {} : { role },
      ...reason === undefined ? {} : { reason },
    });
    return { transport, address, role, io };
  }
}

/** What a policy makes of a responder. */
type Deciders = Omit<StunResponderOptions, "ownAddresses" | "statistics">;

interface Running {
  readonly listeners: readonly Listener[];
  readonly responder: StunResponder;
  readonly datagrams: readonly DatagramService[];
  /** In place of `datagrams`, where there are several threads. */
  readonly workers: DatagramWorkers | undefined;
  readonly streams: StreamService;
}

function ownAddresses(listeners: readonly Listener[]): SocketAddress[] {
  return listeners.flatMap(({ address, socket }) => [
    ...address === undefined ? [] : [address],
    ...isUnspecifiedIp(socket.localAddress.ip) ? [] : [socket.localAddress],
  ]);
}

function isServedHere(listener: Listener): listener is DatagramListener {
  return listener.transport === "udp" && !isShared(listener);
}

function sum(
  ...counts: readonly ReadonlyMap<DialBackOutcome, number>[]
): Partial<Record<DialBackOutcome, number>> {
  const total: Partial<Record<DialBackOutcome, number>> = {};
  for (const [outcome, count] of counts.flatMap((one) => [...one])) {
    total[outcome] = (total[outcome] ?? 0) + count;
  }
  return total;
}
