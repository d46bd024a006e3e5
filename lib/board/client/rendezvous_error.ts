/**
 * Why two peers do not meet on a board: the other side is gone (`left`), its codes cannot be read
 * (`unusable`), the board was never reached (`unreachable`) or said why it does not let this peer in
 * (a code of its `error`), or this side has left (`closed`).
 */
export class RendezvousError extends Error {
  /** The name of the class. */
  override readonly name = "RendezvousError";
  /** What is wrong, for programs. */
  readonly code: string;

  /** Makes the error; `reason` is what follows the colon of the message. */
  constructor(code: string, reason: string) {
    super(`Cannot meet on the board: ${reason}`);
    this.code = code;
  }
}
