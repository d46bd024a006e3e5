import { type Decoded, decoded, formatIp, parseIp, undecodable } from "../wire/mod.ts";

/** A block of IP addresses in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3). */
export interface IpPrefix {
  /** The first address of the block, all host bits zero: 4 bytes for IPv4, 16 for IPv6. */
  readonly ip: Uint8Array;
  /** How many leading bits the addresses of the block share: 0 to 32, or 0 to 128. */
  readonly bits: number;
}

/**
 * Reads `203.0.113.0/24` or `2001:db8::/32`. An address without a length is a block of one. Host bits
 * that are set are an error, because they are more often a slip of the pen than a wish; the reason
 * names the prefix that was probably meant. A block of IPv4-mapped addresses (`::ffff:a.b.c.d/120`)
 * becomes the IPv4 block that it stands for, as addresses do.
 */
export function parseIpPrefix(text: string): Decoded<IpPrefix> {
  const slash = text.indexOf("/");
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (!address.ok) {
    return undecodable(`Cannot read ${quote(text)}: wanted an IP address or ADDRESS/BITS`);
  }
  const ip = address.value;
  const bits = slash < 0 ? ip.length * 8 : parseBits(text.slice(slash + 1), ip.length * 8);
  if (bits === undefined) {
    return undecodable(
      `Cannot read ${quote(text)}: the prefix length is ${quote(text.slice(slash + 1))}, ` +
        `wanted 0 to ${ip.length * 8}`,
      slash + 1,
    );
  }
  const network = ip.map((byte, i) => byte & byteMask(bits, i));
  if (network.some((byte, i) => byte !== ip[i])) {
    const meant = formatIpPrefix({ ip: network, bits });
    return undecodable(`Cannot read ${quote(text)}: bits of the host are set, wanted ${meant}`);
  }
  return decoded(isIpv4Mapped(ip) ? { ip: ip.slice(12), bits: bits - 96 } : { ip, bits });
}

/**
 * Writes `203.0.113.0/24` or `2001:db8::/32`; the length is always there.
 *
 * @throws {RangeError} If `prefix.ip` is not 4 or 16 bytes.
 */
export function formatIpPrefix(prefix: IpPrefix): string {
  return `${formatIp(prefix.ip)}/${prefix.bits}`;
}

/**
 * Whether an IP address (4 or 16 bytes, already unmapped) is in a block. An IPv4 address is never in
 * an IPv6 block, not even in `::/0`. It allocates nothing: it may be asked for each packet.
 */
export function ipInPrefix(ip: Uint8Array, prefix: IpPrefix): boolean {
  const network = prefix.ip;
  if (ip.length !== network.length) return false;
  const whole = prefix.bits >> 3;
  for (let i = 0; i < whole; i++) if (ip[i] !== network[i]) return false;
  const mask = byteMask(prefix.bits, whole);
  return mask === 0 || (ip[whole]! & mask) === network[whole];
}

/** The bits of byte `index` that a prefix of `bits` bits covers. */
function byteMask(bits: number, index: number): number {
  const covered = Math.min(8, Math.max(0, bits - 8 * index));
  return (0xff00 >> covered) & 0xff;
}

function parseBits(text: string, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return undefined;
  const bits = Number(text);
  return bits <= max ? bits : undefined;
}

function isIpv4Mapped(ip: Uint8Array): boolean {
  return ip.length === 16 && ip.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 0xff));
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
