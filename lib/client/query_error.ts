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

/** What a {@linkcode QueryError} says apart from its message. */
export interface QueryErrorOptions extends ErrorOptions {
  /** The kind of failure. */
  readonly code: QueryErrorCode;
  /** The ERROR-CODE of the server's answer, if it gave one. */
  readonly errorCode?: number;
}

/**
 * A query has no result: the name was `not-found`, nobody answered (`timed-out`, `refused`,
 * `unreachable`), the server `closed` the connection, answered with an `error-response` or one
 * without a usable address (`bad-response`), has a certificate that is not trusted (`untrusted`), did
 * not accept the credentials (`unauthenticated`) or did not show that it knows the password
 * (`unverified`), or the caller `aborted` it.
 */
export class QueryError extends Error {
  /** The name of the class. */
  override readonly name = "QueryError";
  /** The kind of failure. */
  readonly code: QueryErrorCode;
  /** The ERROR-CODE of the server's answer, if it gave one. */
  readonly errorCode: number | undefined;

  /** Makes the error. */
  constructor(message: string, options: QueryErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.errorCode = options.errorCode;
  }
}
