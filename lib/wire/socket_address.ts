import { quote } from "./_quote.ts";
import { type Decoded, decoded, undecodable } from "./decoded.ts";

/** A transport address: an IP address and a port (RFC 8489 section 4). */
export interface SocketAddress {
  /** The IP address in network byte order: 4 bytes for IPv4, 16 for IPv6. */
  readonly ip: Uint8Array;
  /** The port, 0 to 65535. */
  readonly port: number;
}

/** The address family, as the number that people call it by. */
export type AddressFamily = 4 | 6;

/**
 * Makes a socket address. An IPv4-mapped IPv6 address (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2),
 * which is how a dual-stack socket sees an IPv4 peer, becomes the IPv4 address that it stands for.
 * The bytes are not copied: a caller that goes on to use their buffer copies them first.
 *
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
 */
export function socketAddress(ip: Uint8Array, port: number): SocketAddress {
  if (ip.length !== 4 && ip.length !== 16) {
    throw new RangeError(
      `Cannot make a socket address: the IP address has ${ip.length} bytes, wanted 4 or 16`,
    );
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RangeError(`Cannot make a socket address: the port is ${port}, wanted 0 to 65535`);
  }
  return { ip: isIpv4Mapped(ip) ? ip.subarray(12) : ip, port };
}

/** The family of an address: 4 or 6. */
export function addressFamily(address: SocketAddress): AddressFamily {
  return address.ip.length === 4 ? 4 : 6;
}

/** Whether two addresses have the same IP address and port. */
export function equalSocketAddresses(a: SocketAddress, b: SocketAddress): boolean {
  return a.port === b.port && equalIps(a.ip, b.ip);
}

/** Whether two IP addresses are the same, byte by byte. */
export function equalIps(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether an IP address is all zeros: `0.0.0.0` or `::`, "every address of this host". */
export function isUnspecifiedIp(ip: Uint8Array): boolean {
  return ip.every((byte) => byte === 0);
}

/**
 * Reads `203.0.113.10:49152` or `[2001:db8::1]:49152`. Strict: decimal IPv4 without leading zeros,
 * IPv6 in brackets, no zone, no name, a port in any case.
 */
export function parseSocketAddress(text: string): Decoded<SocketAddress> {
  const colon = text.lastIndexOf(":");
  if (colon < 0 || text.endsWith("]")) {
    return undecodable(`Cannot read ${quote(text)}: no port, wanted ADDRESS:PORT`);
  }
  const host = text.slice(0, colon);
  const bracketed = host.startsWith("[") && host.endsWith("]");
  if (!bracketed && host.includes(":")) {
    return undecodable(`Cannot read ${quote(text)}: wanted brackets around the IPv6 address`);
  }
  const ip = bracketed ? parseIpv6(host.slice(1, -1)) : parseIpv4(host);
  if (ip === undefined) {
    return undecodable(`Cannot read ${quote(text)}: ${quote(host)} is not an IP address`);
  }
  const port = parsePort(text.slice(colon + 1));
  if (port === undefined) {
    return undecodable(
      `Cannot read ${quote(text)}: the port is ${quote(text.slice(colon + 1))}, wanted 0 to 65535`,
      colon + 1,
    );
  }
  return decoded(socketAddress(ip, port));
}

/** Writes `203.0.113.10:49152` or `[2001:db8::1]:49152`, IPv6 as RFC 5952 says. */
export function formatSocketAddress(address: SocketAddress): string {
  const ip = formatIp(address.ip);
  return address.ip.length === 4 ? `${ip}:${address.port}` : `[${ip}]:${address.port}`;
}

/**
 * Reads an IP address: `203.0.113.10` or `2001:db8::1` (RFC 4291 section 2.2), without brackets or
 * zone. An IPv4-mapped IPv6 address stays 16 bytes; {@linkcode socketAddress} unmaps it.
 */
export function parseIp(text: string): Decoded<Uint8Array> {
  const ip = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return ip === undefined
    ? undecodable(`Cannot read ${quote(text)}: wanted an IPv4 or IPv6 address`)
    : decoded(ip);
}

/**
 * Writes an IP address: dotted decimal, or IPv6 as RFC 5952 says.
 *
 * @throws {RangeError} If `ip` is not 4 or 16 bytes.
 */
export function formatIp(ip: Uint8Array): string {
  if (ip.length === 4) return `${ip[0]}.${ip[1]}.${ip[2]}.${ip[3]}`;
  if (ip.length !== 16) {
    throw new RangeError(`Cannot write an IP address: it has ${ip.length} bytes, wanted 4 or 16`);
  }
  if (isIpv4Mapped(ip)) return `::ffff:${formatIp(ip.subarray(12))}`;
  const groups = Array.from({ length: 8 }, (_, i) => (ip[2 * i]! << 8) | ip[2 * i + 1]!);
  const zeros = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

function isIpv4Mapped(ip: Uint8Array): boolean {
  if (ip.length !== 16 || ip[10] !== 0xff || ip[11] !== 0xff) return false;
  for (let i = 0; i < 10; i++) if (ip[i] !== 0) return false;
  return true;
}

/** Written by hand over character codes: the Deno datagram path reads one of these per packet. */
function parseIpv4(text: string): Uint8Array | undefined {
  const length = text.length;
  if (length < 7 || length > 15) return undefined;
  const ip = new Uint8Array(4);
  let octet = 0;
  let digits = 0;
  let index = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || index === 3) return undefined;
      ip[index++] = octet;
      octet = digits = 0;
      continue;
    }
    if (code < 0x30 || code > 0x39 || (digits > 0 && octet === 0)) return undefined;
    octet = octet * 10 + code - 0x30;
    if (++digits > 3 || octet > 255) return undefined;
  }
  if (digits === 0 || index !== 3) return undefined;
  ip[3] = octet;
  return ip;
}

function parseIpv6(text: string): Uint8Array | undefined {
  // "::ffff:192.0.2.1": the last 32 bits may be dotted decimal
  const lastColon = text.lastIndexOf(":");
  if (lastColon >= 0 && text.indexOf(".", lastColon) >= 0) {
    const tail = parseIpv4(text.slice(lastColon + 1));
    if (tail === undefined) return undefined;
    const high = ((tail[0]! << 8) | tail[1]!).toString(16);
    const low = ((tail[2]! << 8) | tail[3]!).toString(16);
    return parseIpv6(`${text.slice(0, lastColon + 1)}${high}:${low}`);
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!);
  const tail = halves.length === 2 ? parseGroups(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const ip = new Uint8Array(16);
  [...head, ...new Array<number>(missing).fill(0), ...tail].forEach((group, i) => {
    ip[2 * i] = group >> 8;
    ip[2 * i + 1] = group & 0xff;
  });
  return ip;
}

function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => parseInt(group, 16));
}

function parsePort(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
