import type { Clock, Randomness } from "../ops/mod.ts";
import type { ClientCredentials } from "../protocol/client/mod.ts";
import type { TransportProtocol } from "../protocol/mod.ts";
import { ConnectionError, ListenError, ResolveError } from "../transport/mod.ts";
import {
  type AddressFamily,
  formatStunUri,
  type SocketAddress,
  type StunUri,
} from "../wire/mod.ts";
import { askServer } from "./ask_server.ts";
import { QueryError } from "./query_error.ts";
import type { QueryResult } from "./query_result.ts";
import {
  discoverAddresses,
  type DiscoveredHost,
  discoverHosts,
  type Resolver,
} from "./server_discovery.ts";
import { type Attempt, staggeredRace } from "./staggered_race.ts";

/** What all attempts of a query share, but for the signal, which each has for itself. */
export interface Plan {
  /** Only over this family. */
  readonly family: AddressFamily | undefined;
  /** What to answer a server with that asks who we are. */
  readonly credentials: ClientCredentials | undefined;
  /** TLS: authorities to trust beside those that Deno trusts anyway, in PEM. */
  readonly caCerts: readonly string[] | undefined;
  /** UDP: ms until the first retransmission. */
  readonly rtoMs: number | undefined;
  /** Looks names up. */
  readonly resolver: Resolver;
  /** When to give up, by the clock. */
  readonly deadline: number;
  /** Gives it up at once. */
  readonly signal: AbortSignal | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Chooses transaction ids, and draws lots among SRV records. */
  readonly randomness: Randomness;
}

/** One of the servers of a query. */
export interface Target {
  /** Where it is. */
  readonly uri: StunUri;
  /** What carries the request. */
  readonly transport: TransportProtocol;
}

/**
 * Asks the server of a URI, wherever DNS says that it is, at all its addresses if need be.
 *
 * @throws {QueryError} If there is no usable answer (as a rejection).
 */
export async function askTarget(target: Target, plan: Plan): Promise<QueryResult> {
  const { uri, transport } = target;
  // RFC 8489 section 8.1: the certificate is for the domain of the URI, not for what DNS made of it
  const hostname = uri.host;
  const askAt = (server: SocketAddress): Attempt<QueryResult> => (signal) =>
    blaming({ uri, server }, () => askServer(server, { ...plan, transport, hostname, signal }));
  const askHost = (host: DiscoveredHost): Attempt<QueryResult> => async (signal) => {
    const addresses = await blaming(
      { uri, server: undefined },
      () => discoverAddresses(host, { ...plan, transport, signal }),
    );
    return await staggeredRace(addresses.map(askAt), {
      ...plan,
      signal,
      delayMs: ADDRESS_DELAY_MS,
    });
  };
  const hosts = await blaming(
    { uri, server: undefined },
    () => discoverHosts(uri, { ...plan, transport }),
  );
  return await staggeredRace(hosts.map(askHost), { ...plan, delayMs: SERVER_DELAY_MS });
}

/** ms without an answer after which the next server is asked too: that of two retransmissions. */
export const SERVER_DELAY_MS = 1_500;

/** RFC 8305 section 8: the Connection Attempt Delay. */
const ADDRESS_DELAY_MS = 250;

/** Makes a {@linkcode QueryError} of a failure of an attempt, and has it say whose failure it is. */
async function blaming<T>(
  whom: { readonly uri: StunUri; readonly server: SocketAddress | undefined },
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const { message, cause } = error as Error;
    const errorCode = error instanceof QueryError ? error.errorCode : undefined;
    const uri = formatStunUri(whom.uri);
    throw new QueryError(message, {
      code,
      errorCode,
      cause: error instanceof QueryError ? cause : error,
      failures: [{ uri, server: whom.server, code, errorCode, message }],
    });
  }
}

/** The code of a failure; undefined for a mistake. */
function codeOf(error: unknown): QueryError["code"] | undefined {
  if (error instanceof QueryError || error instanceof ResolveError) return error.code;
  if (error instanceof ConnectionError) return error.code === "reset" ? "closed" : error.code;
  return error instanceof ListenError ? "other" : undefined;
}
