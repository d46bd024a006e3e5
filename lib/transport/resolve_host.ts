import { type AddressFamily, equalIps, parseIp, socketAddress } from "../wire/mod.ts";

/** Which addresses {@linkcode resolveHost} looks for, and for how long. */
export interface ResolveHostOptions {
  /** Only addresses of this family; both if it is absent. */
  readonly family?: AddressFamily | undefined;
  /** Gives the lookup up; a reason called `TimeoutError` makes it `timed-out`, else `other`. */
  readonly signal?: AbortSignal | undefined;
}

/** Why a name could not be resolved. */
export type ResolveErrorCode = "not-found" | "timed-out" | "other";

/** What a {@linkcode ResolveError} says apart from its message. */
export interface ResolveErrorOptions extends ErrorOptions {
  /** The kind of failure. */
  readonly code: ResolveErrorCode;
  /** The name that was to be resolved. */
  readonly host: string;
}

/** A host name could not be resolved. `timed-out` includes name servers that cannot be reached. */
export class ResolveError extends Error {
  /** The name of the class. */
  override readonly name = "ResolveError";
  /** The kind of failure. */
  readonly code: ResolveErrorCode;
  /** The name that was to be resolved. */
  readonly host: string;

  /** Makes the error; `reason` is what follows the colon of the message. */
  constructor(reason: string, options: ResolveErrorOptions) {
    super(`Cannot resolve ${JSON.stringify(options.host)}: ${reason}`, options);
    this.code = options.code;
    this.host = options.host;
  }
}

/**
 * The IP addresses of a host, at least one, in the system resolver's order and each once: 4 or 16
 * bytes. An IP address stands for itself, without a lookup; a name is looked up as every program
 * of this host does, `/etc/hosts` included.
 *
 * @throws {ResolveError} If there is no such name or address, or no answer (as a rejection).
 */
export async function resolveHost(
  host: string,
  options: ResolveHostOptions = {},
): Promise<readonly Uint8Array[]> {
  const { family, signal } = options;
  const literal = parseIp(host);
  const ips = literal.ok ? [unmapped(literal.value)] : await lookUp(host, signal);
  const wanted = ips.filter((ip) => family === undefined || ip.length === (family === 4 ? 4 : 16));
  if (wanted.length === 0) {
    throw new ResolveError(`it has no ${family === undefined ? "IP" : `IPv${family}`} address`, {
      code: "not-found",
      host,
    });
  }
  return wanted.filter((ip, i) => wanted.findIndex((other) => equalIps(ip, other)) === i);
}

async function lookUp(host: string, signal?: AbortSignal): Promise<Uint8Array[]> {
  // getaddrinfo takes "127.1" or "0x7f000001" for 127.0.0.1, which no name of a host can be
  // (RFC 1123 section 2.1: the last label has a letter in it).
  if (!HOST_NAME.test(host)) {
    throw new ResolveError("not a host name", { code: "not-found", host });
  }
  // Loaded when it is needed: a server does not look names up, and node:dns is slow to load.
  const dns = await import("node:dns");
  if (signal?.aborted) throw givenUp(host, signal.reason);
  return await new Promise((resolve, reject) => {
    const giveUp = () => reject(givenUp(host, signal?.reason));
    signal?.addEventListener("abort", giveUp, { once: true });
    dns.lookup(host, { all: true, verbatim: true }, (error, addresses) => {
      signal?.removeEventListener("abort", giveUp);
      if (error) reject(toResolveError(error, host));
      else resolve((addresses ?? []).flatMap(({ address }) => readIp(address)));
    });
  });
}

/** An address of the resolver's; one with a zone (`fe80::1%eth0`) cannot be used and is left out. */
function readIp(text: string): Uint8Array[] {
  const ip = parseIp(text);
  return ip.ok ? [unmapped(ip.value)] : [];
}

function unmapped(ip: Uint8Array): Uint8Array {
  return socketAddress(ip, 0).ip;
}

function toResolveError(cause: unknown, host: string): ResolveError {
  switch (cause instanceof Error && "code" in cause ? cause.code : undefined) {
    case "ENOTFOUND":
    case "ENODATA":
      return new ResolveError("no such host", { code: "not-found", host, cause });
    case "EPERM":
      // What Deno's node:dns makes of a permission that is missing.
      return new ResolveError("Deno was run without network permission, pass --allow-net", {
        code: "other",
        host,
        cause,
      });
    case "EAI_AGAIN":
    case "ETIMEOUT":
    case "ETIMEDOUT":
      return new ResolveError("no name server answers", { code: "timed-out", host, cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ResolveError(reason, { code: "other", host, cause });
}

function givenUp(host: string, cause: unknown): ResolveError {
  return cause instanceof Error && cause.name === "TimeoutError"
    ? new ResolveError("no answer in time", { code: "timed-out", host, cause })
    : new ResolveError("given up", { code: "other", host, cause });
}

const HOST_NAME =
  /^(?=.{1,254}$)([^\p{Cc}\s.:/[\]%]{1,63}\.)*(?!(0x[0-9a-f]*|[0-9]+)\.?$)[^\p{Cc}\s.:/[\]%]{1,63}\.?$/iu;
