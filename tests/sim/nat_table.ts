import { equalIps, type SocketAddress } from "../../lib/wire/mod.ts";
import type { EndpointDependence, NatBehavior } from "./nat_behavior.ts";
import { NatSession } from "./nat_session.ts";
import type { TcpSegment, UdpPacket } from "./packet.ts";
import { PortAllocator } from "./port_allocator.ts";
import type { SimWorld } from "./segment.ts";
import { type AddressKey, addressKey, ipKey } from "./sim_address.ts";

/** What a {@linkcode NatTable} is made from. */
export interface NatTableOptions {
  /** How the NAT behaves; `mapping` and `filtering` are those of the table's protocol. */
  readonly behavior: Required<NatBehavior>;
  /** Its external IP addresses. */
  readonly externalIps: readonly Uint8Array[];
  /** The mapping of this protocol. */
  readonly mapping: EndpointDependence | "none";
  /** The filtering of this protocol. */
  readonly filtering: EndpointDependence;
}

/** An internal address and port, and the external ones that stand for them. */
export interface NatMapping {
  /** On the inside. */
  readonly internal: SocketAddress;
  /** On the outside; the same where nothing is translated. */
  readonly external: SocketAddress;
  /** What goes through it, by remote address. */
  readonly sessions: Map<AddressKey, NatSession>;
}

/** The mappings and sessions of a NAT in one protocol. */
export class NatTable {
  readonly #world: SimWorld;
  readonly #options: NatTableOptions;
  readonly #ports: PortAllocator;
  /** By what a mapping depends on: the internal address, and as much of the remote one as matters. */
  readonly #byInternal = new Map<string, NatMapping>();
  readonly #byExternal = new Map<AddressKey, NatMapping>();
  /** By internal and remote address: whose packets came in through a mapping are answered through it. */
  readonly #bySession = new Map<string, NatMapping>();
  readonly #pairing = new Map<AddressKey, Uint8Array>();

  /** Makes an empty table. */
  constructor(world: SimWorld, options: NatTableOptions) {
    this.#world = world;
    this.#options = options;
    this.#ports = new PortAllocator(options.behavior, world.random);
  }

  /** Whether addresses of this family are translated, or kept as by a firewall. */
  translates(ip: Uint8Array): boolean {
    return this.#options.mapping !== "none" && this.#pool(ip).length > 0;
  }

  /** The mapping by which a packet leaves, made if need be; undefined if there is none to be had. */
  outbound(packet: UdpPacket | TcpSegment): NatMapping | undefined {
    const { source, destination } = packet;
    // A NAT knows a TCP connection from its SYN on, or not at all
    const opens = packet.protocol === "udp" || packet.syn;
    let mapping = this.find(source, destination);
    if (mapping === undefined) {
      if (!opens) return undefined;
      const key = this.#internalKey(source, destination);
      mapping = this.#live(this.#byInternal.get(key)) ?? this.#make(source, key);
      if (mapping === undefined) return undefined;
    }
    this.#touch(mapping, packet, { direction: "outbound", until: this.#world.now });
    return mapping;
  }

  /** The mapping by which a packet enters, or why it does not. */
  inbound(packet: UdpPacket | TcpSegment): NatMapping | "no-mapping" | "filtered" {
    const { source, destination } = packet;
    let mapping = this.#live(this.#byExternal.get(addressKey(destination)));
    if (mapping === undefined) {
      const open = this.#options.filtering === "endpoint-independent" &&
        !this.translates(destination.ip);
      if (!open) return "no-mapping";
      mapping = this.#keep(destination);
    }
    const until = this.#permittedUntil(mapping, source);
    if (until <= this.#world.now && this.#options.filtering !== "endpoint-independent") {
      return "filtered";
    }
    this.#touch(mapping, packet, { direction: "inbound", until });
    return mapping;
  }

