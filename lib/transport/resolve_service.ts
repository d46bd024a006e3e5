import type { ServiceRecord } from "../protocol/client/mod.ts";
import { formatIp, type SocketAddress } from "../wire/mod.ts";
import { ResolveError } from "./resolve_host.ts";

/** Whom {@linkcode resolveService} asks, and for how long. */
export interface ResolveServiceOptions {
  /** The name server to ask. @default {undefined} those of this host */
  readonly nameServer?: SocketAddress | undefined;
  /** Gives the lookup up; a reason called `TimeoutError` makes it `timed-out`, else `other`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The SRV records of a service (RFC 2782), such as `_stun._udp.example.org`, in no particular order.
 * There are none if the domain has none; Deno does not tell that from a name server that fails or
 * refuses. Deno wants net permission for the name server's address, and asks for it on a terminal.
 *
 * A name server that does not answer takes 15 s: give a `signal`.
 *
 * @throws {ResolveError} If no name server answers, or Deno does not let us ask (as a rejection).
 */
export async function resolveService(
  name: string,
  options: ResolveServiceOptions = {},
): Promise<readonly ServiceRecord[]> {
  const { nameServer, signal } = options;
  try {
    // With a dot at its end the name is whole: no search domain is put behind it
    const records = await Deno.resolveDns(name.endsWith(".") ? name : `${name}.`, "SRV", {
      ...nameServer && {
        nameServer: { ipAddr: formatIp(nameServer.ip), port: nameServer.port },
      },
      ...signal && { signal },
    });
    return records.map(({ priority, weight, port, target }) => {
      return { priority, weight, port, target: target.replace(/\.$/, "") };
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw toResolveError(error, { name, signal });
  }
}

function toResolveError(
  cause: unknown,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal | undefined },
): ResolveError {
  if (signal?.aborted) {
    return signal.reason instanceof Error && signal.reason.name === "TimeoutError"
      ? new ResolveError("no answer in time", { code: "timed-out", host: name, cause })
      : new ResolveError("given up", { code: "other", host: name, cause: signal.reason });
  }
  if (cause instanceof Deno.errors.NotCapable) {
    const reason = "Deno was run without network permission, pass --allow-net";
    return new ResolveError(reason, { code: "other", host: name, cause });
  }
  if (cause instanceof Deno.errors.TimedOut) {
    return new ResolveError("no name server answers", { code: "timed-out", host: name, cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ResolveError(reason, { code: "other", host: name, cause });
}
