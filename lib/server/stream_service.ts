import { type Clock, type Logger, ThrottledLogger } from "../ops/mod.ts";
import {
  type DialBackOrder,
  ipInPrefix,
  type IpPrefix,
  sourceKey,
  type StunResponder,
} from "../protocol/mod.ts";
import { AcceptError, knock, type StreamConnection } from "../transport/mod.ts";
import type { DialBackOutcome, SocketAddress } from "../wire/mod.ts";
import { AnswerRooms } from "./answer_room.ts";
import type { LatencySampler } from "./latency_sampler.ts";
import type { AcceptingListener } from "./listeners.ts";
import {
  type StreamHouse,
  StreamSession,
  type StreamTimeouts,
  type Traffic,
} from "./stream_session.ts";

/** How much strangers may take. */
export interface StreamLimits {
  /** Open connections in all. */
  readonly maxConnections: number;
  /** Open connections of one address: an IPv4 address, an IPv6 /64. */
  readonly maxConnectionsPerAddress: number;
  /** The greatest message, in bytes. */
  readonly maxMessageBytes: number;
  /** How long a connection may do nothing useful. */
  readonly timeouts: StreamTimeouts;
}

/** What a {@linkcode StreamService} goes by; may be exchanged while it runs. */
export interface StreamPolicy {
  /** Decides the answers. */
  readonly responder: StunResponder;
  /** How much strangers may take. */
  readonly limits: StreamLimits;
  /** The load balancers whose PROXY headers are believed. */
  readonly proxies: readonly IpPrefix[];
}

/** What a {@linkcode StreamService} is made of. */
export interface StreamServiceOptions {
  /** The listening sockets; those of one inner list answer for each other. */
  readonly groups: readonly (readonly AcceptingListener[])[];
  /** What it goes by. */
  readonly policy: StreamPolicy;
  /** Takes samples of how long answering takes. */
  readonly latency?: LatencySampler | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
}

/** What carries a stream. */
export type StreamProtocol = AcceptingListener["transport"];

/** What went over the connections of one protocol. */
export interface StreamUsage extends Traffic {
  /** How many are open now. */
  connections: number;
}

/** Accepts connections, within limits, and holds them. */
export class StreamService {
  /** How many bytes have been read and written, and how many connections are open. */
  readonly usage: Readonly<Record<StreamProtocol, StreamUsage>> = {
    tcp: { received: 0, sent: 0, connections: 0 },
    tls: { received: 0, sent: 0, connections: 0 },
  };
  /** How often each outcome of a dial-back came about. */
  readonly dialBacks: Map<DialBackOutcome, number> = new Map();
  /** How many connections were refused at a cap. */
  refused = 0;
  readonly #options: StreamServiceOptions;
  readonly #warnings: ThrottledLogger;
  #policy: StreamPolicy;
  readonly #rooms = new AnswerRooms();
  /** What the connections of a socket have in common, under the policy of now. */
  readonly #houses = new Map<AcceptingListener, StreamHouse>();
  /** Each with the address that it counts for, once that is known. */
  readonly #sessions = new Map<StreamSession, string | undefined>();
  readonly #perAddress = new Map<string, number>();
  readonly #closing = new AbortController();
  #stopSweeping: (() => void) | undefined;
  #loops: Promise<unknown> = Promise.resolve();
  readonly #lastEnded = Promise.withResolvers<void>();

  /** Takes the listeners over; they are closed with the service. */
  constructor(options: StreamServiceOptions) {
    this.#options = options;
    this.#policy = options.policy;
    this.#warnings = new ThrottledLogger(options);
  }

  /** What new connections and new messages go by. */
  get policy(): StreamPolicy {
    return this.#policy;
  }

  set policy(policy: StreamPolicy) {
    this.#policy = policy;
    this.#houses.clear();
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Begins to accept. */
  start(): void {
    this.#loops = Promise.all(
      this.#options.groups.flatMap((group) =>
        group.map((listener) => this.#accept({ listener, group }))
      ),
    );
  }

