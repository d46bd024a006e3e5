import { formatIp } from "../../lib/wire/mod.ts";
import type { Link } from "./link.ts";
import { describePacket, type SimPacket } from "./packet.ts";
import { type AddressKey, ipKey } from "./sim_address.ts";
import type { SimRandom } from "./sim_random.ts";

/** What all parts of one simulated network share: the time, the chance, the trace. */
export interface SimWorld {
  /** ms since the network was made. */
  readonly now: number;
  /** The one source of chance. */
  readonly random: SimRandom;
  /** Calls back in `ms`; returns what calls that off. */
  setTimer(ms: number, callback: () => void): () => void;
  /** Takes one line about what happens; undefined where nobody wants to know. */
  readonly trace: ((line: string) => void) | undefined;
}

/** What can be on a segment: a host or a NAT. */
export interface SimNode {
  /** What it is called in traces. */
  readonly name: string;
  /** Its own link to the segment, where that adds something to the segment's. */
  readonly link?: Link | undefined;
  /** Takes a packet that has arrived. */
  receive(packet: SimPacket, on: Segment): void;
}

/** Where a segment sends what is not for one of its own nodes. */
export interface SimGateway extends SimNode {
  /** Learns that this address is now on its inside, for which it may have to answer outside. */
  adopt(ip: Uint8Array): void;
}

/** How a {@linkcode Segment} is made. */
export interface SegmentOptions {
  /** What every packet crosses once, whoever sends it to whom. */
  readonly link: Link;
  /** The way out; the public network has none. @default {undefined} */
  readonly gateway?: SimGateway | undefined;
}

/**
 * A network on which all nodes reach each other directly: the public one, or the inside of a NAT.
 */
export class Segment {
  readonly #world: SimWorld;
  readonly #options: SegmentOptions;
  readonly #nodes = new Map<AddressKey, SimNode>();

  /** Makes a segment without nodes. */
  constructor(world: SimWorld, options: SegmentOptions) {
    this.#world = world;
    this.#options = options;
  }

  /**
   * Gives an IP address to a node.
   *
   * @throws {RangeError} If the address is taken.
   */
  attach(ip: Uint8Array, node: SimNode): void {
    const key = ipKey(ip);
    const holder = this.#nodes.get(key);
    if (holder !== undefined) {
      throw new RangeError(
        `Cannot give ${formatIp(ip)} to ${node.name}: it belongs to ${holder.name}`,
      );
    }
    this.#nodes.set(key, node);
    this.#options.gateway?.adopt(ip);
  }

  /** Takes a packet from a node to the one that has its destination address, or to the gateway. */
  carry(packet: SimPacket, from: SimNode): void {
    const { link, gateway } = this.#options;
    const to = this.#nodes.get(ipKey(packet.destination.ip)) ?? gateway;
    if (to === undefined || (to === from && to === gateway)) {
      return this.#tell(packet, "no such host");
    }
    let copies = link.transit(this.#world.random);
    for (const own of [from.link, to.link]) {
      if (own !== undefined) copies = copies.flatMap((ms) => this.#along(own, ms));
    }
    if (copies.length === 0) return this.#tell(packet, `lost on the way to ${to.name}`);
    for (const ms of copies) {
      this.#world.setTimer(ms, () => {
        this.#tell(packet, `at ${to.name}`);
        to.receive(packet, this);
      });
    }
  }

  #along(link: Link, ms: number): readonly number[] {
    return link.transit(this.#world.random).map((more) => ms + more);
  }

  #tell(packet: SimPacket, what: string): void {
    const { trace, now } = this.#world;
    trace?.(`${now.toFixed(1)} ms: ${describePacket(packet)}: ${what}`);
  }
}
