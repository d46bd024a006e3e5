/** An address that a browser's ICE agent found. */
export interface SeenAddress {
  /** `host`: its own; `srflx`: where a STUN server saw it. */
  readonly type: "host" | "srflx";
  /** The IP address; a browser may hide its own behind a name that ends in `.local`. */
  readonly ip: string;
  /** The port. */
  readonly port: number;
}

/** What a browser's gathering of candidates came to. */
export interface AddressFindings {
  /** Whether the browser has WebRTC at all. */
  readonly supported: boolean;
  /** What it found. */
  readonly seen: readonly SeenAddress[];
  /** How many servers did not answer. */
  readonly silent: number;
  /** How many servers were asked. */
  readonly servers: number;
}

/** What can be told of a browser's addresses. */
export interface AddressVerdict {
  /** Its public addresses of IPv4, `ip:port`. */
  readonly ipv4: readonly string[];
  /** Its public addresses of IPv6, `[ip]:port`. */
  readonly ipv6: readonly string[];
  /** Whether the public port is the same for every destination (RFC 4787 section 4.1). */
  readonly mapping: "none" | "same" | "differs" | "unknown" | "blocked" | "unsupported";
  /** Why, in a sentence for a person. */
  readonly reason: string;
}

/**
 * Judges what a browser found. Its ICE agent asks all servers from one socket, and leaves an address
 * out that it has already (RFC 8445 section 5.1.3): a second server that sees the same adds none.
 */
export function judgeAddresses(findings: AddressFindings): AddressVerdict {
  const public4 = publicAddresses(findings.seen, isIpv4);
  const public6 = publicAddresses(findings.seen, isIpv6);
  const ipv4 = public4.map(({ ip, port }) => `${ip}:${port}`);
  const ipv6 = public6.map(({ ip, port }) => `[${ip}]:${port}`);
  return { ipv4, ipv6, ...judgeMapping(findings, public4.length > 0 ? public4 : public6) };
}

function judgeMapping(
  { supported, silent, servers }: AddressFindings,
  found: readonly SeenAddress[],
): Pick<AddressVerdict, "mapping" | "reason"> {
  if (!supported) return { mapping: "unsupported", reason: "This browser has no WebRTC." };
  if (servers === 0) return { mapping: "unknown", reason: "This server names no STUN address." };
  if (found.length === 0) {
    return silent > 0
      ? {
        mapping: "blocked",
        reason: "No STUN server answered: UDP is blocked, or the server is not to be reached.",
      }
      : { mapping: "none", reason: "The server sees the address that this device has." };
  }
  if (new Set(found.map(({ ip }) => ip)).size > 1) {
    return { mapping: "unknown", reason: "This device has several ways to the Internet." };
  }
  if (found.length > 1) {
    return {
      mapping: "differs",
      reason: "Each destination sees another port: hard to reach for others of its kind.",
    };
  }
  return servers > 1 && silent === 0
    ? {
      mapping: "same",
      reason: "Every destination sees the same port: others can be told where to find you.",
    }
    : { mapping: "unknown", reason: "It takes answers from two STUN addresses to tell." };
}

function publicAddresses(
  seen: readonly SeenAddress[],
  isOfFamily: (ip: string) => boolean,
): SeenAddress[] {
  const found = seen.filter(({ type, ip }) => type === "srflx" && isOfFamily(ip));
  return [...new Map(found.map((one) => [`${one.ip} ${one.port}`, one])).values()];
}

function isIpv4(ip: string): boolean {
  return /^[\d.]+$/.test(ip);
}

function isIpv6(ip: string): boolean {
  return ip.includes(":");
}
