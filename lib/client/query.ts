import { type Clock, type Randomness, systemClock, systemRandomness } from "../ops/mod.ts";
import { ClientAuthentication, type ClientCredentials } from "../protocol/client/mod.ts";
import type { TransportProtocol } from "../protocol/mod.ts";
import { type AddressFamily, formatStunUri, parseStunUri, type StunUri } from "../wire/mod.ts";
import { askTarget, type Plan, SERVER_DELAY_MS, type Target } from "./ask_target.ts";
import type { QueryResult } from "./query_result.ts";
import { type Resolver, systemResolver } from "./server_discovery.ts";
import { staggeredRace } from "./staggered_race.ts";
import { abortError } from "./transaction_run.ts";

/** How {@linkcode query} asks. */
export interface QueryOptions {
  /**
   * What carries the request to all servers.
   *
   * @default {undefined} UDP to the server of a `stun:` URI, and TLS to that of a `stuns:` URI
   */
  readonly transport?: TransportProtocol | undefined;
  /**
   * TLS: certificates in PEM of authorities to trust beside those that Deno trusts anyway.
   *
   * @default {[]}
   */
  readonly caCerts?: readonly string[] | undefined;
  /** Only over this family. @default {undefined} over whichever answers first */
  readonly family?: AddressFamily | undefined;
  /**
   * What to answer a server with that asks who we are (RFC 8489 section 9). One that does not ask
   * is not told: see {@linkcode QueryResult.authenticated}.
   *
   * @default {undefined} nothing
   */
  readonly credentials?: ClientCredentials | undefined;
  /** ms after which to give up, looking up names and connecting included. @default {39500} */
  readonly timeoutMs?: number | undefined;
  /** UDP: ms until the first retransmission (RFC 8489 section 6.2.1). @default {500} */
  readonly rtoMs?: number | undefined;
  /** Gives the query up. */
  readonly signal?: AbortSignal | undefined;
  /** Looks names up. @default this host's resolver */
  readonly resolver?: Resolver | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Chooses the transaction ids. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/**
 * Asks a STUN server for this host's public address: one Binding request (RFC 8489 section 2), or
 * two where the server wants credentials.
 *
 * A domain name without a port is looked up in SRV records first (RFC 8489 section 8), then in A and
 * AAAA records. Of several addresses the next is tried 250 ms after the one before (RFC 8305), or as
 * soon as that has failed; of several servers, 1.5 s after. The first usable answer wins, and the
 * other attempts are given up.
 *
 * @param servers `stun:HOST` or `stun:HOST:PORT`, or the same with `stuns:` for TLS (RFC 7064); or
 * several of these, the preferred one first.
 * @throws {QueryError} If there is no usable answer (as a rejection).
 * @throws {RangeError} If there is no server, one is not a STUN URI, a `stuns:` URI is to go over
 * another transport than TLS, or the credentials hold a character that OpaqueString (RFC 8265)
 * forbids (as a rejection).
 */
export async function query(
  servers: string | StunUri | readonly (string | StunUri)[],
  options: QueryOptions = {},
): Promise<QueryResult> {
  const targets = readTargets(servers, options.transport);
  // Better to fail here than at the first server
  new ClientAuthentication(options.credentials);
  const { timeoutMs = 39_500, clock = systemClock, signal } = options;
  if (signal?.aborted) throw abortError(signal);
  const plan: Plan = {
    family: options.family,
    credentials: options.credentials,
    caCerts: options.caCerts,
    rtoMs: options.rtoMs,
    resolver: options.resolver ?? systemResolver,
    randomness: options.randomness ?? systemRandomness,
    deadline: clock.now() + timeoutMs,
    clock,
    signal,
  };
  try {
    return await staggeredRace(
      targets.map((target) => (signal) => askTarget(target, { ...plan, signal })),
      { ...plan, delayMs: SERVER_DELAY_MS },
    );
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : error;
  }
}

function readTargets(
  servers: string | StunUri | readonly (string | StunUri)[],
  wanted: TransportProtocol | undefined,
): readonly Target[] {
  const list = isList(servers) ? servers : [servers];
  if (list.length === 0) throw new RangeError("Cannot query: found no server, wanted one or more");
  return list.map((server) => readTarget(server, wanted));
}

/** `Array.isArray` does not see through `readonly`. */
function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

/** A `stuns:` URI means TLS (RFC 7064 section 3.2); UDP would want DTLS, which Deno has not. */
function readTarget(server: string | StunUri, wanted: TransportProtocol | undefined): Target {
  const parsed = parseStunUri(typeof server === "string" ? server : formatStunUri(server));
  if (!parsed.ok) throw new RangeError(parsed.reason);
  const uri = parsed.value;
  const secure = uri.scheme === "stuns";
  const transport = wanted ?? (secure ? "tls" : "udp");
  if (secure && transport !== "tls") {
    throw new RangeError(
      `Cannot query a stuns: URI over ${transport.toUpperCase()}: wanted TLS`,
    );
  }
  return { uri, transport };
}
