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
  /** Whether it was about one peer alone, so that accepting again need not wait. */
  readonly peerGaveUp: boolean;

  /** Makes the error; the cause is what the runtime threw. */
  constructor(message: string, options: AcceptErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.transient = options.transient;
    this.peerGaveUp = REASONS[options.code] === PEER_GAVE_UP;
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

const PEER_GAVE_UP = "the peer gave up first";

/**
 * The errors after which a listener lives on: resources that others may give back, and errors of
 * the one connection that was to be accepted, which Linux reports here (accept(2)).
 */
const REASONS: Readonly<Record<string, string>> = {
  EMFILE: "this process has no file descriptor left (ulimit -n)",
  ENFILE: "this host has no file descriptor left",
  ENOBUFS: "the operating system has no buffer left",
  ENOSPC: "this host watches no more connections for this user (fs.epoll.max_user_watches)",
  ENOMEM: "the operating system has no memory left",
  ECONNABORTED: PEER_GAVE_UP,
  ECONNRESET: PEER_GAVE_UP,
  // A peer that resets between its SYN and our accept: its address can no longer be asked for
  ENOTCONN: PEER_GAVE_UP,
  EPERM: "a firewall rule forbids it",
  EPROTO: "the connection broke first",
  ENETDOWN: "the network is down",
  ENETUNREACH: "there is no way to the peer",
  EHOSTDOWN: "the peer is down",
  EHOSTUNREACH: "there is no way to the peer",
  ETIMEDOUT: "the peer does not answer",
};
