import { ConnectionError, type ConnectionErrorOptions } from "./connection_error.ts";

/** What is wrong with the local end that a connection was to be made from. */
export type LocalPortProblem =
  /** Somebody listens on the port, or holds it without sharing it. */
  | "in-use"
  /** The port has, or had a moment ago, a connection to that very peer. */
  | "pair-in-use"
  /** The IP address is not one of this host. */
  | "not-local";

/** What a {@linkcode LocalPortError} says apart from its message. */
export interface LocalPortErrorOptions extends Omit<ConnectionErrorOptions, "code"> {
  /** What is wrong. */
  readonly problem: LocalPortProblem;
}

/** A connection could not be made because of its local end; the peer has not heard of it. */
export class LocalPortError extends ConnectionError {
  /** What is wrong. */
  readonly problem: LocalPortProblem;

  /** Makes the error; the cause is what the runtime threw. */
  constructor(message: string, options: LocalPortErrorOptions) {
    super(message, { ...options, code: "other" });
    this.problem = options.problem;
  }
}
