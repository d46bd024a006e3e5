import { equalIps, formatIp, type SocketAddress } from "../../lib/wire/mod.ts";
import { Link, type LinkOptions } from "./link.ts";
import { resetFor, type SimPacket, type TcpSegment } from "./packet.ts";
import type { Segment, SimNode, SimWorld } from "./segment.ts";
import { type AddressKey, addressKey, simIp } from "./sim_address.ts";
import { SimTcpConnection } from "./tcp_connection.ts";

/** How a {@linkcode SimHost} is made. */
export interface SimHostOptions {
  /** Its IP addresses, IPv4 and IPv6; the first is what its sockets are bound to by default. */
  readonly ips: readonly string[];
  /** Its own link to its network, crossed besides that of the network itself. @default {undefined} none */
  readonly link?: LinkOptions | undefined;
  /** How it chooses a port for a socket that asks for none. @default {"random"} */
  readonly ephemeralPorts?: "random" | "sequential" | undefined;
  /** What it is called in traces. @default `host-1` and so on */
  readonly name?: string;
}

/** A {@linkcode SimHostOptions} that says where on the network the host stands. */
export interface PlacedSimHostOptions extends SimHostOptions {
  /** Its network. */
  readonly segment: Segment;
  /** What it is called in traces. */
  readonly name: string;
}

/** To which of its host's addresses a socket is bound. */
export interface SimBindOptions {
  /** One of the host's IP addresses. @default the host's first */
  readonly ip?: string | Uint8Array | undefined;
}

/** Where to connect to, and from where. */
export interface SimConnectOptions extends SimBindOptions {
  /** The other side. */
  readonly to: SocketAddress;
  /** The local port; others may use it too, as with SO_REUSEPORT. @default {0} any that is free */
  readonly localPort?: number | undefined;
  /** ms after which the attempt has timed out; SYN is sent at 0, 1, 3, 7 … s. @default {60_000} */
  readonly timeoutMs?: number | undefined;
}

/** A UDP socket. */
export interface SimUdpSocket {
  /** The IP address and port that it is bound to. */
  readonly local: SocketAddress;
  /** Called with every datagram that arrives. */
  onReceive: ((bytes: Uint8Array, source: SocketAddress) => void) | undefined;
  /**
   * Sends a datagram; the bytes are copied. A closed socket sends nothing.
   *
   * @throws {RangeError} If the destination is of another address family.
   */
  send(bytes: Uint8Array, to: SocketAddress): void;
  /** Closes the socket. Closing again does nothing. */
  close(): void;
}

/** A TCP port that is open. */
export interface SimTcpListener {
  /** The IP address and port that it is bound to. */
  readonly local: SocketAddress;
  /** Called with every connection that is open. */
  onConnection: ((connection: SimTcpConnection) => void) | undefined;
  /** Takes no more connections; those that there are go on. */
  close(): void;
}

/** A computer with UDP and TCP. A SYN to a port where nobody listens gets an RST; UDP there, silence. */
export class SimHost implements SimNode {
  /** What it is called in traces. */
  readonly name: string;
  /** Its IP addresses. */
  readonly ips: readonly Uint8Array[];
  /** The network that it is on. */
  readonly network: SimWorld;
  /** Its own link. */
  readonly link: Link | undefined;
  readonly #segment: Segment;
  readonly #ephemeralPorts: "random" | "sequential";
  readonly #udp = new Map<AddressKey, SimUdpSocket>();
  readonly #listeners = new Map<AddressKey, SimTcpListener>();
  readonly #connections = new Map<string, SimTcpConnection>();
  #nextPort = FIRST_EPHEMERAL_PORT;

  /** Makes a host and connects it; use `addHost()` of the network. */
  constructor(network: SimWorld, options: PlacedSimHostOptions) {
    if (options.ips.length === 0) {
      throw new RangeError(`Cannot add ${options.name}: no IP address, wanted one or more`);
    }
    this.name = options.name;
    this.network = network;
    this.ips = options.ips.map(simIp);
    this.link = options.link === undefined ? undefined : new Link(options.link);
    this.#segment = options.segment;
    this.#ephemeralPorts = options.ephemeralPorts ?? "random";
    for (const ip of this.ips) this.#segment.attach(ip, this);
  }

