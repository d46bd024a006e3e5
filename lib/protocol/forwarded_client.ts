import { parseIp, parseSocketAddress, socketAddress } from "../wire/mod.ts";
import { ipInPrefix, type IpPrefix } from "./ip_prefix.ts";

/** Where a request of HTTP comes from, as far as it can be told. */
export interface ForwardedClient {
  /** The client's IP address, or that of the nearest proxy whose word cannot be taken. */
  readonly ip: Uint8Array;
  /** Whether that is the client itself; not so behind a proxy that is not trusted. */
  readonly isClient: boolean;
}

/** What is known of the way of a request. */
export interface ForwardedRequest {
  /** The other end of the connection. */
  readonly peer: Uint8Array;
  /** The header `x-forwarded-for`; null where there is none. */
  readonly forwardedFor: string | null;
  /** The proxies whose header is believed. */
  readonly trusted: readonly IpPrefix[];
}

/**
 * Who sent a request. Each proxy adds the address that it saw at the right of `x-forwarded-for`, so
 * the header is read from there for as long as trusted proxies vouch for it: what stands further left
 * was written by a stranger.
 */
export function forwardedClient(request: ForwardedRequest): ForwardedClient {
  const { peer, forwardedFor, trusted } = request;
  const entries = forwardedFor?.split(",").map((text) => text.trim()) ?? [];
  let ip = peer;
  while (entries.length > 0) {
    if (!trusted.some((prefix) => ipInPrefix(ip, prefix))) break;
    const next = readEntry(entries.pop()!);
    if (next === undefined) return { ip, isClient: false };
    ip = next;
  }
  // What a proxy that is trusted saw is the client, whatever the client itself has claimed; but a
  // header that nobody vouches for, on a direct connection, is the mark of an unknown proxy
  return { ip, isClient: ip !== peer || forwardedFor === null };
}

/** `203.0.113.10`, `203.0.113.10:49152`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:49152`. */
function readEntry(text: string): Uint8Array | undefined {
  const bare = parseIp(/^\[[^\]]*\]$/.test(text) ? text.slice(1, -1) : text);
  if (bare.ok) return socketAddress(bare.value, 0).ip;
  const address = parseSocketAddress(text);
  return address.ok ? address.value.ip : undefined;
}
