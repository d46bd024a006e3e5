import type { Clock, Randomness } from "../ops/mod.ts";
import {
  interleaveFamilies,
  orderServiceRecords,
  type ServiceRecord,
} from "../protocol/client/mod.ts";
import type { TransportProtocol } from "../protocol/mod.ts";
import { ResolveError, resolveHost, resolveService } from "../transport/mod.ts";
import {
  type AddressFamily,
  parseIp,
  type SocketAddress,
  socketAddress,
  type StunUri,
} from "../wire/mod.ts";
import { inTime } from "./exchange.ts";

/** What a {@linkcode Resolver} is to look for, and for how long. */
export interface ResolverOptions {
  /** Only addresses of this family. @default {undefined} both */
  readonly family?: AddressFamily | undefined;
  /** Gives the lookup up. */
  readonly signal?: AbortSignal | undefined;
}

/** Looks names up. Both methods reject soon after their signal is aborted. */
export interface Resolver {
  /** The IP addresses of a host, at least one, in order of preference; rejects if there is none. */
  resolveHost(host: string, options: ResolverOptions): Promise<readonly Uint8Array[]>;
  /** The SRV records of a service such as `_stun._udp.example.org`; none if there are none. */
  resolveService(name: string, options: ResolverOptions): Promise<readonly ServiceRecord[]>;
}

/** How this host looks names up. */
export const systemResolver: Resolver = { resolveHost, resolveService };

/** What {@linkcode discoverHosts} and {@linkcode discoverAddresses} need. */
export interface DiscoveryOptions {
  /** What carries the request. */
  readonly transport: TransportProtocol;
  /** Only addresses of this family. */
  readonly family: AddressFamily | undefined;
  /** Looks names up. */
  readonly resolver: Resolver;
  /** When to give up, by the clock. */
  readonly deadline: number;
  /** Gives it up at once. */
  readonly signal: AbortSignal | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Draws lots among SRV records. */
  readonly randomness: Randomness;
}

/** A host where a server may be. */
export interface DiscoveredHost {
  /** Its name or IP address. */
  readonly host: string;
  /** The server's port. */
  readonly port: number;
}

/**
 * The hosts where the server of a URI may be, the first to be tried first (RFC 8489 section 8): what
 * the SRV records of the domain say, or the host itself. An IP address or a port needs no SRV record,
 * and a name without a dot is no domain that could have one.
 *
 * @throws {ResolveError} If the domain says that it has no such service (as a rejection).
 */
export async function discoverHosts(
  uri: StunUri,
  options: DiscoveryOptions,
): Promise<readonly DiscoveredHost[]> {
  const { transport } = options;
  const { host, port = DEFAULT_PORT[transport] } = uri;
  if (uri.port !== undefined || parseIp(host).ok || !host.replace(/\.$/, "").includes(".")) {
    return [{ host, port }];
  }
  const records = await lookUpService(`${SERVICE[transport]}.${host}`, options);
  if (records.length === 0) return [{ host, port }];
  const order = orderServiceRecords(records, () => draw(options.randomness));
  const hosts = order.filter(({ target, port }) => target !== "" && port > 0)
    .map(({ target, port }) => ({ host: target, port }));
  if (hosts.length === 0) {
    const reason = `its SRV records say that it has no STUN server over ${transport.toUpperCase()}`;
    throw new ResolveError(reason, { code: "not-found", host });
  }
  return hosts.slice(0, MAX_HOSTS);
}

/**
 * The addresses of such a host, the families by turns (RFC 8305 section 4).
 *
 * @throws {ResolveError} If it has none, or no name server answers in time (as a rejection).
 */
export async function discoverAddresses(
  { host, port }: DiscoveredHost,
  options: DiscoveryOptions,
): Promise<readonly SocketAddress[]> {
  const { resolver, family, deadline, clock } = options;
  const ips = await inTime(
    { ...options, timeoutMs: Math.max(1, deadline - clock.now()) },
    (signal) => resolver.resolveHost(host, { family, signal }),
  );
  return interleaveFamilies(ips).slice(0, MAX_ADDRESSES).map((ip) => socketAddress(ip, port));
}

/** No answer, or none in time, is as good as none at all: there are A and AAAA records to turn to. */
async function lookUpService(
  name: string,
  options: DiscoveryOptions,
): Promise<readonly ServiceRecord[]> {
  const { resolver, deadline, clock } = options;
  const timeoutMs = Math.max(1, Math.min(SERVICE_LOOKUP_MS, deadline - clock.now()));
  try {
    return await inTime(
      { ...options, timeoutMs },
      (signal) => resolver.resolveService(name, { signal }),
    );
  } catch (error) {
    if (error instanceof ResolveError) return [];
    throw error;
  }
}

/** A number of 0 to below 1. */
function draw(randomness: Randomness): number {
  return randomness.bytes(4).reduce((sum, byte) => (sum + byte) / 256, 0);
}

/** RFC 8489 sections 8.1 and 18.6. */
const SERVICE: Readonly<Record<TransportProtocol, string>> = {
  udp: "_stun._udp",
  tcp: "_stun._tcp",
  tls: "_stuns._tcp",
};

const DEFAULT_PORT: Readonly<Record<TransportProtocol, number>> = {
  udp: 3478,
  tcp: 3478,
  tls: 5349,
};

/** Ten times what a name server takes as a rule; a firewall that drops the question costs this much. */
const SERVICE_LOOKUP_MS = 1_000;

/** What a domain that is not our friend can make us look up, and what a host can make us ask. */
const MAX_HOSTS = 8;
const MAX_ADDRESSES = 8;
