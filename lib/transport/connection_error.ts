/** Why a connection could not be made, or broke. */
export type ConnectionErrorCode =
  | "reset"
  | "refused"
  | "timed-out"
  | "unreachable"
  | "aborted"
  | "untrusted"
  | "closed"
  | "other";

/** What a {@linkcode ConnectionError} says apart from its message. */
export interface ConnectionErrorOptions extends ErrorOptions {
  /** The kind of failure. */
  readonly code: ConnectionErrorCode;
}

/**
 * A connection could not be made or broke: `reset` by the peer, `refused`, `timed-out`,
 * `unreachable`, `aborted` through an `AbortSignal`, `untrusted` because of the peer's certificate,
 * used after it was `closed` on this side.
 */
export class ConnectionError extends Error {
  /** The name of the class. */
  override readonly name = "ConnectionError";
  /** The kind of failure. */
  readonly code: ConnectionErrorCode;

  /** Makes the error; the cause is what the runtime threw. */
  constructor(message: string, options: ConnectionErrorOptions) {
    super(message, options);
    this.code = options.code;
  }
}

/** Turns what Deno threw into a {@linkcode ConnectionError}; `attempt` opens its message. */
export function toConnectionError(cause: unknown, attempt: string): ConnectionError {
  if (cause instanceof ConnectionError) return cause;
  const [code, reason] = diagnose(cause);
  return new ConnectionError(`${attempt}: ${reason}`, { code, cause });
}

function diagnose(cause: unknown): readonly [ConnectionErrorCode, string] {
  if (cause instanceof Deno.errors.NotCapable) {
    return ["other", "Deno was run without network permission, pass --allow-net"];
  }
  if (cause instanceof Deno.errors.BadResource) return ["closed", "the connection is closed"];
  switch (cause instanceof Error && "code" in cause ? cause.code : undefined) {
    case "ECONNRESET":
    case "ECONNABORTED":
    case "EPIPE":
    case "ENOTCONN":
      return ["reset", "the peer reset the connection"];
    case "ECONNREFUSED":
      return ["refused", "the peer refuses connections"];
    case "ETIMEDOUT":
      return ["timed-out", "the peer does not answer"];
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "ENETDOWN":
    case "EHOSTDOWN":
      return ["unreachable", "there is no way to the peer"];
  }
  if (cause instanceof Deno.errors.UnexpectedEof) return ["reset", "the peer cut the connection"];
  const words = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Deno.errors.InvalidData) return diagnoseTls(words);
  return ["other", words];
}

/** Makes sense of what the TLS client says: its words are all there is. */
function diagnoseTls(words: string): readonly [ConnectionErrorCode, string] {
  const [, doubt] = words.match(/^invalid peer certificate: (.*)$/s) ?? [];
  if (doubt !== undefined) {
    return ["untrusted", `the peer's certificate is not trusted: ${DOUBTS[doubt] ?? doubt}`];
  }
  const [, alert] = words.match(/^received fatal alert: (.*)$/s) ?? [];
  if (alert !== undefined) return ["other", `the peer refuses the TLS handshake: ${alert}`];
  if (words.startsWith("received corrupt message")) return ["other", "the peer does not speak TLS"];
  return ["other", words];
}

const DOUBTS: Readonly<Record<string, string>> = {
  UnknownIssuer: "no authority known here has signed it",
  CaUsedAsEndEntity: "it is that of an authority, wanted one of a server",
};
