/**
 * Why a board client has ended: the `code` of the error that the board gave (`wrong_secret`,
 * `bad_message`, `message_too_long`), or `too_slow`, when nobody takes the events.
 */
export class BoardClientError extends Error {
  /** The name of the class. */
  override readonly name = "BoardClientError";
  /** What is wrong, for programs. */
  readonly code: string;

  /** Makes the error; `reason` is what follows the colon of the message. */
  constructor(code: string, reason: string) {
    super(`Cannot stay on the board: ${reason}`);
    this.code = code;
  }
}
