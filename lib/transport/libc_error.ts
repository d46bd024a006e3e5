/**
 * The functions of the C library cannot be called, so there is no UDP in batches, no TCP through
 * `epoll`, nor a TCP port that connects while it is listened on. The message is one line that can be
 * shown to a person as it is.
 */
export class LibcError extends Error {
  /** The name of the class. */
  override readonly name = "LibcError";
  /** What follows the colon of the message. */
  readonly reason: string;

  /** Makes the error from its reason. */
  constructor(reason: string, options?: ErrorOptions) {
    super(`Cannot call the C library: ${reason}`, options);
    this.reason = reason;
  }
}