  /**
   * Opens a UDP socket.
   *
   * @param port 1 to 65535, or 0 for any that is free.
   * @throws {RangeError} If the address is not the host's, or the port is taken or out of range.
   */
  openUdp(port = 0, options: SimBindOptions = {}): SimUdpSocket {
    const local = this.#bind(port, { ...options, taken: (key) => this.#udp.has(key) });
    const key = addressKey(local);
    this.#refuseTaken(local, this.#udp.has(key));
    const socket: SimUdpSocket = {
      local,
      onReceive: undefined,
      send: (bytes, to) => {
        checkFamily(local, to);
        if (this.#udp.get(key) !== socket) return;
        this.#segment.carry(
          { protocol: "udp", source: local, destination: to, bytes: bytes.slice() },
          this,
        );
      },
      close: () => {
        if (this.#udp.get(key) === socket) this.#udp.delete(key);
      },
    };
    this.#udp.set(key, socket);
    return socket;
  }

  /**
   * Listens on a TCP port, which connections of this host may use as their local port too.
   *
   * @param port 1 to 65535, or 0 for any that is free.
   * @throws {RangeError} If the address is not the host's, or the port has a listener or is out of range.
   */
  listenTcp(port = 0, options: SimBindOptions = {}): SimTcpListener {
    const local = this.#bind(port, { ...options, taken: (key) => this.#usesTcp(key) });
    const key = addressKey(local);
    this.#refuseTaken(local, this.#listeners.has(key));
    const listener: SimTcpListener = {
      local,
      onConnection: undefined,
      close: () => {
        if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
      },
    };
    this.#listeners.set(key, listener);
    return listener;
  }

  /**
   * Connects to a TCP port, or opens a connection together with a host that connects back.
   *
   * @throws {RangeError} If the local address is not the host's or of another family, the port is out
   * of range, or there is a connection between the same two addresses already.
   */
  connectTcp(options: SimConnectOptions): SimTcpConnection {
    const { to, localPort = 0, timeoutMs = 60_000 } = options;
    const local = this.#bind(localPort, { ...options, taken: (key) => this.#usesTcp(key) });
    checkFamily(local, to);
    this.#refuseTaken(local, this.#connections.has(pairKey(local, to)));
    return this.#connect(local, { remote: to, timeoutMs });
  }

  /** Puts a packet on the network as it is, whoever it says that it comes from: for forgeries. */
  transmit(packet: SimPacket): void {
    this.#segment.carry(packet, this);
  }

  /** Takes a packet that has arrived. */
  receive(packet: SimPacket): void {
    if (packet.protocol === "udp") {
      this.#udp.get(addressKey(packet.destination))?.onReceive?.(packet.bytes, packet.source);
    } else if (packet.protocol === "tcp") {
      this.#receiveTcp(packet);
    } else if (packet.about.protocol === "tcp") {
      const { source, destination } = packet.about;
      this.#connections.get(pairKey(source, destination))?.receiveError();
    }
  }

  #receiveTcp(segment: TcpSegment): void {
    const { source, destination } = segment;
    const connection = this.#connections.get(pairKey(destination, source));
    if (connection !== undefined) return connection.receive(segment);
    const opens = segment.syn && segment.acknowledgement === undefined && !segment.rst;
    const listener = opens ? this.#listeners.get(addressKey(destination)) : undefined;
    if (listener !== undefined) {
      const accepted = this.#connect(destination, {
        remote: source,
        timeoutMs: 60_000,
        opening: segment,
        onAccepted: () => listener.onConnection?.(accepted),
      });
    } else if (!segment.rst) {
      this.transmit(resetFor(segment));
    }
  }

  #connect(
    local: SocketAddress,
    options: {
      readonly remote: SocketAddress;
      readonly timeoutMs: number;
      readonly opening?: TcpSegment;
      readonly onAccepted?: () => void;
    },
  ): SimTcpConnection {
    const key = pairKey(local, options.remote);
    const connection = new SimTcpConnection(this.network, {
      ...options,
      local,
      transmit: (segment) => this.transmit(segment),
      release: () => void this.#connections.delete(key),
    });
    this.#connections.set(key, connection);
    return connection;
  }

  #bind(
    port: number,
    { ip, taken }: SimBindOptions & { readonly taken: (key: AddressKey) => boolean },
  ): SocketAddress {
    const wanted = typeof ip === "string" ? simIp(ip) : ip ?? this.ips[0]!;
    const own = this.ips.find((one) => equalIps(one, wanted));
    if (own === undefined) {
      throw new RangeError(`Cannot bind to ${formatIp(wanted)}: it is not one of ${this.name}'s`);
    }
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new RangeError(`Cannot bind to port ${port}: wanted 0 to 65535`);
    }
    return port > 0 ? { ip: own, port } : this.#ephemeral(own, taken);
  }

  #ephemeral(ip: Uint8Array, taken: (key: AddressKey) => boolean): SocketAddress {
    for (let tried = 0; tried < 100_000; tried++) {
      const port = this.#ephemeralPorts === "random"
        ? this.network.random.integer(FIRST_EPHEMERAL_PORT, 65535)
        : this.#nextPort++;
      if (this.#nextPort > 65535) this.#nextPort = FIRST_EPHEMERAL_PORT;
      if (!taken(addressKey({ ip, port }))) return { ip, port };
    }
    throw new RangeError(`Cannot bind to ${formatIp(ip)}: no port is free`);
  }

  #usesTcp(key: AddressKey): boolean {
    return this.#listeners.has(key) ||
      this.#connections.values().some(({ local }) => addressKey(local) === key);
  }

  #refuseTaken(local: SocketAddress, taken: boolean): void {
    if (taken) {
      throw new RangeError(
        `Cannot bind to port ${local.port} of ${formatIp(local.ip)}: it is in use`,
      );
    }
  }
}

function checkFamily(local: SocketAddress, to: SocketAddress): void {
  if (local.ip.length !== to.ip.length) {
    throw new RangeError(
      `Cannot send from ${formatIp(local.ip)} to ${formatIp(to.ip)}: wanted one address family`,
    );
  }
}

function pairKey(local: SocketAddress, remote: SocketAddress): string {
  return `${addressKey(local)}|${addressKey(remote)}`;
}

// RFC 6335 section 6: the dynamic ports
const FIRST_EPHEMERAL_PORT = 49152;
