/** What an {@linkcode AcceptError} says apart from its message. */
export interface AcceptErrorOptions extends ErrorOptions {
  /** The operating system's name for the error, `EMFILE` say; `other` if it gave none. */
  readonly code: string;
  /** Whether the listener is alive, so that accepting again is worth while after a moment. */
  readonly transient: boolean;
}

/** A connection could not be accepted. */
export class AcceptError extends Error {
  /** The name of the class. */
  override readonly name = "AcceptError";
  /** The operating system's name for the error, `EMFILE` say; `other` if it gave none. */
  readonly code: string;
  /** Whether the listener is alive, so that accepting again is worth while after a moment. */
  readonly transient: boolean;

  /** Makes the error; the cause is what the runtime threw. */
  constructor(message: string, options: AcceptErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.transient = options.transient;
  }
}

/** Turns what Deno threw while it accepted into an {@linkcode AcceptError}. */
export function toAcceptError(cause: unknown): AcceptError {
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : "other";
  const reason = REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new AcceptError(`Cannot accept a connection: ${reason}`, {
    code,
    transient: code in REASONS,
    cause,
  });
}

/**
 * The errors after which a listener lives on: resources that others may give back, and errors of
 * the one connection that was to be accepted, which Linux reports here (accept(2)).
 */
const REASONS: Readonly<Record<string, string>> = {
  EMFILE: "this process has no file descriptor left (ulimit -n)",
  ENFILE: "this host has no file descriptor left",
  ENOBUFS: "the operating system has no buffer left",
  ENOMEM: "the operating system has no memory left",
  ECONNABORTED: "the peer gave up first",
  ECONNRESET: "the peer gave up first",
  EPERM: "a firewall rule forbids it",
  EPROTO: "the connection broke first",
  ENETDOWN: "the network is down",
  ENETUNREACH: "there is no way to the peer",
  EHOSTDOWN: "the peer is down",
  EHOSTUNREACH: "there is no way to the peer",
  ETIMEDOUT: "the peer does not answer",
};
