import type {
  AuthenticationEnd,
  TransactionAnswer,
  TransactionOutcome,
} from "../protocol/client/mod.ts";
import type { TransportProtocol } from "../protocol/mod.ts";
import {
  ALTERNATE_DOMAIN,
  ALTERNATE_SERVER,
  ATTRIBUTE_CODECS,
  attributeName,
  ERROR_CODE,
  findAttribute,
  formatSocketAddress,
  MAPPED_ADDRESS,
  type SocketAddress,
  type StunMessage,
  unknownRequired,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../wire/mod.ts";
import { QueryError, type QueryErrorCode } from "./query_error.ts";

/** The other end of a conversation. */
export interface Peer {
  /** The server's address. */
  readonly server: SocketAddress;
  /** What carries the requests. */
  readonly transport: TransportProtocol;
}

/** Where a server sends its clients (RFC 8489 section 10). */
export interface Redirection {
  /** ALTERNATE-SERVER. */
  readonly server: SocketAddress;
  /** ALTERNATE-DOMAIN: the name that the other server's certificate has to be for, if it is given. */
  readonly domain: string | undefined;
}

/**
 * The answer of a transaction.
 *
 * @throws {QueryError} If there is none, or none to rely on.
 */
export function answerOf(outcome: TransactionOutcome, peer: Peer): TransactionAnswer {
  const { kind, attempts } = outcome;
  if (kind === "answered") return outcome;
  const who = `${formatSocketAddress(peer.server)} over ${peer.transport.toUpperCase()}`;
  if (kind === "timed-out") {
    const requests = attempts === 1 ? "request" : "requests";
    throw new QueryError(`Cannot query ${who}: no answer to ${attempts} ${requests}`, {
      code: "timed-out",
    });
  }
  const { errorCode, said } = readError(outcome.response);
  // RFC 8489 9.1.3: without a key in common, the refusal of a short-term credential is unprotected
  if (errorCode === 401) throw refusal(CREDENTIALS_REFUSED, { ...peer, errorCode });
  throw new QueryError(
    `Cannot query ${who}: the server answered ${said}, and did not show that it knows the password`,
    { code: "unverified", errorCode },
  );
}

/** The error for a server that does not let us in. */
export function refusal(
  end: AuthenticationEnd,
  { server, errorCode }: Pick<Peer, "server"> & { readonly errorCode: number | undefined },
): QueryError {
  return new QueryError(`Cannot query ${formatSocketAddress(server)}: the server ${end.reason}`, {
    code: end.because === "credentials" ? "unauthenticated" : "bad-response",
    errorCode,
  });
}

/** The error code of an answer, and what to call the answer in a sentence. */
export function readError(
  response: StunMessage,
): { readonly errorCode: number | undefined; readonly said: string } {
  if (response.class !== "error") return { errorCode: undefined, said: "an address" };
  const error = valueOf(response, ERROR_CODE);
  if (error === undefined) return { errorCode: undefined, said: "an error" };
  return { errorCode: error.code, said: `${error.code} ${error.reason}`.trimEnd() };
}

/**
 * The address that the request came from, as the answer says.
 *
 * @throws {QueryError} If it is an error response or holds no address.
 */
export function readReflexive(response: StunMessage, server: SocketAddress): SocketAddress {
  const from = formatSocketAddress(server);
  if (response.class === "error") {
    const { said, errorCode } = readError(response);
    throw new QueryError(`Cannot query ${from}: the server answered ${said}`, {
      code: "error-response",
      errorCode,
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

/**
 * Where the answer sends us; undefined if it is none of that kind. A 300 without ALTERNATE-SERVER is
 * an error like any other.
 *
 * @throws {QueryError} If that is nowhere to go to.
 */
export function readRedirection(
  response: StunMessage,
  server: SocketAddress,
): Redirection | undefined {
  if (readError(response).errorCode !== TRY_ALTERNATE) return undefined;
  if (findAttribute(response, ALTERNATE_SERVER.type) === undefined) return undefined;
  const alternate = valueOf(response, ALTERNATE_SERVER);
  // RFC 8489 14.15: the family is that of the request's source
  if (alternate === undefined || alternate.ip.length !== server.ip.length || alternate.port === 0) {
    const where = alternate === undefined ? "nowhere" : `to ${formatSocketAddress(alternate)}`;
    throw new QueryError(
      `Cannot query ${formatSocketAddress(server)}: the server sends us ${where}, wanted an ` +
        "address of its family and a port",
      { code: "bad-response", errorCode: TRY_ALTERNATE },
    );
  }
  return { server: alternate, domain: valueOf(response, ALTERNATE_DOMAIN) };
}

/** The error for a redirection that is not followed. */
export function notFollowed(
  { server: alternate }: Redirection,
  options: { readonly server: SocketAddress; readonly code: QueryErrorCode; readonly why: string },
): QueryError {
  const { server, code, why } = options;
  return new QueryError(
    `Cannot query ${formatSocketAddress(server)}: the server sends us to ` +
      `${formatSocketAddress(alternate)}, ${why}`,
    { code, errorCode: TRY_ALTERNATE },
  );
}

const TRY_ALTERNATE = 300;

const CREDENTIALS_REFUSED: AuthenticationEnd = {
  kind: "refused",
  because: "credentials",
  reason: "does not accept the credentials",
};

const UNDERSTOOD: ReadonlySet<number> = new Set(ATTRIBUTE_CODECS.map(({ type }) => type));
