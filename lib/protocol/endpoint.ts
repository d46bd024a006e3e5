import type { SocketAddress } from "../wire/mod.ts";

/** What carries the messages: UDP, TCP, or TLS over TCP (RFC 8489 section 6.2). */
export type TransportProtocol = "udp" | "tcp" | "tls";

/**
 * Which of a server's addresses and ports a socket is bound to (RFC 5780 section 6). A server
 * without an alternate address has primary sockets alone.
 */
export type EndpointRole = "primary" | "alternate-port" | "alternate-address" | "alternate-both";

/** The four addresses of an RFC 5780 server in one address family, as clients reach them. */
export type EndpointGroup = Readonly<Record<EndpointRole, SocketAddress>>;

/** A socket of the server, as far as decisions depend on it. */
export interface Endpoint {
  /** What carries the messages. */
  readonly transport: TransportProtocol;
  /** Which of the four it is. */
  readonly role: EndpointRole;
  /** Its address as clients reach it; unknown on a socket that is bound to every address. */
  readonly address?: SocketAddress;
  /** All four, where RFC 5780 is on. */
  readonly group?: EndpointGroup;
}

/** The role that differs from `role` in what is to be changed. */
export function changeRole(
  role: EndpointRole,
  change: { readonly changeAddress: boolean; readonly changePort: boolean },
): EndpointRole {
  const index = ENDPOINT_ROLES.indexOf(role) ^
    (change.changePort ? 1 : 0) ^ (change.changeAddress ? 2 : 0);
  return ENDPOINT_ROLES[index]!;
}

/** The four roles. Bit 0 of a role's index is the port, bit 1 the address. */
export const ENDPOINT_ROLES: readonly EndpointRole[] = [
  "primary",
  "alternate-port",
  "alternate-address",
  "alternate-both",
];

/** What STUN over TLS is called when a connection begins (RFC 7443): with TURN, and for RFC 5780. */
export const STUN_ALPN: readonly string[] = ["stun.turn", "stun.nat-discovery"];
