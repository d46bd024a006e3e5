import { equalIps, equalSocketAddresses, formatIp, type SocketAddress } from "../../wire/mod.ts";
import { judgeMapping } from "../discovery/mod.ts";

/** What one server sees of a local port. */
export interface PublicAddressObservation {
  /** The server. */
  readonly server: SocketAddress;
  /** The local end of what it sees. */
  readonly local: SocketAddress;
  /** What it sees. */
  readonly reflexive: SocketAddress;
  /** Whether nothing translates: what it sees is the port's own address. */
  readonly own: boolean;
}

/** What several observations add up to. */
export type PublicAddressFinding =
  /** There is none. */
  | { readonly kind: "unknown" }
  /** All servers, or most of them, see the same. */
  | {
    readonly kind: "found";
    readonly publicAddress: SocketAddress;
    /** One of those that see it. */
    readonly by: PublicAddressObservation;
    /** On how many IP addresses the servers are that see it. */
    readonly witnesses: number;
  }
  /** Each destination sees another address, so that none of them is of use to anybody else. */
  | { readonly kind: "depends"; readonly reason: string };

/**
 * Where the world finds a local port, by what servers see of it. One server alone is believed, as
 * nothing can be told from it. Servers that see something else than the others are overruled by a
 * majority, counted by IP address: a NAT that gives each address another port fools all ports of one.
 * A server that sees the own address of a port that others see translated is on this side of the NAT
 * and does not count.
 */
export function judgePublicAddress(
  observations: readonly PublicAddressObservation[],
): PublicAddressFinding {
  const translated = observations.filter(({ own }) => !own);
  const telling = translated.length > 0 ? translated : observations;
  if (telling.length === 0) return { kind: "unknown" };
  const { value, reason } = judgeMapping(
    telling.map(({ server: to, reflexive }) => ({ to, reflexive })),
    () => false,
  );
  if (value === "address-and-port-dependent") return { kind: "depends", reason };
  // By now all servers on one IP address see the same
  const perIp = telling.filter(({ server }, i) =>
    telling.findIndex((other) => equalIps(other.server.ip, server.ip)) === i
  );
  for (const by of perIp) {
    const witnesses = perIp.filter(({ reflexive }) =>
      equalSocketAddresses(reflexive, by.reflexive)
    ).length;
    if (2 * witnesses > perIp.length) {
      return { kind: "found", publicAddress: by.reflexive, by, witnesses };
    }
  }
  const seen = perIp.map(({ reflexive: { ip, port }, server }) =>
    `${formatIp(server.ip)} sees port ${port} of ${formatIp(ip)}`
  );
  return { kind: "depends", reason: seen.join(", ") };
}
