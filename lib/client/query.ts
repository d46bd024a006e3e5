import { type Clock, type Randomness, systemClock, systemRandomness } from "../ops/mod.ts";
import {
  ConnectionError,
  isLocalIp,
  localIpTowards,
  ResolveError,
  resolveHost,
} from "../transport/mod.ts";
import {
  type AddressFamily,
  BINDING,
  encodeMessage,
  equalSocketAddresses,
  ERROR_CODE,
  formatSocketAddress,
  isUnspecifiedIp,
  MAPPED_ADDRESS,
  parseStunUri,
  type SocketAddress,
  socketAddress,
  SOFTWARE,
  type StunMessage,
  type StunUri,
  stunUriPort,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../wire/mod.ts";
import { type Exchange, exchangeTcp, exchangeUdp } from "./exchange.ts";
import { QueryError } from "./query_error.ts";
import { abortError } from "./transaction_run.ts";

/** How {@linkcode query} asks. */
export interface QueryOptions {
  /** What carries the request. @default {"udp"} */
  readonly transport?: "udp" | "tcp" | undefined;
  /** Only over this family. @default {undefined} whichever the server's name gives first */
  readonly family?: AddressFamily | undefined;
  /** ms after which to give up, looking up the name and connecting included. @default {39500} */
  readonly timeoutMs?: number | undefined;
  /** UDP: ms until the first retransmission (RFC 8489 section 6.2.1). @default {500} */
  readonly rtoMs?: number | undefined;
  /** Gives the query up. */
  readonly signal?: AbortSignal | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Chooses the transaction id. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/** What a STUN server said. */
export interface QueryResult {
  /** The address of the server that answered. */
  readonly server: SocketAddress;
  /** What carried the request. */
  readonly transport: "udp" | "tcp";
  /**
   * The address that the request left from, as this host sees it. Over UDP the IP address is all
   * zeros if it cannot be told (without `--allow-sys=networkInterfaces`, behind a NAT).
   */
  readonly local: SocketAddress;
  /** The address that the request came from, as the server saw it. */
  readonly reflexive: SocketAddress;
  /** Whether something on the way has translated the address: the two differ. */
  readonly nat: boolean;
  /** ms from the last sending of the request to the answer. */
  readonly rttMs: number;
  /** How often the request was sent. */
  readonly attempts: number;
  /** What the server calls itself, if it says so. */
  readonly software?: string;
}

/**
 * Asks a STUN server for this host's public address: one Binding request (RFC 8489 section 2).
 *
 * @param uri `stun:HOST` or `stun:HOST:PORT` (RFC 7064).
 * @throws {QueryError} If there is no usable answer (as a rejection).
 * @throws {RangeError} If `uri` is not a STUN URI (as a rejection).
 */
export async function query(
  uri: string | StunUri,
  options: QueryOptions = {},
): Promise<QueryResult> {
  const { transport = "udp", timeoutMs = 39_500, clock = systemClock, signal } = options;
  const target = readTarget(uri);
  const begun = clock.now();
  if (signal?.aborted) throw abortError(signal);
  try {
    const ips = await resolveHost(target.host, { family: options.family, signal });
    const exchange: Exchange = {
      server: socketAddress(ips[0]!, stunUriPort(target)),
      request: encodeMessage({
        class: "request",
        method: BINDING,
        transactionId: (options.randomness ?? systemRandomness).bytes(12),
      }),
      timeoutMs: Math.max(1, timeoutMs - (clock.now() - begun)),
      rtoMs: options.rtoMs,
      signal,
      clock,
    };
    const { outcome, local } = await (transport === "udp" ? exchangeUdp : exchangeTcp)(exchange);
    if (outcome.kind === "timed-out") {
      throw new QueryError(
        `Cannot query ${describe(exchange.server, transport)}: no answer to ` +
          `${outcome.attempts} ${outcome.attempts === 1 ? "request" : "requests"}`,
        { code: "timed-out" },
      );
    }
    const { response, rttMs, attempts } = outcome;
    const reflexive = readReflexive(response, exchange.server);
    const software = valueOf(response, SOFTWARE);
    return {
      server: exchange.server,
      transport,
      ...compare(local, reflexive, exchange.server),
      reflexive,
      rttMs,
      attempts,
      ...software === undefined ? {} : { software },
    };
  } catch (error) {
    throw toQueryError(error, signal);
  }
}

function readTarget(uri: string | StunUri): StunUri {
  const parsed = typeof uri === "string" ? parseStunUri(uri) : { ok: true, value: uri } as const;
  if (!parsed.ok) throw new RangeError(parsed.reason);
  if (parsed.value.scheme === "stuns") {
    throw new QueryError("Cannot query a stuns: URI: this client does not speak TLS yet", {
      code: "unsupported",
    });
  }
  return parsed.value;
}

function readReflexive(response: StunMessage, server: SocketAddress): SocketAddress {
  const from = formatSocketAddress(server);
  if (response.class === "error") {
    const error = valueOf(response, ERROR_CODE);
    const said = error === undefined ? "an error" : `${error.code} ${error.reason}`.trimEnd();
    throw new QueryError(`Cannot query ${from}: the server answered ${said}`, {
      code: "error-response",
      ...error === undefined ? {} : { errorCode: error.code },
    });
  }
  // Servers of RFC 3489, and some that think they are newer, know only MAPPED-ADDRESS
  const reflexive = valueOf(response, XOR_MAPPED_ADDRESS) ?? valueOf(response, MAPPED_ADDRESS);
  if (reflexive === undefined) {
    throw new QueryError(`Cannot query ${from}: the answer holds no address`, {
      code: "bad-response",
    });
  }
  return reflexive;
}

/** Whether the address was translated, and our own address as far as it can be told. */
function compare(
  local: SocketAddress,
  reflexive: SocketAddress,
  server: SocketAddress,
): { readonly local: SocketAddress; readonly nat: boolean } {
  if (!isUnspecifiedIp(local.ip)) return { local, nat: !equalSocketAddresses(local, reflexive) };
  const nat = reflexive.port !== local.port || !isLocalIp(reflexive.ip);
  const ip = nat ? localIpTowards(server) ?? local.ip : reflexive.ip;
  return { local: { ip, port: local.port }, nat };
}

function toQueryError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted && !(error instanceof QueryError)) return abortError(signal);
  if (error instanceof ResolveError) {
    return new QueryError(error.message, { code: error.code, cause: error });
  }
  if (error instanceof ConnectionError) {
    const code = error.code === "reset" ? "closed" : error.code;
    return new QueryError(error.message, { code, cause: error });
  }
  return error;
}

function describe(server: SocketAddress, transport: string): string {
  return `${formatSocketAddress(server)} over ${transport.toUpperCase()}`;
}
