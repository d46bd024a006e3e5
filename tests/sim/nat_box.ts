import { equalIps, formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { Link, type LinkOptions } from "./link.ts";
import { completeNatBehavior, type NatBehavior } from "./nat_behavior.ts";
import { type NatMapping, NatTable } from "./nat_table.ts";
import {
  describePacket,
  type IcmpError,
  isFragmented,
  resetFor,
  type SimPacket,
  type SimProtocol,
  type TcpSegment,
  type UdpPacket,
} from "./packet.ts";
import { Segment, type SimGateway, type SimWorld } from "./segment.ts";
import { simIp } from "./sim_address.ts";

/** How a {@linkcode NatBox} is made. */
export interface NatBoxOptions extends NatBehavior {
  /**
   * Its addresses on the outside, IPv4 and IPv6. Addresses of a family that has none here are not
   * translated; they are filtered all the same.
   *
   * @default {[]}
   */
  readonly externalIps?: readonly string[];
  /** The network on its inside. @default {{ delayMs: 1 }} */
  readonly link?: LinkOptions;
  /** What it is called in traces. @default `nat-1` and so on */
  readonly name?: string;
}

/** A {@linkcode NatBoxOptions} that says where on the network the box stands. */
export interface PlacedNatBoxOptions extends NatBoxOptions {
  /** The segment on its outside. */
  readonly outside: Segment;
  /** What it is called in traces. */
  readonly name: string;
}

/** A NAT or a firewall between its own network and another (RFC 4787, RFC 5382, RFC 5508). */
export class NatBox implements SimGateway {
  /** What it is called in traces. */
  readonly name: string;
  /** The network on its inside. */
  readonly inside: Segment;
  /** How it behaves, defaults included. */
  readonly behavior: Required<NatBehavior>;
  /** Its addresses on the outside. */
  readonly externalIps: readonly Uint8Array[];
  readonly #world: SimWorld;
  readonly #outside: Segment;
  readonly #tables: Readonly<Record<SimProtocol, NatTable>>;

  /** Makes a box and connects it on the outside; use `addNat()` of the network. */
  constructor(world: SimWorld, options: PlacedNatBoxOptions) {
    const { name, outside, externalIps = [], link = { delayMs: 1 }, ...behavior } = options;
    this.name = name;
    this.behavior = completeNatBehavior(behavior);
    this.externalIps = externalIps.map(simIp);
    this.#world = world;
    this.#outside = outside;
    this.inside = new Segment(world, { link: new Link(link), gateway: this });
    const { mapping, filtering, tcpMapping, tcpFiltering } = this.behavior;
    const table = { behavior: this.behavior, externalIps: this.externalIps };
    const forTcp = mapping === "none" ? mapping : tcpMapping ?? mapping;
    this.#tables = {
      udp: new NatTable(world, { ...table, mapping, filtering }),
      tcp: new NatTable(world, {
        ...table,
        mapping: forTcp,
        filtering: tcpFiltering ?? filtering,
      }),
    };
    for (const ip of this.externalIps) outside.attach(ip, this);
  }

  /** The external address that stands for an internal one towards a remote one, while it does. */
  mappedAddress(
    protocol: SimProtocol,
    between: { readonly internal: SocketAddress; readonly remote: SocketAddress },
  ): SocketAddress | undefined {
    return this.#tables[protocol].find(between.internal, between.remote)?.external;
  }

  /** Forgets all mappings and sessions, as a router does that is restarted. */
  forget(): void {
    this.#tables.udp.clear();
    this.#tables.tcp.clear();
  }

  /** Answers on the outside for an address on the inside, if such addresses are not translated. */
  adopt(ip: Uint8Array): void {
    if (!this.#tables.udp.translates(ip)) this.#outside.attach(ip, this);
  }

  /** Takes a packet that has arrived from either side. */
  receive(packet: SimPacket, on: Segment): void {
    if (packet.protocol === "icmp") {
      if (on === this.inside) this.#errorOut(packet);
      else this.#errorIn(packet);
      return;
    }
    const { blocks, fragments } = this.behavior;
    if (blocks.includes(packet.protocol)) return this.#tell(packet, "blocked");
    if (fragments === "drop" && isFragmented(packet)) return this.#tell(packet, "fragment dropped");
    if (on === this.inside) this.#out(packet);
    else this.#in(packet);
  }

  #out(packet: UdpPacket | TcpSegment): void {
    const table = this.#tables[packet.protocol];
    const known = this.#world.trace && table.find(packet.source, packet.destination);
    const mapping = table.outbound(packet);
    if (mapping === undefined) return this.#tell(packet, "dropped: no mapping can be made");
    if (this.#world.trace !== undefined && known === undefined) this.#tellMapping(packet, mapping);
    if (this.#isOurs(packet.destination.ip)) return this.#hairpin(packet, mapping);
    this.#outside.carry({ ...packet, source: mapping.external }, this);
  }

  #in(packet: UdpPacket | TcpSegment): void {
    const mapping = this.#tables[packet.protocol].inbound(packet);
    if (typeof mapping === "string") {
      return this.#refuse(packet, { why: mapping, to: this.#outside });
    }
    this.inside.carry({ ...packet, destination: mapping.internal }, this);
  }

  /** RFC 4787 section 6. The filter of the other mapping applies, and sees the external address. */
  #hairpin(packet: UdpPacket | TcpSegment, from: NatMapping): void {
    const { hairpinning } = this.behavior;
    if (hairpinning === "none") return this.#tell(packet, "dropped: no hairpinning");
    const turned = { ...packet, source: from.external };
    const mapping = this.#tables[packet.protocol].inbound(turned);
    if (typeof mapping === "string") return this.#refuse(packet, { why: mapping, to: this.inside });
    const source = hairpinning === "internal-source" ? packet.source : from.external;
    this.inside.carry({ ...packet, source, destination: mapping.internal }, this);
  }

  #refuse(
    packet: UdpPacket | TcpSegment,
    { why, to }: { readonly why: string; readonly to: Segment },
  ): void {
    this.#tell(packet, `dropped: ${why}`);
    const { unsolicitedTcp } = this.behavior;
    const opens = packet.protocol === "tcp" && packet.syn && packet.acknowledgement === undefined;
    if (!opens || unsolicitedTcp === "drop") return;
    if (unsolicitedTcp === "reset") return to.carry(resetFor(packet), this);
    to.carry({
      protocol: "icmp",
      source: { ip: packet.destination.ip, port: 0 },
      destination: { ip: packet.source.ip, port: 0 },
      bytes: new Uint8Array(0),
      about: packet,
    }, this);
  }

  /** RFC 5508 section 4.2: an error about a packet that went out comes back to its sender. */
  #errorIn(error: IcmpError): void {
    const { about } = error;
    const mapping = this.#tables[about.protocol].byExternal(about.source);
    if (mapping === undefined) return this.#tell(error, "dropped: no-mapping");
    const { internal } = mapping;
    this.inside.carry({
      ...error,
      destination: { ip: internal.ip, port: 0 },
      about: { ...about, source: internal },
    }, this);
  }

  /** RFC 5508 section 4.2: an error about a packet that came in, from a NAT further in. */
  #errorOut(error: IcmpError): void {
    const { about } = error;
    const mapping = this.#tables[about.protocol].find(about.destination, about.source);
    if (mapping === undefined) return this.#tell(error, "dropped: no-mapping");
    const { external } = mapping;
    this.#outside.carry({
      ...error,
      source: { ip: external.ip, port: 0 },
      about: { ...about, destination: external },
    }, this);
  }

  #isOurs(ip: Uint8Array): boolean {
    return this.externalIps.some((external) => equalIps(external, ip));
  }

  #tell(packet: SimPacket, what: string): void {
    const { trace, now } = this.#world;
    trace?.(`${now.toFixed(1)} ms: ${describePacket(packet)}: ${what} by ${this.name}`);
  }

  #tellMapping(packet: SimPacket, { external }: NatMapping): void {
    this.#tell(packet, `mapped to ${formatSocketAddress(external)}`);
  }
}
