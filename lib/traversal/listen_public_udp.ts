import { type Datagram, type DatagramTransport, openDenoDatagram } from "../transport/mod.ts";
import { formatSocketAddress, looksLikeStun, type SocketAddress } from "../wire/mod.ts";
import { CappedQueue } from "./_capped_queue.ts";
import { CANNOT, diagnoseLink, explaining } from "./_endpoint_failure.ts";
import { MappingHolder } from "./_mapping_holder.ts";
import { PublicEndpoint } from "./_public_endpoint.ts";
import { UdpLink } from "./_udp_link.ts";
import {
  type ListenPublicOptions,
  planPublicEndpoint,
  type PublicEndpointPlan,
} from "./listen_public_options.ts";
import type { PublicUdpSocket } from "./public_udp_socket.ts";

/** How {@linkcode listenPublicUdp} listens. */
export interface ListenPublicUdpOptions extends ListenPublicOptions {
  /**
   * How many datagrams may wait to be taken; those that come then are thrown away. So many of the
   * largest are 16 MB, and of the usual ones 400 KB.
   *
   * @default {256}
   */
  readonly maxPending?: number | undefined;
}

/**
 * Opens a UDP socket with a public address: asks the STUN servers for it, and asks them again and again
 * so that the NAT keeps it. Others reach it as far as the NAT lets them.
 *
 * @throws {PublicListenerError} If there is no public address (as a rejection). That there is no NAT is
 *   no error.
 * @throws {RangeError} If an option is out of range (as a rejection).
 */
export async function listenPublicUdp(
  options: ListenPublicUdpOptions,
): Promise<PublicUdpSocket> {
  const { maxPending = 256 } = options;
  if (!(Number.isInteger(maxPending) && maxPending >= 1)) {
    throw new RangeError(`${CANNOT}: maxPending is ${maxPending}, wanted 1 or more`);
  }
  const plan = await planPublicEndpoint(options);
  const transport = await explaining(plan.signal, () => openDenoDatagram(plan.local));
  const socket = new UdpSocket(plan, { transport, maxPending });
  try {
    await socket.open();
    return socket;
  } catch (error) {
    await socket.close();
    throw error;
  }
}

class UdpSocket extends PublicEndpoint implements PublicUdpSocket {
  protected readonly holder: MappingHolder<UdpLink>;
  readonly #transport: DatagramTransport;
  readonly #queue: CappedQueue<Datagram>;
  /** The last link to each server, those included that are not open yet or any more. */
  readonly #links = new Map<SocketAddress, UdpLink>();
  #receiving: Promise<void> = Promise.resolve();
  #dropped = 0;

  constructor(
    plan: PublicEndpointPlan,
    { transport, maxPending }: {
      readonly transport: DatagramTransport;
      readonly maxPending: number;
    },
  ) {
    super(plan, transport.localAddress);
    const { servers, keepAliveMs, clock, randomness } = plan;
    this.#transport = transport;
    this.#queue = new CappedQueue(maxPending);
    this.holder = new MappingHolder({
      servers: servers.map((server) => ({
        name: formatSocketAddress(server),
        address: server,
        connect: (signal) => this.#connect(server, signal),
      })),
      anchors: [],
      keepAliveMs,
      clock,
      randomness,
      diagnose: diagnoseLink,
      onNews: this.take,
    });
  }

  get dropped(): number {
    return this.#dropped;
  }

  get sendFailures(): number {
    return this.#transport.sendFailures;
  }

  async open(): Promise<void> {
    this.#receiving = this.#receive();
    await this.settle();
  }

  async send(bytes: Uint8Array, peer: SocketAddress): Promise<void> {
    await this.#transport.send([{ bytes, peer }]);
  }

  [Symbol.asyncIterator](): AsyncIterator<Datagram> {
    return this.#queue[Symbol.asyncIterator]();
  }

  protected async release(error: Error | undefined): Promise<void> {
    this.#transport.close();
    this.#queue.end(error);
    await this.#receiving;
  }

  async #connect(server: SocketAddress, signal: AbortSignal): Promise<UdpLink> {
    const { clock, randomness } = this.plan;
    const link = new UdpLink({ socket: this.#transport, server, clock, randomness, signal });
    this.#links.set(server, link);
    await link.open();
    return link;
  }

  async #receive(): Promise<void> {
    for (;;) {
      const batch = await this.#transport.receive();
      if (batch.length === 0) return;
      for (const { bytes, peer } of batch) {
        if (this.#isAnswer(bytes, peer)) continue;
        const kept = { bytes: bytes.slice(), peer: { ip: peer.ip.slice(), port: peer.port } };
        if (!this.#queue.push(kept)) this.#dropped++;
      }
    }
  }

  /** RFC 7983 section 7 tells STUN from the rest; a peer's own STUN is not for us. */
  #isAnswer(bytes: Uint8Array, peer: SocketAddress): boolean {
    return looksLikeStun(bytes) &&
      [...this.#links.values()].some((link) => link.receive(bytes, peer));
  }
}
