import { type DatagramTransport, localIpTowards } from "../transport/mod.ts";
import { isUnspecifiedIp, type SocketAddress } from "../wire/mod.ts";

/**
 * The address that a UDP socket most likely sends to `to` from; the IP address stays all zeros where
 * the socket is bound to every address and this host's are not known.
 */
export function localAddressTowards(
  { localAddress: { ip, port } }: Pick<DatagramTransport, "localAddress">,
  to: SocketAddress,
): SocketAddress {
  return { ip: isUnspecifiedIp(ip) ? localIpTowards(to) ?? ip : ip, port };
}
