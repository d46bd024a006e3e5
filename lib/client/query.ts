import { type Clock, type Randomness, systemClock, systemRandomness } from "../ops/mod.ts";
import {
  type AuthenticationEnd,
  ClientAuthentication,
  type ClientCredentials,
  type TransactionAnswer,
  type TransactionOutcome,
  type TransportProtocol,
} from "../protocol/mod.ts";
import {
  ConnectionError,
  isLocalIp,
  ListenError,
  localIpTowards,
  ResolveError,
  resolveHost,
} from "../transport/mod.ts";
import {
  type AddressFamily,
  ATTRIBUTE_CODECS,
  attributeName,
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
  unknownRequired,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../wire/mod.ts";
import { Exchange, inTime } from "./exchange.ts";
import { QueryError } from "./query_error.ts";
import { abortError } from "./transaction_run.ts";

/** How {@linkcode query} asks. */
export interface QueryOptions {
  /** What carries the request. @default {"udp"}, and `"tls"` for a `stuns:` URI */
  readonly transport?: TransportProtocol | undefined;
  /**
   * TLS: certificates in PEM of authorities to trust beside those that Deno trusts anyway.
   *
   * @default {[]}
   */
  readonly caCerts?: readonly string[] | undefined;
  /** Only over this family. @default {undefined} whichever the server's name gives first */
  readonly family?: AddressFamily | undefined;
  /**
   * What to answer a server with that asks who we are (RFC 8489 section 9). One that does not ask
   * is not told: see {@linkcode QueryResult.authenticated}.
   *
   * @default {undefined} nothing
   */
  readonly credentials?: ClientCredentials | undefined;
  /** ms after which to give up, looking up the name and connecting included. @default {39500} */
  readonly timeoutMs?: number | undefined;
  /** UDP: ms until the first retransmission (RFC 8489 section 6.2.1). @default {500} */
  readonly rtoMs?: number | undefined;
  /** Gives the query up. */
  readonly signal?: AbortSignal | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Chooses the transaction ids. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/** What a STUN server said. */
export interface QueryResult {
  /** The address of the server that answered. */
  readonly server: SocketAddress;
  /** What carried the request. */
  readonly transport: TransportProtocol;
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
  /** How often the request that was answered was sent. */
  readonly attempts: number;
  /**
   * Only if there were credentials: whether the answer is protected by their password. It is not if
   * the server did not ask for them.
   */
  readonly authenticated?: boolean;
  /** What the server calls itself, if it says so. */
  readonly software?: string;
}

/**
 * Asks a STUN server for this host's public address: one Binding request (RFC 8489 section 2), or
 * two where the server wants credentials.
 *
 * @param uri `stun:HOST` or `stun:HOST:PORT`, or the same with `stuns:` for TLS (RFC 7064).
 * @throws {QueryError} If there is no usable answer (as a rejection).
 * @throws {RangeError} If `uri` is not a STUN URI, `stuns:` is to go over UDP, or the credentials hold a character that OpaqueString
 * (RFC 8265) forbids (as a rejection).
 */
export async function query(
  uri: string | StunUri,
  options: QueryOptions = {},
): Promise<QueryResult> {
  const { timeoutMs = 39_500, clock = systemClock, signal } = options;
  const { target, transport } = readTarget(uri, options.transport);
  const authentication = new ClientAuthentication(options.credentials);
  const begun = clock.now();
  if (signal?.aborted) throw abortError(signal);
  try {
    const ips = await inTime(
      { timeoutMs, signal, clock },
      (signal) => resolveHost(target.host, { family: options.family, signal }),
    );
    const server = socketAddress(ips[0]!, stunUriPort(target));
    using exchange = await Exchange.open(transport, {
      server,
      hostname: target.host,
      caCerts: options.caCerts,
      timeoutMs: Math.max(1, timeoutMs - (clock.now() - begun)),
      rtoMs: options.rtoMs,
      signal,
      clock,
    });
    for (;;) {
      const request = encodeMessage({
        class: "request",
        method: BINDING,
        transactionId: (options.randomness ?? systemRandomness).bytes(12),
        attributes: authentication.attributes,
      }, authentication.seals);
      const accepts = (response: StunMessage) => authentication.accepts(response);
      const outcome = await exchange.ask({ request, accepts });
      const { response, rttMs, attempts } = answerOf(outcome, { server, transport });
      const step = authentication.conclude(response);
      if (step.kind === "retry") continue;
      if (step.kind === "refused") throw refusal(step, { server, response });
      const reflexive = readReflexive(response, server);
      const software = valueOf(response, SOFTWARE);
      return {
        server,
        transport,
        ...compare(exchange.localAddress, reflexive, server),
        reflexive,
        rttMs,
        attempts,
        ...options.credentials && { authenticated: step.authenticated },
        ...software === undefined ? {} : { software },
      };
    }
  } catch (error) {
    throw toQueryError(error, signal);
  }
}

/** A `stuns:` URI means TLS (RFC 7064 section 3.2); UDP would want DTLS, which Deno has not. */
function readTarget(
  uri: string | StunUri,
  wanted: TransportProtocol | undefined,
): { readonly target: StunUri; readonly transport: TransportProtocol } {
  const parsed = typeof uri === "string" ? parseStunUri(uri) : { ok: true, value: uri } as const;
  if (!parsed.ok) throw new RangeError(parsed.reason);
  const target = parsed.value;
  const secure = target.scheme === "stuns";
  const transport = wanted ?? (secure ? "tls" : "udp");
  if (secure && transport !== "tls") {
    throw new RangeError(
      `Cannot query a stuns: URI over ${transport.toUpperCase()}: wanted TLS`,
    );
  }
  return { target, transport };
}

/** The answer, unless there is none or none to rely on. */
function answerOf(
  outcome: TransactionOutcome,
  { server, transport }: Pick<QueryResult, "server" | "transport">,
): TransactionAnswer {
  const { kind, attempts } = outcome;
  if (kind === "answered") return outcome;
  const who = describe(server, transport);
  if (kind === "timed-out") {
    const message = `Cannot query ${who}: no answer to ${attempts} ` +
      (attempts === 1 ? "request" : "requests");
    throw new QueryError(message, { code: "timed-out" });
  }
  const { errorCode, said } = readError(outcome.response);
  // RFC 8489 9.1.3: without a key in common, the refusal of a short-term credential is unprotected
  if (errorCode === 401) throw refusal(CREDENTIALS_REFUSED, { server, response: outcome.response });
  throw new QueryError(
    `Cannot query ${who}: the server answered ${said}, and did not show that it knows the password`,
    { code: "unverified", ...errorCode === undefined ? {} : { errorCode } },
  );
}

/** The error for a server that does not let us in. */
function refusal(
  end: AuthenticationEnd,
  { server, response }: { readonly server: SocketAddress; readonly response: StunMessage },
): QueryError {
  const { errorCode } = readError(response);
  return new QueryError(`Cannot query ${formatSocketAddress(server)}: the server ${end.reason}`, {
    code: end.because === "credentials" ? "unauthenticated" : "bad-response",
    ...errorCode === undefined ? {} : { errorCode },
  });
}

/** The error code of an answer, and what to call the answer in a sentence. */
function readError(response: StunMessage): { readonly errorCode?: number; readonly said: string } {
  const error = response.class === "error" ? valueOf(response, ERROR_CODE) : undefined;
  if (error === undefined) return { said: response.class === "error" ? "an error" : "an address" };
  return { errorCode: error.code, said: `${error.code} ${error.reason}`.trimEnd() };
}

function readReflexive(response: StunMessage, server: SocketAddress): SocketAddress {
  const from = formatSocketAddress(server);
  if (response.class === "error") {
    const { said, errorCode } = readError(response);
    throw new QueryError(`Cannot query ${from}: the server answered ${said}`, {
      code: "error-response",
      ...errorCode === undefined ? {} : { errorCode },
    });
  }
  // RFC 8489 6.3.3: such an answer is no answer
  const unknown = unknownRequired(response, UNDERSTOOD);
  if (unknown.length > 0) {
    throw new QueryError(
      `Cannot query ${from}: the answer holds ${unknown.map(attributeName).join(", ")}, ` +
        "which must be understood",
      { code: "bad-response" },
    );
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
  const nat = reflexive.port !== local.port || !isOurs(reflexive.ip);
  const ip = nat ? localIpTowards(server) ?? local.ip : reflexive.ip;
  return { local: { ip, port: local.port }, nat };
}

/** A host that may not bind to the address cannot tell, and an address of its own is rare enough. */
function isOurs(ip: Uint8Array): boolean {
  try {
    return isLocalIp(ip);
  } catch (error) {
    if (error instanceof ListenError) return false;
    throw error;
  }
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
  if (error instanceof ListenError) {
    return new QueryError(error.message, { code: "other", cause: error });
  }
  return error;
}

function describe(server: SocketAddress, transport: string): string {
  return `${formatSocketAddress(server)} over ${transport.toUpperCase()}`;
}

const CREDENTIALS_REFUSED: AuthenticationEnd = {
  kind: "refused",
  because: "credentials",
  reason: "does not accept the credentials",
};

const UNDERSTOOD: ReadonlySet<number> = new Set(ATTRIBUTE_CODECS.map(({ type }) => type));
