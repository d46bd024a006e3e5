/** Why there is no public listener, or what it cannot do. */
export type PublicListenerErrorCode =
  /** No server could be found or connected to. */
  | "no-server"
  /** No server answered in time. */
  | "timed-out"
  /** What servers answered was an error, held no address, or was not STUN. */
  | "bad-response"
  /** The local port is in use, or is not this host's to use. */
  | "port-in-use"
  /** Each destination sees another public address, which is of no use to anybody else. */
  | "mapping-depends"
  /** No server holds the mapping just now. */
  | "lost"
  /** The caller gave it up. */
  | "aborted"
  /** Anything else. */
  | "other";

/** What became of one server. */
export interface PublicListenerFailure {
  /** Its address. */
  readonly server: string;
  /** What happened, in a sentence. */
  readonly message: string;
}

/** What a {@linkcode PublicListenerError} says apart from its message. */
export interface PublicListenerErrorOptions extends ErrorOptions {
  /** The kind of failure. */
  readonly code: PublicListenerErrorCode;
  /** What became of the servers. @default {[]} */
  readonly failures?: readonly PublicListenerFailure[] | undefined;
}

/** There is no public listener, or it cannot do what was asked for. */
export class PublicListenerError extends Error {
  /** The name of the class. */
  override readonly name = "PublicListenerError";
  /** The kind of failure. */
  readonly code: PublicListenerErrorCode;
  /** What became of the servers. */
  readonly failures: readonly PublicListenerFailure[];

  /** Makes the error. */
  constructor(message: string, options: PublicListenerErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.failures = options.failures ?? [];
  }
}
