import type { StunServerListener } from "../server/mod.ts";
import { formatIp, isUnspecifiedIp, parseIp, parseStunUri, stunUriPort } from "../wire/mod.ts";

/** What is known of the addresses of a server. */
export interface AdvertisedAddresses {
  /** Its sockets. */
  readonly listeners: readonly StunServerListener[];
  /** Its public addresses behind a 1:1 NAT, one of each family at most. */
  readonly advertise: readonly string[];
  /** The same for the alternate address. */
  readonly advertiseAlternate: readonly string[];
}

/**
 * The STUN URIs (RFC 7064) by which clients reach a server, those on the primary address first. A
 * socket on every address is reached by `host`, the name that the client has asked for in its Host
 * header; so is TLS, whose certificate is for a name.
 */
export function advertisedStunUris(
  { listeners, advertise, advertiseAlternate }: AdvertisedAddresses,
  host: string,
): readonly string[] {
  const asked = URL.parse(`http://${host}`)?.hostname.replace(/^\[|\]$/g, "");
  const uris = listeners.flatMap(({ transport, address: { ip, port }, role }) => {
    const isAlternate = role === "alternate-address" || role === "alternate-both";
    const known = isAlternate ? advertiseAlternate : advertise;
    const everywhere = isUnspecifiedIp(ip);
    const family = (text: string) => text.includes(":") ? 16 : 4;
    const fixed = known.filter((text) => ip.length === family(text) || everywhere);
    const own = fixed.length > 0 ? fixed : everywhere ? [] : [formatIp(ip)];
    const name = asked !== undefined && !parseIp(asked).ok ? [asked] : [];
    const hosts = transport === "tls" && name.length > 0 ? name : own;
    const scheme = transport === "tls" ? "stuns" : "stun";
    return (hosts.length > 0 ? hosts : [asked ?? ""]).map((one) => uri(scheme, one, port));
  });
  // A Host header that no STUN URI can have is the client's own loss
  return [...new Set(uris)].filter((text) => parseStunUri(text).ok);
}

function uri(scheme: "stun" | "stuns", host: string, port: number): string {
  const bare = `${scheme}:${host.includes(":") ? `[${host}]` : host}`;
  return port === stunUriPort({ scheme, host }) ? bare : `${bare}:${port}`;
}
