import { type Decoded, undecodable } from "./decoded.ts";
import type { WireWriter } from "./wire_writer.ts";

/** How a value of one shape is written and read; the shape alone, without an attribute's number. */
export interface ValueCodec<T> {
  /**
   * Writes the value, without the attribute's header and padding.
   *
   * @param transactionId 12 bytes, or 16 in RFC 3489: what XOR'ed addresses are XOR'ed with.
   * @throws {RangeError} If the value is not one that the RFC allows on the wire. A shape says only
   * what it found and wanted; the attribute puts "Cannot write NAME" before it.
   */
  write(value: T, into: WireWriter, transactionId: Uint8Array): void;
  /** Reads the value; bytes that do not hold one come back as a failure. */
  read(value: Uint8Array, transactionId: Uint8Array): Decoded<T>;
}

/** One STUN attribute: its number, its name, where it is written down, and how to write and read it. */
export interface AttributeCodec<T> extends ValueCodec<T>, AttributeName {}

/** One row of the attribute table that has a number and a name. */
export interface AttributeName {
  /** The attribute type, 0 to 0xFFFF. */
  readonly type: number;
  /** The name as IANA spells it. */
  readonly name: string;
  /** The RFC and section that define it, such as `"8489 14.2"`. */
  readonly rfc: string;
}

/** An attribute as it stands on the wire: the value without padding. */
export interface RawAttribute {
  /** The attribute type, 0 to 0xFFFF. */
  readonly type: number;
  /** The value's bytes. In a decoded message a view on the message, not a copy. */
  readonly value: Uint8Array;
}

/** An attribute that is about to be written. Made by {@linkcode attribute}. */
export interface WritableAttribute {
  /** The attribute type, 0 to 0xFFFF. */
  readonly type: number;
  /** Writes the value, without header and padding. */
  write(into: WireWriter, transactionId: Uint8Array): void;
}

/** Gives a value its attribute, for the `attributes` of a message that is to be encoded. */
export function attribute<T>(codec: AttributeCodec<T>, value: T): WritableAttribute {
  return {
    type: codec.type,
    write: (into, transactionId) => codec.write(value, into, transactionId),
  };
}

/** Gives the shape of a value its number, name and source; failures and errors are told by that name. */
export function defineAttribute<T>(
  name: AttributeName,
  shape: ValueCodec<T>,
): AttributeCodec<T> {
  return {
    ...name,
    write(value, into, transactionId): void {
      try {
        shape.write(value, into, transactionId);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new RangeError(`Cannot write ${name.name}: ${error.message}`, { cause: error });
      }
    },
    read(value, transactionId): Decoded<T> {
      const result = shape.read(value, transactionId);
      return result.ok
        ? result
        : undecodable(`Cannot read ${name.name}: ${result.reason}`, result.offset);
    },
  };
}

/** Whether an agent that does not know the attribute must refuse a request that has it (RFC 8489 section 14). */
export function isComprehensionRequired(type: number): boolean {
  return type < 0x8000;
}
