import type { EndpointRole, TransportProtocol } from "../protocol/mod.ts";
import { equalIps, formatIp, isUnspecifiedIp, parseIp, socketAddress } from "../wire/mod.ts";

/** The ports of one service. */
export interface ServicePorts {
  /** What is served. */
  readonly transports: readonly TransportProtocol[];
  /** The port; 0 lets the system choose one, the same for all of the transports. */
  readonly port: number;
  /** The alternate port of RFC 5780; 0 lets the system choose. @default one above `port` */
  readonly alternatePort?: number | undefined;
}

/** On which addresses a server listens and what it tells of them. */
export interface ListenPlanOptions {
  /** IP addresses as text. @default every address */
  readonly hostnames?: readonly string[] | undefined;
  /** At most one of each family: turns RFC 5780 on for that family. @default {[]} */
  readonly alternateHostnames?: readonly string[] | undefined;
  /** The public address, one of each family at most, of a server behind a 1:1 NAT. @default {[]} */
  readonly advertise?: readonly string[] | undefined;
  /** The same for the alternate address. @default {[]} */
  readonly advertiseAlternate?: readonly string[] | undefined;
}

/** One address of the server, alone or with its alternate. */
export interface PlannedAddress {
  /** The sockets on it: one role, or the four of RFC 5780. */
  readonly sockets: readonly PlannedSocket[];
}

/** One role of a planned address. */
export interface PlannedSocket {
  /** Which of the four it is. */
  readonly role: EndpointRole;
  /** The address to bind to. */
  readonly ip: Uint8Array;
  /** The address that clients know it by; unknown for a socket on every address. */
  readonly publicIp: Uint8Array | undefined;
}

/**
 * Which addresses to bind, in which roles.
 *
 * @returns undefined for "every address of this host".
 * @throws {RangeError} If the addresses do not go together; the message says why.
 */
export function planListeners(options: ListenPlanOptions): readonly PlannedAddress[] | undefined {
  const hostnames = options.hostnames?.map((text) => readIp("listen on", text));
  const alternates = onePerFamily("alternate address", options.alternateHostnames);
  const advertised = onePerFamily("advertised address", options.advertise);
  const advertisedAlternates = onePerFamily("advertised alternate", options.advertiseAlternate);
  const others = [alternates, advertised, advertisedAlternates];
  if (hostnames === undefined && others.every(({ size }) => size === 0)) return undefined;
  if (hostnames?.length === 0) throw new RangeError("Cannot listen: got no address, wanted one");
  const primaries = hostnames ?? [new Uint8Array(16)];
  const planned = primaries.map((ip) => {
    const length = ip.length;
    const alternate = alternates.get(length);
    const publicIp = advertised.get(length) ?? (isUnspecifiedIp(ip) ? undefined : ip);
    if (alternate === undefined) return { sockets: [{ role: "primary", ip, publicIp }] } as const;
    checkPair(ip, alternate, primaries);
    const publicAlternate = advertisedAlternates.get(length) ?? alternate;
    if (equalIps(publicIp!, publicAlternate)) {
      throw new RangeError(
        `Cannot advertise ${formatIp(publicAlternate)} twice: a client learns nothing from an ` +
          "alternate address that is the primary one",
      );
    }
    return {
      sockets: [
        { role: "primary", ip, publicIp },
        { role: "alternate-port", ip, publicIp },
        { role: "alternate-address", ip: alternate, publicIp: publicAlternate },
        { role: "alternate-both", ip: alternate, publicIp: publicAlternate },
      ],
    } as const;
  });
  for (const [length, alternate] of alternates) {
    if (!primaries.some((ip) => ip.length === length)) {
      const why = hostnames === undefined
        ? WANTS_SPECIFIC
        : "there is no primary address of its family";
      throw new RangeError(`Cannot use the alternate address ${formatIp(alternate)}: ${why}`);
    }
  }
  for (const [length, ip] of advertisedAlternates) {
    if (!alternates.has(length)) {
      throw new RangeError(
        `Cannot use the advertised alternate ${formatIp(ip)}: ` +
          "there is no alternate address of its family",
      );
    }
  }
  return planned;
}

/** The alternate port of a service, given or by default; 0 for one of the system's choice. */
export function alternatePortOf({ port, alternatePort }: ServicePorts): number {
  return alternatePort ?? (port === 0 ? 0 : port + 1);
}

/**
 * Whether the services can have their ports: where there is an alternate address two each, and none
 * of them twice over TCP.
 *
 * @throws {RangeError} If they cannot; the message says why.
 */
export function checkPorts(
  services: readonly ServicePorts[],
  addresses: readonly PlannedAddress[] | undefined,
): void {
  const paired = addresses?.some(({ sockets }) => sockets.length > 1) ?? false;
  const taken = new Set<number>();
  for (const service of services) {
    const { port, transports } = service;
    const alternatePort = alternatePortOf(service);
    checkPort("port", port);
    if (paired) checkPort("alternate port", alternatePort);
    if (paired && port !== 0 && alternatePort === port) {
      throw new RangeError(`Cannot use the alternate port ${port}: it is the primary one`);
    }
    if (transports.every((transport) => transport === "udp")) continue;
    for (const wanted of paired ? [port, alternatePort] : [port]) {
      if (taken.has(wanted)) {
        throw new RangeError(`Cannot use port ${wanted} twice: TCP and TLS want one each`);
      }
      if (wanted !== 0) taken.add(wanted);
    }
  }
}

function checkPort(what: string, port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return;
  throw new RangeError(`Cannot use the ${what} ${port}: wanted a whole number of 0 to 65535`);
}

function checkPair(ip: Uint8Array, alternate: Uint8Array, primaries: readonly Uint8Array[]): void {
  const name = formatIp(alternate);
  if (isUnspecifiedIp(ip) || isUnspecifiedIp(alternate)) {
    throw new RangeError(`Cannot use the alternate address ${name}: ${WANTS_SPECIFIC}`);
  }
  if (equalIps(ip, alternate)) {
    throw new RangeError(`Cannot use the alternate address ${name}: it is the primary one`);
  }
  if (primaries.filter((other) => other.length === ip.length).length > 1) {
    throw new RangeError(
      `Cannot use the alternate address ${name}: its family has more than one primary address`,
    );
  }
}

function onePerFamily(
  what: string,
  texts: readonly string[] = [],
): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (const text of texts) {
    const ip = readIp(`use the ${what}`, text);
    if (found.has(ip.length)) {
      throw new RangeError(`Cannot use the ${what} ${text}: its family has one already`);
    }
    found.set(ip.length, ip);
  }
  return found;
}

function readIp(purpose: string, text: string): Uint8Array {
  const ip = parseIp(text);
  if (!ip.ok) throw new RangeError(`Cannot ${purpose} ${text}: wanted an IPv4 or IPv6 address`);
  // An IPv4-mapped address is the IPv4 address: its family is that of the other IPv4 addresses
  return socketAddress(ip.value, 0).ip;
}

const WANTS_SPECIFIC = "RFC 5780 wants two specific addresses, so the primary one must be given " +
  "as well";
