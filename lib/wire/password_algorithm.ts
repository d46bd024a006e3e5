import type { ValueCodec } from "./attribute_codec.ts";
import { type Decoded, decoded, undecodable } from "./decoded.ts";
import type { WireWriter } from "./wire_writer.ts";

/** A password algorithm and its parameters (RFC 8489 section 14.12). */
export interface PasswordAlgorithm {
  /** The number that IANA gives it: {@linkcode PASSWORD_ALGORITHM_MD5}, {@linkcode PASSWORD_ALGORITHM_SHA256}. */
  readonly number: number;
  /** Its parameters; empty for MD5 and SHA-256. */
  readonly parameters: Uint8Array;
}

/** The number of MD5 (RFC 8489 section 18.5.1.1). */
export const PASSWORD_ALGORITHM_MD5 = 0x0001;

/** The number of SHA-256 (RFC 8489 section 18.5.1.2). */
export const PASSWORD_ALGORITHM_SHA256 = 0x0002;

/** PASSWORD-ALGORITHM: the one that the client chose (RFC 8489 section 14.12). */
export const passwordAlgorithmValue: ValueCodec<PasswordAlgorithm> = {
  write(value: PasswordAlgorithm, into: WireWriter): void {
    writeOne(value, into);
  },
  read(value: Uint8Array): Decoded<PasswordAlgorithm> {
    const one = readOne(value, 0);
    if (!one.ok) return one;
    const { algorithm, end } = one.value;
    // The last padding may be the attribute's own, which the value does not count
    return end >= value.length
      ? decoded(algorithm)
      : undecodable(`${value.length - end} bytes follow the algorithm`, end);
  },
};

/** PASSWORD-ALGORITHMS: those that the server accepts, in its order of preference (RFC 8489 section 14.11). */
export const passwordAlgorithmsValue: ValueCodec<readonly PasswordAlgorithm[]> = {
  write(value: readonly PasswordAlgorithm[], into: WireWriter): void {
    for (const one of value) writeOne(one, into);
  },
  read(value: Uint8Array): Decoded<readonly PasswordAlgorithm[]> {
    const algorithms: PasswordAlgorithm[] = [];
    for (let at = 0; at < value.length;) {
      const one = readOne(value, at);
      if (!one.ok) return one;
      algorithms.push(one.value.algorithm);
      at = one.value.end;
    }
    return decoded(algorithms);
  },
};

// 0 algorithm(16) length of parameters(16) parameters(variable, padded to 32 bits)

function writeOne(value: PasswordAlgorithm, into: WireWriter): void {
  const { number, parameters } = value;
  if (!Number.isInteger(number) || number < 0 || number > 0xffff) {
    throw new RangeError(`number is ${number}, wanted 0 to 0xFFFF`);
  }
  if (parameters.length > 0xffff) {
    throw new RangeError(`parameters have ${parameters.length} bytes, the most is 65535`);
  }
  into.u16(number);
  into.u16(parameters.length);
  into.bytes(parameters);
  into.zeros(-parameters.length & 3);
}

function readOne(
  value: Uint8Array,
  at: number,
): Decoded<{ algorithm: PasswordAlgorithm; end: number }> {
  if (value.length - at < 4) {
    return undecodable(`${value.length - at} bytes are left, an algorithm needs 4 or more`, at);
  }
  const number = (value[at]! << 8) | value[at + 1]!;
  const length = (value[at + 2]! << 8) | value[at + 3]!;
  const start = at + 4;
  if (value.length - start < length) {
    return undecodable(
      `parameters are said to have ${length} bytes, ${value.length - start} are left`,
      start,
    );
  }
  const parameters = value.subarray(start, start + length);
  return decoded({ algorithm: { number, parameters }, end: start + ((length + 3) & ~3) });
}
