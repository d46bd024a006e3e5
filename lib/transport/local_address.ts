import {
  equalIps,
  isUnspecifiedIp,
  parseIp,
  type SocketAddress,
  socketAddress,
} from "../wire/mod.ts";
import { openDenoDatagram } from "./deno_datagram.ts";
import { ListenError } from "./listen_error.ts";

/** An address of a network interface of this host, as `Deno.networkInterfaces` has it. */
export type LocalInterface = Pick<Deno.NetworkInterfaceInfo, "address" | "netmask">;

/** Where {@linkcode localIpTowards} looks. */
export interface LocalIpTowardsOptions {
  /**
   * The interfaces to choose from.
   *
   * @default those of this host, if Deno runs with `--allow-sys=networkInterfaces`
   */
  readonly interfaces?: readonly LocalInterface[];
}

/**
 * Whether this host has an IP address: whether a UDP socket can be bound to it. The addresses that
 * sockets can be bound to without being a host's own (`0.0.0.0`, `::`, multicast, limited
 * broadcast) are not local; a subnet's broadcast address cannot be told from a local one. Neither
 * are IPv6 link-local ones, which mean nothing without a zone.
 *
 * @throws {ListenError} If Deno runs without network permission.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes.
 */
export function isLocalIp(ip: Uint8Array): boolean {
  const { ip: own } = socketAddress(ip, 0);
  if (isUnspecifiedIp(own) || isMulticast(own) || own.every((byte) => byte === 255)) return false;
  try {
    openDenoDatagram({ ip: own, port: 0 }).close();
    return true;
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    if (error.code === "address-not-available" || error.code === "unsupported") return false;
    throw error;
  }
}

/**
 * The local IP address that a datagram to `destination` most likely leaves from: the one whose
 * subnet holds the destination, else the only one of its family that is neither loopback nor
 * link-local, else `undefined`. Never asks for a permission.
 */
export function localIpTowards(
  destination: SocketAddress,
  options: LocalIpTowardsOptions = {},
): Uint8Array | undefined {
  const own = (options.interfaces ?? hostInterfaces()).flatMap(readInterface)
    .filter(({ ip }) => ip.length === destination.ip.length);
  const near = own.filter((subnet) => holds(subnet, destination.ip))
    .sort((a, b) =>
      Number(equalIps(b.ip, destination.ip)) - Number(equalIps(a.ip, destination.ip)) ||
      prefixLength(b.mask) - prefixLength(a.mask)
    );
  if (near[0] !== undefined) return near[0].ip;
  if (isLoopback(destination.ip)) return undefined;
  const far = own.filter(({ ip }) => !isLoopback(ip) && !isLinkLocal(ip));
  return far.length === 1 ? far[0]!.ip : undefined;
}

/**
 * A socket's own address as `destination` would see it without a NAT: where the socket is bound to
 * every address of this host, the one that {@linkcode localIpTowards} names, if it does.
 */
export function localAddressTowards(
  destination: SocketAddress,
  bound: SocketAddress,
): SocketAddress {
  const { ip, port } = bound;
  return { ip: isUnspecifiedIp(ip) ? localIpTowards(destination) ?? ip : ip, port };
}

interface Subnet {
  readonly ip: Uint8Array;
  readonly mask: Uint8Array;
}

function hostInterfaces(): readonly LocalInterface[] {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" });
  return state === "granted" ? Deno.networkInterfaces() : [];
}

function readInterface({ address, netmask }: LocalInterface): Subnet[] {
  const ip = parseIp(address);
  const mask = parseIp(netmask);
  return ip.ok && mask.ok && ip.value.length === mask.value.length
    ? [{ ip: ip.value, mask: mask.value }]
    : [];
}

function holds({ ip, mask }: Subnet, other: Uint8Array): boolean {
  return ip.every((byte, i) => ((byte ^ other[i]!) & mask[i]!) === 0);
}

function prefixLength(mask: Uint8Array): number {
  return mask.reduce((bits, byte) => bits + (byte === 0 ? 0 : 8 - Math.log2(256 - byte)), 0);
}

function isLoopback(ip: Uint8Array): boolean {
  return ip.length === 4 ? ip[0] === 127 : ip.every((byte, i) => byte === (i === 15 ? 1 : 0));
}

function isLinkLocal(ip: Uint8Array): boolean {
  return ip.length === 4
    ? ip[0] === 169 && ip[1] === 254
    : ip[0] === 0xfe && (ip[1]! & 0xc0) === 0x80;
}

function isMulticast(ip: Uint8Array): boolean {
  return ip.length === 4 ? (ip[0]! & 0xf0) === 0xe0 : ip[0] === 0xff;
}
