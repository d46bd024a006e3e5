import type { SocketAddress } from "../wire/mod.ts";

/** Why a query has no result. */
export type QueryErrorCode =
  | "not-found"
  | "timed-out"
  | "refused"
  | "unreachable"
  | "closed"
  | "error-response"
  | "bad-response"
  | "untrusted"
  | "unauthenticated"
  | "unverified"
  | "unsupported"
  | "aborted"
  | "other";

/** What became of one of the servers of a query that has no result. */
export interface QueryFailure {
  /** The URI by which the server was asked for. */
  readonly uri: string;
  /** The address that was asked; undefined if none was found. */
  readonly server: SocketAddress | undefined;
  /** The kind of failure. */
  readonly code: QueryErrorCode;
  /** The ERROR-CODE of the server's answer, if it gave one. */
  readonly errorCode: number | undefined;
  /** What happened, in a sentence. */
  readonly message: string;
}

/** What a {@linkcode QueryError} says apart from its message. */
export interface QueryErrorOptions extends ErrorOptions {
  /** The kind of failure. */
  readonly code: QueryErrorCode;
  /** The ERROR-CODE of the server's answer, if it gave one. */
  readonly errorCode?: number | undefined;
  /** What became of each server that was tried. @default {[]} */
  readonly failures?: readonly QueryFailure[];
}

/**
 * A query has no result: the name was `not-found`, nobody answered (`timed-out`, `refused`,
 * `unreachable`), the server `closed` the connection, answered with an `error-response` or one
 * without a usable address (`bad-response`), has a certificate that is not trusted (`untrusted`), did
 * not accept the credentials (`unauthenticated`) or did not show that it knows the password
 * (`unverified`), or the caller `aborted` it.
 *
 * Where several servers or addresses were tried, code and message are those of the failure that tells
 * most: an answer more than a refusal, a refusal more than silence.
 */
export class QueryError extends Error {
  /** The name of the class. */
  override readonly name = "QueryError";
  /** The kind of failure. */
  readonly code: QueryErrorCode;
  /** The ERROR-CODE of the server's answer, if it gave one. */
  readonly errorCode: number | undefined;
  /** What became of each server and address that was tried, in the order of trying. */
  readonly failures: readonly QueryFailure[];

  /** Makes the error. */
  constructor(message: string, options: QueryErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.errorCode = options.errorCode;
    this.failures = options.failures ?? [];
  }
}

/** The one error to tell when all attempts have failed; there is one at least. */
export function mostTelling(errors: readonly QueryError[]): QueryError {
  const rank = ({ code }: QueryError) => TELLING.indexOf(code);
  const [best] = errors.toSorted((a, b) => rank(a) - rank(b));
  if (errors.length === 1) return best!;
  const { message, code, errorCode, cause } = best!;
  return new QueryError(message, {
    code,
    errorCode,
    cause,
    failures: errors.flatMap(({ failures }) => failures),
  });
}

/** The nearer to an answer, the more it tells. */
const TELLING: readonly QueryErrorCode[] = [
  "aborted",
  "unauthenticated",
  "unverified",
  "error-response",
  "bad-response",
  "untrusted",
  "closed",
  "refused",
  "unsupported",
  "other",
  "unreachable",
  "timed-out",
  "not-found",
];
