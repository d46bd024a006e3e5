import { ResolveError, resolveHost } from "../transport/mod.ts";
import {
  type AddressFamily,
  equalSocketAddresses,
  formatStunUri,
  parseStunUri,
  type SocketAddress,
  socketAddress,
  type StunUri,
  stunUriPort,
} from "../wire/mod.ts";
import { QueryError } from "./query_error.ts";
import { abortError } from "./transaction_run.ts";

/** How {@linkcode resolveServers} looks. */
export interface ResolveServersOptions {
  /** What for, as it follows "Cannot" in the messages of errors. */
  readonly purpose: string;
  /** Only this family. @default {undefined} IPv4 where a server has it, else IPv6 */
  readonly family?: AddressFamily | undefined;
  /** Told of a server whose name leads to no address that can be used, and why. */
  readonly onSkipped?: ((server: string, reason: string) => void) | undefined;
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The addresses of servers that are to be asked from one socket: in one family, one of each, and each
 * once, in the order given.
 *
 * @throws {QueryError} If no server's name leads to an address, or it is given up (as a rejection).
 * @throws {RangeError} If there is no server or one is not a `stun:` URI (as a rejection).
 */
export async function resolveServers(
  servers: readonly (string | StunUri)[],
  options: ResolveServersOptions,
): Promise<readonly SocketAddress[]> {
  const { purpose } = options;
  if (servers.length === 0) throw new RangeError(`Cannot ${purpose}: no server is given`);
  const targets = servers.map((uri) => {
    const parsed = typeof uri === "string" ? parseStunUri(uri) : { ok: true, value: uri } as const;
    if (!parsed.ok) throw new RangeError(parsed.reason);
    if (parsed.value.scheme === "stuns") {
      throw new RangeError(`Cannot ${purpose} through a stuns: URI: wanted stun:`);
    }
    return parsed.value;
  });
  const found = await Promise.allSettled(targets.map(async (target) => {
    const ips = await resolveHost(target.host, { family: options.family, signal: options.signal });
    return ips.map((ip) => socketAddress(ip, stunUriPort(target)));
  }));
  if (options.signal?.aborted) throw abortError(options.signal);
  const perServer = found.map((one) => one.status === "fulfilled" ? one.value : []);
  const bytes = perServer.flat().some(({ ip }) => ip.length === 4) ? 4 : 16;
  // One address of each server: two of one machine would pass for two opinions
  const chosen = perServer.map((ips) => ips.find(({ ip }) => ip.length === bytes));
  const failures = found.map((one) => one.status === "rejected" ? one.reason : undefined);
  const [failure] = failures.filter((one) => one !== undefined);
  if (chosen.every((one) => one === undefined)) {
    if (!(failure instanceof ResolveError)) throw failure;
    throw new QueryError(failure.message, { code: failure.code, cause: failure });
  }
  chosen.forEach((one, i) => {
    if (one !== undefined) return;
    const reason = failures[i] instanceof Error
      ? failures[i].message
      : `it has no IPv${bytes === 4 ? 4 : 6} address, which the others have`;
    options.onSkipped?.(formatStunUri(targets[i]!), reason);
  });
  return chosen.filter((one, i) =>
    one !== undefined &&
    chosen.findIndex((other) => other !== undefined && equalSocketAddresses(other, one)) === i
  ) as SocketAddress[];
}
