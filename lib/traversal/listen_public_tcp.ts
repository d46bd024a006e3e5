import { GreetedConnection } from "../client/mod.ts";
import { ThrottledLogger } from "../ops/mod.ts";
import {
  AcceptError,
  ListenError,
  openSharedTcpPort,
  type SharedTcpPort,
  type StreamConnection,
  type TcpPortSharing,
} from "../transport/mod.ts";
import { DIAL_BACK_RESULT, equalIps, formatSocketAddress, valueOf } from "../wire/mod.ts";
import { CappedQueue } from "./_capped_queue.ts";
import { DialBackDesk } from "./_dial_back_desk.ts";
import { CANNOT, diagnoseLink, explaining } from "./_endpoint_failure.ts";
import { HttpAnchor } from "./_http_anchor.ts";
import { MappingHolder } from "./_mapping_holder.ts";
import { PublicEndpoint } from "./_public_endpoint.ts";
import { StunLink } from "./_stun_link.ts";
import {
  type ListenPublicOptions,
  planPublicEndpoint,
  type PublicEndpointPlan,
} from "./listen_public_options.ts";
import {
  type DialBackFinding,
  ListeningGapEvent,
  type PublicTcpListener,
} from "./public_listener.ts";
import { PublicListenerError } from "./public_listener_error.ts";

/** How {@linkcode listenPublicTcp} listens. */
export interface ListenPublicTcpOptions extends ListenPublicOptions {
  /**
   * An `http:` URL whose server holds the mapping as well, by a HEAD request every `keepAliveMs`: for
   * STUN servers that close connections that are in use.
   *
   * @default {undefined} none
   */
  readonly keepAliveUrl?: string | URL | undefined;
  /** How the local port is shared. @default {"auto"} without gaps where that can be had */
  readonly sharing?: TcpPortSharing | "auto" | undefined;
  /**
   * How many connections may wait to be taken; those that come then are closed. A scan of all ports of
   * the NAT must not cost more than so many descriptors.
   *
   * @default {64}
   */
  readonly maxPending?: number | undefined;
}

/**
 * Listens on a local TCP port that the world can connect to, as far as the NAT lets it: connects to the
 * STUN servers from that port, learns its public address from them, and keeps the connections open.
 * Connections that come in are iterated over; a loop that ends leaves the listener open.
 *
 * @throws {PublicListenerError} If there is no public address (as a rejection). That there is no NAT is
 *   no error.
 * @throws {RangeError} If an option is out of range (as a rejection).
 */
export async function listenPublicTcp(
  options: ListenPublicTcpOptions,
): Promise<PublicTcpListener> {
  const { maxPending = 64, sharing } = options;
  if (!(Number.isInteger(maxPending) && maxPending >= 1)) {
    throw new RangeError(`${CANNOT}: maxPending is ${maxPending}, wanted 1 or more`);
  }
  const keepAliveUrl = readUrl(options.keepAliveUrl);
  const plan = await planPublicEndpoint(options);
  // There is no gap before it listens
  const onGap = (ms: number) => listener.gap(ms);
  const port = await explaining(
    plan.signal,
    () => openSharedTcpPort({ ...plan.local, sharing, onGap }),
  );
  const listener = new TcpListener(plan, { port, keepAliveUrl, maxPending });
  try {
    await listener.open();
    return listener;
  } catch (error) {
    await listener.close();
    throw error;
  }
}

class TcpListener extends PublicEndpoint implements PublicTcpListener {
  protected readonly holder: MappingHolder<StunLink>;
  readonly #port: SharedTcpPort;
  readonly #queue: CappedQueue<StreamConnection>;
  readonly #maxPending: number;
  readonly #desk: DialBackDesk;
  readonly #warnings: ThrottledLogger;
  /** Those that may be dial-backs. */
  readonly #guests = new Map<GreetedConnection, Promise<void>>();
  readonly #stop = new AbortController();
  #accepting: Promise<void> = Promise.resolve();

  constructor(
    plan: PublicEndpointPlan,
    { port, keepAliveUrl, maxPending }: {
      readonly port: SharedTcpPort;
      readonly keepAliveUrl: URL | undefined;
      readonly maxPending: number;
    },
  ) {
    super(plan, port.localAddress);
    const { servers, family, clock, randomness, logger } = plan;
    this.#port = port;
    this.#maxPending = maxPending;
    this.#queue = new CappedQueue(maxPending);
    this.#desk = new DialBackDesk(clock);
    this.#warnings = new ThrottledLogger({ logger, clock });
    const keepAliveMs = plan.keepAliveMs === Infinity
      ? undefined
      : Math.min(Math.max(plan.keepAliveMs, TCP_KEEP_ALIVE_MS.least), TCP_KEEP_ALIVE_MS.most);
    this.holder = new MappingHolder({
      servers: servers.map((server) => ({
        name: formatSocketAddress(server),
        address: server,
        connect: (signal) =>
          StunLink.connect({ port, server, keepAliveMs, clock, randomness, signal }),
      })),
      anchors: keepAliveUrl === undefined ? [] : [{
        name: keepAliveUrl.href,
        connect: (signal) =>
          HttpAnchor.connect({ port, url: keepAliveUrl, family, keepAliveMs, clock, signal }),
      }],
      keepAliveMs: plan.keepAliveMs,
      clock,
      randomness,
      diagnose: diagnoseLink,
      onNews: this.take,
    });
  }

