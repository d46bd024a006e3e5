import {
  type Endpoint,
  type EndpointGroup,
  type EndpointRole,
  STUN_ALPN,
  type TransportProtocol,
} from "../protocol/mod.ts";
import {
  type CertifiedKey,
  type DatagramIo,
  type DatagramTransport,
  ListenError,
  listenTls,
  type SharedSockets,
  type StreamIo,
  type StreamListener,
  type TlsListener,
} from "../transport/mod.ts";
import { type SocketAddress, socketAddress } from "../wire/mod.ts";
import {
  alternatePortOf,
  type PlannedAddress,
  type PlannedSocket,
  type ServicePorts,
} from "./listen_plan.ts";

/** A socket that the server listens on. */
export type Listener = DatagramListener | SharedListener | AcceptingListener;

/** A UDP socket, which this thread serves. */
export interface DatagramListener extends Endpoint {
  /** What it serves. */
  readonly transport: "udp";
  /** The socket. */
  readonly socket: DatagramTransport;
}

/** UDP sockets on one address, each of which a worker serves. */
export interface SharedListener extends Endpoint {
  /** What they serve. */
  readonly transport: "udp";
  /** The sockets. */
  readonly socket: SharedSockets;
}

/** A TCP or TLS socket. */
export type AcceptingListener = TcpSocketListener | TlsSocketListener;

/** A TCP socket. */
export interface TcpSocketListener extends Endpoint {
  /** What it serves. */
  readonly transport: "tcp";
  /** The socket. */
  readonly socket: StreamListener;
}

/** A TLS socket. */
export interface TlsSocketListener extends Endpoint {
  /** What it serves. */
  readonly transport: "tls";
  /** The socket. */
  readonly socket: TlsListener;
}

/** Opens one socket. */
export type OpenSocket = (
  transport: TransportProtocol,
  address: { readonly ip: Uint8Array; readonly port: number },
) => OpenedSocket;

/** What {@linkcode openListeners} opens. */
export interface OpenListenersOptions {
  /** The addresses. @default every address of this host */
  readonly addresses: readonly PlannedAddress[] | undefined;
  /** The services, UDP and TCP on one port, TLS on another. */
  readonly services: readonly ServicePorts[];
  /** Opens one socket. */
  readonly open: OpenSocket;
}

/**
 * Opens all sockets or none. Those of one inner list answer for each other: one address, or the
 * four sockets of RFC 5780.
 *
 * @throws {ListenError} If one cannot be opened.
 */
export function openListeners(options: OpenListenersOptions): readonly (readonly Listener[])[] {
  const { addresses, services, open } = options;
  const groups: (readonly Listener[])[] = [];
  try {
    for (const address of addresses ?? [EVERY_ADDRESS]) {
      for (const service of services) groups.push(openGroup({ address, service, open }));
    }
    return groups;
  } catch (error) {
    for (const { socket } of groups.flat()) socket.close();
    const noIpv6 = error instanceof ListenError &&
      (error.code === "unsupported" || error.code === "address-not-available");
    if (addresses !== undefined || !noIpv6) throw error;
    return openListeners({ ...options, addresses: [EVERY_IPV4_ADDRESS] });
  }
}

interface GroupOptions {
  readonly address: PlannedAddress;
  readonly service: ServicePorts;
  readonly open: OpenSocket;
}

function openGroup(options: GroupOptions): readonly Listener[] {
  const { service: { port, alternatePort } } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return openOnce(options);
    } catch (error) {
      const taken = error instanceof ListenError && error.code === "address-in-use";
      // The system chose a port that is free on one socket and taken on the next
      const chosen = port === 0 || (alternatePort === 0 && options.address.sockets.length > 1);
      if (!taken || !chosen || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}

function openOnce({ address, service, open }: GroupOptions): readonly Listener[] {
  const { transports, port } = service;
  const ports = { primary: port, alternate: alternatePortOf(service) };
  const opened: { planned: PlannedSocket; transport: TransportProtocol; socket: OpenedSocket }[] =
    [];
  try {
    for (const planned of address.sockets) {
      const kind = hasAlternatePort(planned.role) ? "alternate" : "primary";
      for (const transport of transports) {
        const socket = open(transport, { ip: planned.ip, port: ports[kind] });
        opened.push({ planned, transport, socket });
        ports[kind] = socket.localAddress.port;
      }
    }
  } catch (error) {
    for (const { socket } of opened) socket.close();
    throw error;
  }
  const publicAddress = ({ planned, socket }: typeof opened[number]): SocketAddress | undefined =>
    planned.publicIp && socketAddress(planned.publicIp, socket.localAddress.port);
  const group = address.sockets.length === 1 ? undefined : Object.fromEntries(
    opened.map((one) => [one.planned.role, publicAddress(one)]),
  ) as unknown as EndpointGroup;
  return opened.map((one) => {
    const known = publicAddress(one);
    return {
      transport: one.transport,
      role: one.planned.role,
      socket: one.socket,
      ...known === undefined ? {} : { address: known },
      ...group === undefined ? {} : { group },
    } as Listener;
  });
}

/** Whether workers serve a listener. */
export function isShared(listener: Listener): listener is SharedListener {
  return listener.transport === "udp" && "lend" in listener.socket;
}

function hasAlternatePort(role: EndpointRole): boolean {
  return role === "alternate-port" || role === "alternate-both";
}

/**
 * Opens sockets: UDP and TCP in these ways, UDP one or, where several threads serve it, one for each;
 * TLS with this certificate.
 */
export function socketOpener(
  { datagramIo, streamIo, workers, certified }: {
    readonly datagramIo: DatagramIo;
    readonly streamIo: StreamIo;
    readonly workers: number;
    readonly certified: CertifiedKey | undefined;
  },
): OpenSocket {
  return (transport, address) => {
    if (transport === "udp") {
      const { sharing } = datagramIo;
      if (workers === 1 || sharing === undefined) return datagramIo.open(address);
      return sharing.bind({ ...address, count: workers });
    }
    if (transport === "tcp") return streamIo.listen(address);
    if (certified === undefined) throw new TypeError("Cannot listen on tls: no certificate");
    // What came as the certificate may be an object with a port of its own
    const { certificate, key } = certified;
    return listenTls({ ...address, certificate, key, alpn: STUN_ALPN });
  };
}

/** What was opened. */
export type OpenedSocket = DatagramTransport | SharedSockets | StreamListener;

const EVERY_ADDRESS = everywhere(16);
const EVERY_IPV4_ADDRESS = everywhere(4);

function everywhere(length: number): PlannedAddress {
  return { sockets: [{ role: "primary", ip: new Uint8Array(length), publicIp: undefined }] };
}

const PORT_ATTEMPTS = 20;