  /** Stops accepting; resolves when what had been read is answered and all connections are closed. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#stopSweeping?.();
    for (const { socket } of this.#options.groups.flat()) socket.close();
    for (const session of this.#sessions.keys()) session.stop();
    if (this.#sessions.size > 0) await this.#untilLastEnded();
    await this.#loops;
  }

  async #untilLastEnded(): Promise<void> {
    const cancel = this.#options.clock.setTimer(CLOSE_PATIENCE_MS, () => {
      for (const session of this.#sessions.keys()) session.expire(Infinity);
    });
    await this.#lastEnded.promise;
    cancel();
  }

  async #accept(at: Doorway): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        const connection = await at.listener.socket.accept();
        if (connection === undefined) return;
        this.#admit(connection, at);
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        if (error instanceof AcceptError && error.peerGaveUp) continue;
        this.#warnings.warn("cannot accept connections", { error });
        if (error instanceof AcceptError && !error.transient) return;
        // Out of file descriptors, most often: held connections go on, new ones wait a moment
        await this.#pause();
      }
    }
  }

  #admit(connection: StreamConnection, at: Doorway): void {
    const { limits, proxies } = this.#policy;
    const peer = connection.remoteAddress.ip;
    if (this.#sessions.size >= limits.maxConnections) {
      return this.#refuse(connection, "too many connections", limits.maxConnections);
    }
    // Behind a balancer the address to be counted is known only when its header has been read. Over
    // TLS there is none: it would have to come before the handshake
    const proxied = at.listener.transport === "tcp" &&
      proxies.some((prefix) => ipInPrefix(peer, prefix));
    const onProxied = !proxied
      ? undefined
      : ({ ip }: SocketAddress): boolean => this.#enter(session, { connection, ip });
    const session: StreamSession = new StreamSession({ connection, onProxied }, this.#houseOf(at));
    if (!proxied && !this.#enter(session, { connection, ip: peer })) return;
    if (proxied) this.#sessions.set(session, undefined);
    this.usage[at.listener.transport].connections++;
    session.run();
    if (this.#stopSweeping === undefined) this.#sweep();
  }

  /** Counts a session for this address, or refuses its connection. Returns whether it is in. */
  #enter(
    session: StreamSession,
    { connection, ip }: { readonly connection: StreamConnection; readonly ip: Uint8Array },
  ): boolean {
    const { maxConnectionsPerAddress } = this.#policy.limits;
    const key = sourceKey(ip);
    const count = this.#perAddress.get(key) ?? 0;
    if (count >= maxConnectionsPerAddress) {
      this.#refuse(connection, "too many connections of one address", maxConnectionsPerAddress);
      return false;
    }
    this.#perAddress.set(key, count + 1);
    this.#sessions.set(session, key);
    return true;
  }

  #leave(session: StreamSession, transport: StreamProtocol): void {
    this.usage[transport].connections--;
    const key = this.#sessions.get(session);
    this.#sessions.delete(session);
    if (this.#sessions.size === 0 && this.#closing.signal.aborted) this.#lastEnded.resolve();
    if (key === undefined) return;
    const left = this.#perAddress.get(key)! - 1;
    if (left > 0) this.#perAddress.set(key, left);
    else this.#perAddress.delete(key);
  }

  /** One for all connections of a socket: ten thousand of them would be megabytes. */
  #houseOf(at: Doorway): StreamHouse {
    const known = this.#houses.get(at.listener);
    if (known !== undefined) return known;
    const { clock, logger, latency } = this.#options;
    const { timeouts, maxMessageBytes } = this.#policy.limits;
    const current = () => this.#policy.responder;
    const house: StreamHouse = {
      endpoint: at.listener,
      get responder() {
        return current();
      },
      timeouts,
      maxMessageBytes,
      dialBack: (order, from) => this.#dialBack(order, { from, ...at }),
      rooms: this.#rooms,
      traffic: this.usage[at.listener.transport],
      latency,
      clock,
      logger,
      onEnd: (session) => this.#leave(session, at.listener.transport),
    };
    this.#houses.set(at.listener, house);
    return house;
  }

  /** The new connection goes, the held ones stay: they are what people rely on. */
  #refuse(connection: StreamConnection, why: string, limit: number): void {
    this.refused++;
    this.#warnings.warn(`connection refused: ${why}`, { limit });
    connection.close();
  }

  async #dialBack(
    order: DialBackOrder,
    at: Doorway & { readonly from: StreamConnection },
  ): Promise<DialBackOutcome> {
    const other = at.group.find((one) => one.role === order.from && one !== at.listener);
    const localIp = (other?.socket ?? at.from).localAddress.ip;
    // A balancer may speak IPv4 with us and IPv6 with its client: what we cannot try is no verdict
    const outcome = localIp.length !== order.target.ip.length
      ? "unsupported"
      : await knock(order.target, {
        localIp,
        greeting: order.greeting,
        timeoutMs: order.timeoutMs,
        signal: this.#closing.signal,
      });
    this.dialBacks.set(outcome, (this.dialBacks.get(outcome) ?? 0) + 1);
    return outcome;
  }

  /**
   * One timer for all connections: thousands of timers would cost more than the connections do. None
   * where there are no connections: in Deno the first timer of a program takes 4 ms.
   */
  #sweep(): void {
    const { clock } = this.#options;
    this.#stopSweeping = clock.setTimer(SWEEP_MS, () => {
      const now = clock.now();
      for (const session of this.#sessions.keys()) session.expire(now);
      this.#stopSweeping = undefined;
      if (this.#sessions.size > 0) this.#sweep();
    });
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { signal } = this.#closing;
    const cancel = this.#options.clock.setTimer(ACCEPT_PAUSE_MS, resolve);
    const wake = () => resolve();
    signal.addEventListener("abort", wake);
    await promise;
    signal.removeEventListener("abort", wake);
    cancel();
  }
}

/** A listening socket, and those that answer for each other with it. */
interface Doorway {
  readonly listener: AcceptingListener;
  readonly group: readonly AcceptingListener[];
}

/** How exact timeouts are. */
const SWEEP_MS = 1000;
/** How long to wait when the system refuses to accept; long enough not to spin. */
const ACCEPT_PAUSE_MS = 100;
/** How long a stopping server waits for clients to take their last answers. */
const CLOSE_PATIENCE_MS = 5000;