  get sharing(): TcpPortSharing {
    return this.#port.sharing;
  }

  /** Learns the public address, and then listens: without SO_REUSEPORT it goes in no other order. */
  async open(): Promise<void> {
    await this.settle();
    await explaining(this.plan.signal, () => this.#port.listen());
    this.#accepting = this.#accept();
  }

  gap(ms: number): void {
    this.dispatchEvent(new ListeningGapEvent(ms));
  }

  async dialBack(
    { changeAddress = false }: { readonly changeAddress?: boolean } = {},
  ): Promise<DialBackFinding> {
    let finding: DialBackFinding | undefined;
    for (const link of this.#dialBackLinks(changeAddress)) {
      finding = await this.#dialBackFrom(link, changeAddress);
      if (!ANOTHER_MAY.includes(finding.outcome)) break;
    }
    if (finding === undefined) {
      const message = "Cannot ask for a dial-back: no server holds the mapping";
      throw new PublicListenerError(message, { code: "lost" });
    }
    return finding;
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamConnection> {
    return this.#queue[Symbol.asyncIterator]();
  }

  protected async release(error: Error | undefined): Promise<void> {
    this.#stop.abort();
    this.#port.close();
    this.#desk.close();
    for (const connection of [...this.#queue.end(error), ...this.#guests.keys()]) {
      connection.close();
    }
    await this.#accepting;
    await Promise.all(this.#guests.values());
  }

  /** The links to ask, the best first: those whose other address nothing is connected to. */
  #dialBackLinks(changeAddress: boolean): readonly StunLink[] {
    const { links } = this.holder;
    if (!changeAddress) return links;
    const rank = ({ other }: StunLink) => {
      if (other === undefined) return 2;
      return this.#isStranger(other.ip) ? 0 : 1;
    };
    return links.toSorted((a, b) => rank(a) - rank(b));
  }

  async #dialBackFrom(link: StunLink, changeAddress: boolean): Promise<DialBackFinding> {
    const token = this.plan.randomness.bytes(8);
    using expected = this.#desk.expect(token);
    const response = await link.dialBack({ changeAddress, token });
    const result = response && valueOf(response, DIAL_BACK_RESULT);
    const outcome = result?.outcome ?? (response === undefined ? "unanswered" : "unknown");
    // The answer comes on one connection, the visitor on another, and either may be first
    const from = outcome === "connected" ? await expected.arrival(VISITOR_MS) : expected.from;
    return {
      server: link.server,
      changeAddress,
      outcome,
      from,
      fromStranger: from !== undefined && this.#isStranger(from.ip),
      elapsedMs: result?.elapsedMs,
    };
  }

  #isStranger(ip: Uint8Array): boolean {
    return !this.plan.servers.some((server) => equalIps(server.ip, ip));
  }

  async #accept(): Promise<void> {
    for (;;) {
      try {
        const connection = await this.#port.accept();
        if (connection === undefined) return;
        this.#admit(connection);
      } catch (error) {
        if (error instanceof AcceptError && error.peerGaveUp) continue;
        if (error instanceof AcceptError && error.transient) {
          this.#warnings.warn("connection not accepted", { error });
          await this.#pause();
          continue;
        }
        if (error instanceof AcceptError || error instanceof ListenError) return this.fail(error);
        throw error;
      }
    }
  }

  #admit(connection: StreamConnection): void {
    if (this.#guests.size + this.#queue.size >= this.#maxPending) {
      return this.#refuse(connection);
    }
    if (!this.#desk.isExpecting) return this.#handOn(connection);
    const guest = new GreetedConnection(connection);
    this.#guests.set(guest, this.#receive(guest));
  }

  async #receive(guest: GreetedConnection): Promise<void> {
    const isDialBack = await this.#desk.receive(guest);
    this.#guests.delete(guest);
    if (isDialBack || this.#stop.signal.aborted) guest.close();
    else this.#handOn(guest);
  }

  #handOn(connection: StreamConnection): void {
    if (!this.#queue.push(connection)) this.#refuse(connection);
  }

  #refuse(connection: StreamConnection): void {
    connection.close();
    this.#warnings.warn("connection closed as too many are waiting", { waiting: this.#maxPending });
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    const cancel = this.plan.clock.setTimer(ACCEPT_PAUSE_MS, end);
    this.#stop.signal.addEventListener("abort", end, { once: true });
    if (this.#stop.signal.aborted) end();
    await promise;
    cancel();
    this.#stop.signal.removeEventListener("abort", end);
  }
}

function readUrl(text: string | URL | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url?.protocol !== "http:") {
    throw new RangeError(`${CANNOT}: keepAliveUrl is ${text}, wanted an http: URL`);
  }
  return url;
}

/** After these it is worth while to ask another server. */
const ANOTHER_MAY: readonly DialBackFinding["outcome"][] = [
  "unknown",
  "unsupported",
  "not-permitted",
];

/** A visitor's greeting left before the answer did; later than this it is not coming. */
const VISITOR_MS = 1_000;

/** Out of descriptors, say: others have to close some first. */
const ACCEPT_PAUSE_MS = 100;

/** What TCP can count, in whole seconds. */
const TCP_KEEP_ALIVE_MS = { least: 1_000, most: 32_767_000 };
