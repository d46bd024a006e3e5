import { isLocalIp, ListenError, localIpTowards } from "../transport/mod.ts";
import { equalSocketAddresses, isUnspecifiedIp, type SocketAddress } from "../wire/mod.ts";

/** What {@linkcode compareAddresses} compares. */
export interface ComparedAddresses {
  /** The local address of a socket; the IP address may be all zeros. */
  readonly local: SocketAddress;
  /** What a server saw of it. */
  readonly reflexive: SocketAddress;
  /** The server. */
  readonly server: SocketAddress;
}

/** Whether the address was translated, and our own address as far as it can be told. */
export function compareAddresses(
  { local, reflexive, server }: ComparedAddresses,
): { readonly local: SocketAddress; readonly nat: boolean } {
  if (!isUnspecifiedIp(local.ip)) return { local, nat: !equalSocketAddresses(local, reflexive) };
  const nat = reflexive.port !== local.port || !isOurs(reflexive.ip);
  const ip = nat ? localIpTowards(server) ?? local.ip : reflexive.ip;
  return { local: { ip, port: local.port }, nat };
}

/** A host that may not bind to the address cannot tell, and an address of its own is rare enough. */
function isOurs(ip: Uint8Array): boolean {
  try {
    return isLocalIp(ip);
  } catch (error) {
    if (error instanceof ListenError) return false;
    throw error;
  }
}
