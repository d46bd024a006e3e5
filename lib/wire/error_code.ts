import type { ValueCodec } from "./attribute_codec.ts";
import { type Decoded, decoded, undecodable } from "./decoded.ts";
import { decodeUtf8, textValue } from "./plain_values.ts";
import type { WireWriter } from "./wire_writer.ts";

/** What ERROR-CODE says (RFC 8489 section 14.8). */
export interface ErrorCode {
  /** The code, 300 to 699. */
  readonly code: number;
  /** Words for a person; may be empty. */
  readonly reason: string;
}

/** The reason phrases that IANA recommends, by code; of STUN, ICE and TURN. */
export const REASON_PHRASES: ReadonlyMap<number, string> = new Map([
  [300, "Try Alternate"],
  [400, "Bad Request"],
  [401, "Unauthenticated"],
  [403, "Forbidden"],
  [405, "Mobility Forbidden"],
  [420, "Unknown Attribute"],
  [437, "Allocation Mismatch"],
  [438, "Stale Nonce"],
  [440, "Address Family not Supported"],
  [441, "Wrong Credentials"],
  [442, "Unsupported Transport Protocol"],
  [443, "Peer Address Family Mismatch"],
  [446, "Connection Already Exists"],
  [447, "Connection Timeout or Failure"],
  [486, "Allocation Quota Reached"],
  [487, "Role Conflict"],
  [500, "Server Error"],
  [508, "Insufficient Capacity"],
]);

/** ERROR-CODE: a class, a number and a phrase (RFC 8489 section 14.8). */
export const errorCodeValue: ValueCodec<ErrorCode> = {
  // 0 reserved(21) class(3) number(8) reason phrase(variable)
  write(value: ErrorCode, into: WireWriter, transactionId: Uint8Array): void {
    const { code, reason } = value;
    if (!Number.isInteger(code) || code < 300 || code > 699) {
      throw new RangeError(`code is ${code}, wanted 300 to 699`);
    }
    into.u16(0);
    into.u8(Math.floor(code / 100));
    into.u8(code % 100);
    const start = into.length;
    reasonValue.write(reason, into, transactionId);
    // RFC 3489 11.2.9: attributes are not padded, so spaces make the phrase a multiple of 4
    if (transactionId.length === 16) { while ((into.length - start) % 4 !== 0) into.u8(0x20); }
  },
  read(value: Uint8Array, transactionId: Uint8Array): Decoded<ErrorCode> {
    if (value.length < 4) return undecodable(`value has ${value.length} bytes, wanted 4 or more`);
    const hundreds = value[2]! & 0x07;
    const number = value[3]!;
    if (hundreds < 3 || hundreds > 6 || number > 99) {
      return undecodable(`class is ${hundreds} and number ${number}, wanted 3 to 6 and 0 to 99`, 2);
    }
    const reason = reasonValue.read(value.subarray(4), transactionId);
    if (!reason.ok) return undecodable(`reason phrase: ${reason.reason}`, 4);
    return decoded({ code: hundreds * 100 + number, reason: reason.value });
  },
};

/** UNKNOWN-ATTRIBUTES: the attribute types that a request had and the server does not know (RFC 8489 section 14.13). */
export const unknownAttributesValue: ValueCodec<readonly number[]> = {
  write(value: readonly number[], into: WireWriter, transactionId: Uint8Array): void {
    for (const type of value) {
      if (!Number.isInteger(type) || type < 0 || type > 0xffff) {
        throw new RangeError(`type is ${type}, wanted 0 to 0xFFFF`);
      }
      into.u16(type);
    }
    // RFC 3489 11.2.10 has no padding: with an odd number of types one is listed twice
    if (transactionId.length === 16 && value.length % 2 === 1) into.u16(value[0]!);
  },
  read(value: Uint8Array): Decoded<readonly number[]> {
    if (value.length % 2 !== 0) {
      return undecodable(`value has ${value.length} bytes, wanted two for each type`);
    }
    return decoded(Array.from({ length: value.length / 2 }, (_, i) => {
      return (value[2 * i]! << 8) | value[2 * i + 1]!;
    }));
  },
};

/** ALTERNATE-DOMAIN: a DNS name of at most 255 ASCII characters (RFC 8489 section 14.16). */
export const domainValue: ValueCodec<string> = {
  write(value: string, into: WireWriter): void {
    if (!DOMAIN.test(value)) {
      throw new RangeError(
        `name is ${JSON.stringify(value)}, wanted 1 to 255 ASCII characters`,
      );
    }
    for (let i = 0; i < value.length; i++) into.u8(value.charCodeAt(i));
  },
  read(value: Uint8Array): Decoded<string> {
    const text = decodeUtf8(value);
    if (!text.ok) return text;
    return DOMAIN.test(text.value)
      ? text
      : undecodable("value is not a domain name of 1 to 255 ASCII characters");
  },
};

const DOMAIN = /^[!-~]{1,255}$/;
// RFC 8489 14.8: fewer than 128 characters, so at most 509 bytes written and 763 bytes read
const reasonValue = textValue({ maxCharacters: 127, maxWriteBytes: 509, maxReadBytes: 763 });
