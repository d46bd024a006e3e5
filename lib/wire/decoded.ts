/**
 * What became of bytes from the network: a value, or the reason why they are not one. Bad bytes are
 * an everyday event, so they are returned; only bad arguments throw.
 */
export type Decoded<T> = DecodedValue<T> | DecodeFailure;

/** Bytes that could be read. */
export interface DecodedValue<T> {
  /** Tells a value from a failure. */
  readonly ok: true;
  /** What the bytes say. */
  readonly value: T;
}

/** Bytes that could not be read. */
export interface DecodeFailure {
  /** Tells a failure from a value. */
  readonly ok: false;
  /** What was attempted, what was found and what was wanted, for a person. */
  readonly reason: string;
  /** Where in the input it went wrong, in bytes (in characters where the input is text). */
  readonly offset: number;
}

/** Wraps a value that was read. */
export function decoded<T>(value: T): DecodedValue<T> {
  return { ok: true, value };
}

/** Says why bytes could not be read, and where. */
export function undecodable(reason: string, offset = 0): DecodeFailure {
  return { ok: false, reason, offset };
}
