import type { PunchFailureCode } from "../protocol/punch/mod.ts";

/**
 * Why there is no path: as a {@linkcode PunchFailureCode} says, or the other side's description is
 * none that this side can use (`unusable`), or the caller gave it up (`aborted`).
 */
export type PunchErrorCode = PunchFailureCode | "unusable" | "aborted";

/** What a {@linkcode PunchError} says apart from its message. */
export interface PunchErrorOptions extends ErrorOptions {
  /** The kind of failure. */
  readonly code: PunchErrorCode;
}

/** A hole punch has failed. */
export class PunchError extends Error {
  /** The name of the class. */
  override readonly name = "PunchError";
  /** The kind of failure. */
  readonly code: PunchErrorCode;

  /** Makes the error. */
  constructor(message: string, options: PunchErrorOptions) {
    super(message, options);
    this.code = options.code;
  }
}