  /** The mapping through which an internal and a remote address have a session. */
  find(internal: SocketAddress, remote: SocketAddress): NatMapping | undefined {
    const mapping = this.#bySession.get(sessionKey(internal, remote));
    return mapping?.sessions.get(addressKey(remote))?.isLive(this.#world.now) === true
      ? mapping
      : undefined;
  }

  /** The mapping of an external address, while it lasts. */
  byExternal(external: SocketAddress): NatMapping | undefined {
    return this.#live(this.#byExternal.get(addressKey(external)));
  }

  /** An external IP address for an internal one, as pooling says (RFC 4787 section 4.1). */
  externalIp(internal: Uint8Array): Uint8Array | undefined {
    const pool = this.#pool(internal);
    const draw = () => pool[pool.length > 1 ? this.#world.random.integer(0, pool.length - 1) : 0];
    if (this.#options.behavior.pooling === "arbitrary") return draw();
    const key = ipKey(internal);
    const ip = this.#pairing.get(key) ?? draw();
    if (ip !== undefined) this.#pairing.set(key, ip);
    return ip;
  }

  /** Forgets everything, as a NAT does that is restarted. */
  clear(): void {
    this.#byInternal.clear();
    this.#byExternal.clear();
    this.#bySession.clear();
    this.#pairing.clear();
  }

  #make(internal: SocketAddress, key: string): NatMapping | undefined {
    if (!this.translates(internal.ip)) return this.#keep(internal);
    const ip = this.externalIp(internal.ip)!;
    const port = this.#ports.allocate(
      internal.port,
      (port) => this.byExternal({ ip, port }) === undefined,
    );
    if (port === undefined) return undefined;
    const mapping = { internal, external: { ip, port }, sessions: new Map() };
    this.#byInternal.set(key, mapping);
    this.#byExternal.set(addressKey(mapping.external), mapping);
    return mapping;
  }

  /** What a firewall has in place of a mapping. */
  #keep(address: SocketAddress): NatMapping {
    const key = addressKey(address);
    const kept = this.#live(this.#byExternal.get(key));
    if (kept !== undefined) return kept;
    const mapping = { internal: address, external: address, sessions: new Map() };
    this.#byExternal.set(key, mapping);
    return mapping;
  }

  /** Until when the filter lets packets from there in: as long as the sessions that opened it. */
  #permittedUntil(mapping: NatMapping, remote: SocketAddress): number {
    const { filtering } = this.#options;
    if (filtering === "address-and-port-dependent") {
      return mapping.sessions.get(addressKey(remote))?.expiresAt ?? -Infinity;
    }
    return lastsUntil(
      mapping,
      filtering === "address-dependent" ? ({ ip }) => equalIps(ip, remote.ip) : undefined,
    );
  }

  /** Notes the packet in its session, which lasts until `until` if nothing prolongs it. */
  #touch(
    mapping: NatMapping,
    packet: UdpPacket | TcpSegment,
    { direction, until }: {
      readonly direction: "outbound" | "inbound";
      readonly until: number;
    },
  ): void {
    const { now } = this.#world;
    const { behavior } = this.#options;
    const remote = direction === "outbound" ? packet.destination : packet.source;
    const key = addressKey(remote);
    let session = mapping.sessions.get(key);
    if (session?.isLive(now) !== true) {
      session = new NatSession(remote, until);
      mapping.sessions.set(key, session);
    }
    session.see(packet, { direction, now, behavior });
    const sessions = sessionKey(mapping.internal, remote);
    if (this.find(mapping.internal, remote) === undefined) this.#bySession.set(sessions, mapping);
    const refreshes = direction === "outbound" || behavior.inboundRefresh;
    if (packet.protocol === "udp" && refreshes && behavior.refreshScope === "per-mapping") {
      for (const other of mapping.sessions.values()) {
        if (other.isLive(now)) other.prolong(session.expiresAt);
      }
    }
  }

  #live(mapping: NatMapping | undefined): NatMapping | undefined {
    if (mapping === undefined) return undefined;
    return lastsUntil(mapping) > this.#world.now ? mapping : undefined;
  }

  #pool(ip: Uint8Array): readonly Uint8Array[] {
    return this.#options.externalIps.filter((external) => external.length === ip.length);
  }

  #internalKey(internal: SocketAddress, remote: SocketAddress): string {
    const { mapping } = this.#options;
    const base = addressKey(internal);
    if (mapping === "address-and-port-dependent") return `${base}|${addressKey(remote)}`;
    return mapping === "address-dependent" ? `${base}|${ipKey(remote.ip)}` : `${base}`;
  }
}

/** When the last of a mapping's sessions ends, of those with some remote addresses or of all. */
function lastsUntil(
  mapping: NatMapping,
  counts: (remote: SocketAddress) => boolean = () => true,
): number {
  let until = -Infinity;
  for (const { remote, expiresAt } of mapping.sessions.values()) {
    if (counts(remote)) until = Math.max(until, expiresAt);
  }
  return until;
}

function sessionKey(internal: SocketAddress, remote: SocketAddress): string {
  return `${addressKey(internal)}|${addressKey(remote)}`;
}
