/** Where unpredictable bytes come from: passed in, so that tests can choose them. */
export interface Randomness {
  /**
   * `length` new bytes that nobody can predict, fit for keys and transaction ids.
   *
   * @throws {RangeError} If `length` is not an integer of 0 or more.
   */
  bytes(length: number): Uint8Array;
}

/** The operating system's cryptographic random numbers. */
export const systemRandomness: Randomness = { bytes };

function bytes(length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RangeError(`Cannot make random bytes: found length ${length}, wanted 0 or more`);
  }
  const result = new Uint8Array(length);
  for (let start = 0; start < length; start += MAX_BYTES_AT_ONCE) {
    crypto.getRandomValues(result.subarray(start, start + MAX_BYTES_AT_ONCE));
  }
  return result;
}

/** What `crypto.getRandomValues` fills in one call, as W3C Web Cryptography has it. */
const MAX_BYTES_AT_ONCE = 65_536;
