import type { Clock } from "../ops/mod.ts";
import type { IpPrefix } from "../protocol/mod.ts";
import { type Datagram, type DatagramTransport, ListenError } from "../transport/mod.ts";
import { equalSocketAddresses, formatSocketAddress, type SocketAddress } from "../wire/mod.ts";
import { Admission } from "./_admission.ts";
import type { GatewayClosedEvent, GatewayEvent } from "./gateway_event.ts";

/** What a {@linkcode UdpGateway} needs. */
export interface UdpGatewayOptions {
  /** Where the service is. */
  readonly service: SocketAddress;
  /** Binds a socket from which the service is sent to. */
  readonly open: () => DatagramTransport;
  /** Sends a datagram of the service to a visitor. */
  readonly reply: (datagram: Datagram) => Promise<void>;
  /** Tells the time. */
  readonly clock: Clock;
  /** Told of who comes and goes. */
  readonly onEvent?: ((event: GatewayEvent) => void) | undefined;
  /** Who may come; everybody if it is empty. @default {[]} */
  readonly allow?: readonly IpPrefix[] | undefined;
  /**
   * How many visitors there may be at a time. Each takes a socket with a buffer of 64 KB.
   *
   * @default {256}
   */
  readonly maxConnections?: number | undefined;
}

/**
 * Forwards the datagrams of visitors to a service, as a NAT does: each visitor has a local port of
 * its own, so that the service can tell them apart, and loses it when nothing comes for long.
 */
export class UdpGateway {
  readonly #options: UdpGatewayOptions;
  readonly #admission: Admission;
  readonly #sessions = new Map<string, Session>();
  #count = 0;
  #closed = false;
  #receivedBytes = 0;
  #sentBytes = 0;

  /** Makes one; it binds no socket before the first visitor. */
  constructor(options: UdpGatewayOptions) {
    const { allow = [], maxConnections: most = 256, clock, onEvent = () => {} } = options;
    this.#options = options;
    this.#admission = new Admission({ allow, most, clock, onDenied: onEvent });
  }

  /** How many visitors there are. */
  get open(): number {
    return this.#sessions.size;
  }

  /** How many bytes of all visitors went to the service so far. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** How many bytes of the service went to all visitors so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /**
   * Passes a visitor's datagram on; resolves when the operating system has taken it, until when its
   * bytes are to be left alone. A newcomer for whom no socket can be had is one too many.
   */
  async take({ bytes, peer }: Datagram): Promise<void> {
    if (this.#closed) return;
    const session = this.#sessions.get(formatSocketAddress(peer)) ?? this.#admit(peer);
    if (session === undefined) return;
    session.lastHeard = this.#options.clock.now();
    session.receivedBytes += bytes.length;
    this.#receivedBytes += bytes.length;
    await session.socket.send([{ bytes, peer: this.#options.service }]);
  }

  /** Takes nothing any more, and closes all sockets. */
  async close(): Promise<void> {
    this.#closed = true;
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) this.#end(session, "aborted");
    await Promise.all(sessions.map(({ answering }) => answering));
  }

  #admit(peer: SocketAddress): Session | undefined {
    const { clock, onEvent } = this.#options;
    // What came with a datagram is valid until the next one
    const from = { ip: peer.ip.slice(), port: peer.port };
    const socket = this.#admission.admits(from, this.open) ? this.#bind(from) : undefined;
    if (socket === undefined) return undefined;
    const now = clock.now();
    const session: Session = {
      ...{ id: ++this.#count, from, socket, begun: now, lastHeard: now },
      ...{ answered: false, receivedBytes: 0, sentBytes: 0 },
      answering: Promise.resolve(),
      cancelTimer: () => {},
    };
    session.answering = this.#answer(session);
    this.#sessions.set(formatSocketAddress(from), session);
    this.#watch(session);
    onEvent?.({ event: "connection", id: session.id, from, open: this.open });
    return session;
  }

  #bind(from: SocketAddress): DatagramTransport | undefined {
    try {
      return this.#options.open();
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      this.#admission.deny(from, "too-many");
      return undefined;
    }
  }

  /** Sends a visitor what the service, and nobody else, sends to its port. */
  async #answer(session: Session): Promise<void> {
    const { service, reply, clock } = this.#options;
    for (;;) {
      const datagrams = await session.socket.receive();
      if (datagrams.length === 0) return;
      for (const { bytes, peer } of datagrams) {
        if (!equalSocketAddresses(peer, service)) continue;
        session.answered = true;
        session.lastHeard = clock.now();
        session.sentBytes += bytes.length;
        this.#sentBytes += bytes.length;
        await reply({ bytes, peer: session.from });
      }
    }
  }

  /** One timer a visitor, whatever comes: it looks at the time when it rings. */
  #watch(session: Session): void {
    const { clock } = this.#options;
    const idleMs = session.answered ? ANSWERED_IDLE_MS : UNANSWERED_IDLE_MS;
    const leftMs = session.lastHeard + idleMs - clock.now();
    if (leftMs <= 0) this.#end(session, "idle");
    else session.cancelTimer = clock.setTimer(leftMs, () => this.#watch(session));
  }

  #end(session: Session, outcome: GatewayClosedEvent["outcome"]): void {
    const { clock, onEvent } = this.#options;
    const { id, from, begun, receivedBytes, sentBytes } = session;
    session.cancelTimer();
    session.socket.close();
    this.#sessions.delete(formatSocketAddress(from));
    const elapsedMs = clock.now() - begun;
    const { open } = this;
    onEvent?.({ event: "closed", id, from, outcome, receivedBytes, sentBytes, elapsedMs, open });
  }
}

interface Session {
  readonly id: number;
  readonly from: SocketAddress;
  readonly socket: DatagramTransport;
  /** When it came, by the clock. */
  readonly begun: number;
  /** When a datagram of either side came last. */
  lastHeard: number;
  /** Whether the service has ever answered. */
  answered: boolean;
  receivedBytes: number;
  sentBytes: number;
  /** Resolves when its socket is closed. */
  answering: Promise<void>;
  cancelTimer: () => void;
}

/** RFC 4787 REQ-5: a mapping lives for two minutes at least. */
const ANSWERED_IDLE_MS = 120_000;

/** Sources can be forged: whom the service does not answer gives the place back sooner. */
const UNANSWERED_IDLE_MS = 30_000;
