import { connectTcp, resolveHost, type StreamConnection } from "../transport/mod.ts";
import { type Decoded, decoded, parseIp, type SocketAddress, undecodable } from "../wire/mod.ts";

/** Where a local service is. */
export interface ServiceTarget {
  /** An IP address without brackets, or a name. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Reads `127.0.0.1:8080`, `[::1]:80`, `localhost:80`, or a port alone, which is one of 127.0.0.1. */
export function parseServiceTarget(text: string): Decoded<ServiceTarget> {
  const [, bracketed, plain = "127.0.0.1", port] =
    /^(?:(?:\[([^\[\]]*)\]|([^:\[\]/\s]+)):)?([0-9]{1,5})$/.exec(text) ?? [];
  const wanted = `Cannot read ${JSON.stringify(text)}: wanted HOST:PORT or PORT`;
  if (port === undefined) return undecodable(wanted);
  if (Number(port) < 1 || Number(port) > 65_535) {
    return undecodable(`Cannot read ${JSON.stringify(text)}: wanted a port of 1 to 65535`);
  }
  if (bracketed !== undefined && !(bracketed.includes(":") && parseIp(bracketed).ok)) {
    return undecodable(`Cannot read ${JSON.stringify(text)}: wanted an IPv6 address in brackets`);
  }
  return decoded({ host: bracketed ?? plain, port: Number(port) });
}

/** Writes it as {@linkcode parseServiceTarget} reads it. */
export function formatServiceTarget({ host, port }: ServiceTarget): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The addresses of a service, in the order in which to try them, at least one.
 *
 * @throws {ResolveError} If its name stands for none (as a rejection).
 */
export async function serviceAddresses(
  { host, port }: ServiceTarget,
  signal?: AbortSignal,
): Promise<readonly SocketAddress[]> {
  return (await resolveHost(host, { signal })).map((ip) => ({ ip, port }));
}

/**
 * Connects to a service over TCP, at the first of its addresses that can be connected to.
 *
 * @throws {ResolveError} If its name stands for no address (as a rejection).
 * @throws {ConnectionError} If none can be connected to; of the last one (as a rejection).
 */
export async function connectToService(
  target: ServiceTarget,
  signal: AbortSignal,
): Promise<StreamConnection> {
  const addresses = await serviceAddresses(target, signal);
  for (const address of addresses.slice(0, -1)) {
    try {
      return await connectTcp(address, { signal });
    } catch {
      // The next one may do
    }
  }
  return await connectTcp(addresses.at(-1)!, { signal });
}
