/** A thread that is to serve does not. The message is one line that can be shown to a person as it is. */
export class WorkerError extends Error {
  /** The name of the class. */
  override readonly name = "WorkerError";
  /** What kind of failure it is: there is one. */
  readonly code = "worker-failed";

  /** Makes the error; `reason` is what follows the colon of the message. */
  constructor(reason: string, options?: ErrorOptions) {
    super(`Cannot serve with workers: ${reason}`, options);
  }
}
