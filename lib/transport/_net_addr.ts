import { formatIp, parseIp, type SocketAddress } from "../wire/mod.ts";

/**
 * Reads an address that Deno gives as text. Once per UDP datagram, so what a dual-stack socket
 * calls `::ffff:a.b.c.d` goes straight to the IPv4 parser. `undefined` if the text is no address.
 */
export function fromNetAddr(address: Deno.NetAddr): SocketAddress | undefined {
  const ip = readIp(address.hostname);
  return ip === undefined ? undefined : { ip, port: address.port };
}

/** The address of a socket of our own, which Deno always gives as an IP address. */
export function ownSocketAddress(address: Deno.Addr): SocketAddress {
  const found = "hostname" in address ? fromNetAddr(address) : undefined;
  if (found === undefined) {
    throw new TypeError(
      `Cannot read a socket's address: found ${JSON.stringify(address)}, wanted an IP address`,
    );
  }
  return found;
}

/** What to call an address when a socket of family 6 (as a rule a dual-stack one) sends to it. */
export function toNetAddr(address: SocketAddress, socketIsIpv6: boolean): Deno.NetAddr {
  const ip = formatIp(address.ip);
  // Linux lets a dual-stack socket send to a plain IPv4 address, other systems want it mapped.
  const hostname = socketIsIpv6 && address.ip.length === 4 ? `${MAPPED}${ip}` : ip;
  return { transport: "udp", hostname, port: address.port };
}

function readIp(hostname: string): Uint8Array | undefined {
  if (hostname.startsWith(MAPPED)) {
    const mapped = parseIp(hostname.slice(MAPPED.length));
    if (mapped.ok) return mapped.value;
  }
  const ip = parseIp(hostname);
  return ip.ok ? ip.value : undefined;
}

const MAPPED = "::ffff:";
