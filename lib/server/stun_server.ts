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
  StunResponder,
  type TransportProtocol,
} from "../protocol/mod.ts";
import { type CertifiedKey, checkCertificate, DENO_DATAGRAM_IO } from "../transport/mod.ts";
import {
  type DialBackOutcome,
  formatSocketAddress,
  isUnspecifiedIp,
  type SocketAddress,
} from "../wire/mod.ts";
import { DatagramService } from "./datagram_service.ts";
import {
  type AcceptingListener,
  type DatagramListener,
  type Listener,
  openListeners,
  socketOpener,
} from "./listeners.ts";
import { checkPorts, planListeners, type PlannedAddress } from "./listen_plan.ts";
import { type StreamLimits, type StreamPolicy, StreamService } from "./stream_service.ts";
import {
  readLimits,
  readServices,
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
  readonly io: "deno" | "batched";
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
  #policy: ServerPolicy;
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
    this.#policy = options;
    this.#limits = readLimits(options);
    this.#certified = options.tls;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    // What is wrong with the rest shows here, not when the sockets are open
    this.#makeResponder([]);
  }

  /** What became of all messages so far; undefined before the start. */
  get statistics(): ResponderStatistics | undefined {
    return this.#running?.responder.statistics;
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
    const { listeners, responder, datagrams, streams } = this.#running;
    const udp = datagrams.reduce((sum, { traffic }) => ({
      receivedBytes: sum.receivedBytes + traffic.received,
      sentBytes: sum.sentBytes + traffic.sent,
    }), { receivedBytes: 0, sentBytes: 0 });
    return {
      outcomes: responder.statistics.counts(),
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
      dialBacks: sum(responder.statistics.declinedDialBacks, streams.dialBacks),
      refusedConnections: streams.refused,
    };
  }

  /**
   * Opens the sockets and begins to answer.
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
        certified: this.#certified,
      }),
    });
    const listeners = groups.flat();
    const responder = this.#makeResponder(listeners);
    const observe = sampled(this.#options.onLatency);
    const common = { clock: this.#clock, logger: this.#logger, observe };
    const datagrams = groups
      .map((group) => group.filter((one): one is DatagramListener => one.transport === "udp"))
      .filter((group) => group.length > 0)
      .map((group) => new DatagramService({ ...common, group, responder }));
    const streams = new StreamService({
      ...common,
      policy: this.#streamPolicy(responder),
      groups: groups.map((group) =>
        group.filter((one): one is AcceptingListener => one.transport !== "udp")
      ),
    });
    this.#running = { listeners, responder, datagrams, streams };
    for (const service of [...datagrams, streams]) service.start();
    return listeners.map((one) => this.#announce(one));
  }

  /**
   * Goes by another policy from now on. Sockets and connections stay as they are, and what has been
   * counted stays counted.
   *
   * @throws {RangeError} If an option is out of its range; then nothing has changed.
   */
  reconfigure(policy: ServerPolicy): void {
    const former = { policy: this.#policy, limits: this.#limits };
    try {
      this.#limits = readLimits(policy);
      this.#policy = policy;
      if (this.#running === undefined) return void this.#makeResponder([]);
      const { listeners, datagrams, streams } = this.#running;
      const responder = this.#makeResponder(listeners, this.#running.responder.statistics);
      this.#running = { ...this.#running, responder };
      for (const service of datagrams) service.responder = responder;
      streams.policy = this.#streamPolicy(responder);
    } catch (error) {
      this.#policy = former.policy;
      this.#limits = former.limits;
      throw error;
    }
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
    const { datagrams = [], streams } = this.#running ?? {};
    await Promise.all([...datagrams, streams].map((service) => service?.close()));
  }

  /** As {@linkcode StunServer.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #makeResponder(
    listeners: readonly Listener[],
    statistics?: ResponderStatistics,
  ): StunResponder {
    const { software, authenticator, rateLimit, dialBack = true, addressTokens } = this.#policy;
    const { randomness = systemRandomness } = this.#options;
    // 48 random bits: enough that nobody can aim at one set of a table
    const seed = () => randomness.bytes(6).reduce((number, byte) => number * 256 + byte, 0);
    return new StunResponder({
      software,
      authenticator,
      addressTokens,
      statistics,
      ownAddresses: listeners.flatMap(({ address, socket }) => [
        ...address === undefined ? [] : [address],
        ...isUnspecifiedIp(socket.localAddress.ip) ? [] : [socket.localAddress],
      ]),
      rateLimiter: rateLimit && new RateLimiter({ ...rateLimit, seed: seed() }),
      dialBackPolicy: dialBack ? new DialBackPolicy({ seed: seed() }) : undefined,
    });
  }

  #streamPolicy(responder: StunResponder): StreamPolicy {
    return { responder, limits: this.#limits, proxies: this.#policy.proxies ?? [] };
  }

  #announce({ transport, role, socket }: Listener): StunServerListener {
    const io = "io" in socket ? socket.io : "deno";
    const address = socket.localAddress;
    const reason = transport === "udp" ? this.#options.datagramIo?.reason : undefined;
    this.#logger.info("listening", {
      transport,
      address: formatSocketAddress(address),
      io,
      ...role === "primary" ? {} : { role },
      ...reason === undefined ? {} : { reason },
    });
    return { transport, address, role, io };
  }
}

interface Running {
  readonly listeners: readonly Listener[];
  readonly responder: StunResponder;
  readonly datagrams: readonly DatagramService[];
  readonly streams: StreamService;
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

/** Lets one measurement of many through: a histogram costs more than an answer. */
function sampled(
  observe: ((seconds: number) => void) | undefined,
): ((seconds: number) => void) | undefined {
  if (observe === undefined) return undefined;
  let count = 0;
  return (seconds) => {
    if (count++ % SAMPLE_EVERY === 0) observe(seconds);
  };
}

const SAMPLE_EVERY = 64;
