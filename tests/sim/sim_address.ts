import { parseIp, parseSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";

/**
 * Reads `203.0.113.10:49152` or `[2001:db8::1]:49152`.
 *
 * @throws {RangeError} If the text is no such address.
 */
export function simAddress(text: string): SocketAddress {
  const address = parseSocketAddress(text);
  if (!address.ok) throw new RangeError(address.reason);
  return address.value;
}

/**
 * Reads `203.0.113.10` or `2001:db8::1`.
 *
 * @throws {RangeError} If the text is no such address.
 */
export function simIp(text: string): Uint8Array {
  const ip = parseIp(text);
  if (!ip.ok) throw new RangeError(ip.reason);
  return ip.value;
}

/** What stands for an IP address, or for an IP address and a port, in a map. */
export type AddressKey = number | string;

/** What stands for an IP address in a map. */
export function ipKey(ip: Uint8Array): AddressKey {
  return ip.length === 4
    ? ((ip[0]! << 24) | (ip[1]! << 16) | (ip[2]! << 8) | ip[3]!) >>> 0
    : String.fromCharCode(...ip);
}

/** What stands for an IP address and a port in a map. */
export function addressKey(address: SocketAddress): AddressKey {
  const key = ipKey(address.ip);
  return typeof key === "number"
    ? key * 0x10000 + address.port
    : key + String.fromCharCode(address.port);
}
