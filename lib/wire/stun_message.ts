import {
  type AttributeCodec,
  isComprehensionRequired,
  type RawAttribute,
} from "./attribute_codec.ts";
import { type Decoded, undecodable } from "./decoded.ts";
import type { MessageClass } from "./message_type.ts";

/** What a message says before its attributes. */
export interface MessageHeader {
  /** What the message is for. */
  readonly class: MessageClass;
  /** The method: {@linkcode BINDING} or another number of 12 bits. */
  readonly method: number;
  /**
   * What pairs an answer with its request: 12 bytes; 16 in the dialect of RFC 3489, whose messages
   * have no magic cookie (they are told apart by nothing else). A decoded one is a view.
   */
  readonly transactionId: Uint8Array;
}

/** An attribute of a decoded message. */
export interface DecodedAttribute extends RawAttribute {
  /** Where the attribute's header stands in the message, in bytes. */
  readonly offset: number;
}

/** A message read from bytes. Every part is a view on them. */
export interface StunMessage extends MessageHeader {
  /** The attributes that count, in their order on the wire. */
  readonly attributes: readonly DecodedAttribute[];
  /**
   * The attributes that no integrity check covers because they follow MESSAGE-INTEGRITY or
   * MESSAGE-INTEGRITY-SHA256: they are to be ignored (RFC 8489 sections 14.5 and 14.6).
   */
  readonly ignored: readonly DecodedAttribute[];
  /** The message itself. */
  readonly bytes: Uint8Array;
}

/** The first attribute of this type among those that count, or undefined. */
export function findAttribute(message: StunMessage, type: number): DecodedAttribute | undefined {
  for (const one of message.attributes) if (one.type === type) return one;
  return undefined;
}

/**
 * Reads the first attribute of this kind: undefined if the message has none. More of a kind are
 * ignored (RFC 8489 section 14).
 */
export function readAttribute<T>(
  message: StunMessage,
  codec: AttributeCodec<T>,
): Decoded<T> | undefined {
  const found = findAttribute(message, codec.type);
  if (found === undefined) return undefined;
  const result = codec.read(found.value, message.transactionId);
  return result.ok ? result : undecodable(result.reason, found.offset + 4 + result.offset);
}

/** As {@linkcode readAttribute}, but undefined also if the value cannot be read. */
export function valueOf<T>(message: StunMessage, codec: AttributeCodec<T>): T | undefined {
  const result = readAttribute(message, codec);
  return result?.ok ? result.value : undefined;
}

/** The types among the message's attributes that must be understood and are not in `known`, each once. */
export function unknownRequired(
  message: StunMessage,
  known: ReadonlySet<number>,
): readonly number[] {
  const unknown = new Set<number>();
  for (const { type } of message.attributes) {
    if (isComprehensionRequired(type) && !known.has(type)) unknown.add(type);
  }
  return [...unknown];
}
