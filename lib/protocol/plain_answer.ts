import {
  ADDRESS_TOKEN,
  DIAL_BACK,
  FINGERPRINT,
  fingerprintOf,
  HEADER_BYTES,
  isComprehensionRequired,
  MAGIC_COOKIE,
  type SocketAddress,
  XOR_MAPPED_ADDRESS,
} from "../wire/mod.ts";
import type { Arrival } from "./arrival.ts";

/** What a plain request has beside its header. */
export type PlainRequest = "sealed" | "unsealed";

/** A message that lies somewhere in a buffer. */
export interface PlacedMessage {
  /** What holds it. */
  readonly bytes: Uint8Array;
  /** Where its header begins. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
}

/** A message and where, when and from whom it came in. */
export interface PlainArrival extends PlacedMessage, Pick<Arrival, "source" | "endpoint" | "now"> {}

/** Where an answer may be written. */
export interface AnswerSpace {
  /** The buffer. */
  readonly into: Uint8Array;
  /** Where in it the answer begins. */
  readonly at: number;
}

/**
 * Whether a message is a Binding request of RFC 5389 or 8489 whose answer depends on nothing but its
 * source: it has no attribute that must be understood or that changes the answer, and its
 * FINGERPRINT, if it has one (`sealed`), is the last attribute and right. Undefined if not.
 */
export function plainRequest({ bytes, start, end }: PlacedMessage): PlainRequest | undefined {
  const size = end - start;
  if (size < HEADER_BYTES || size % 4 !== 0) return undefined;
  if (u16(bytes, start) !== BINDING_REQUEST || u16(bytes, start + 2) !== size - HEADER_BYTES) {
    return undefined;
  }
  if (u16(bytes, start + 4) !== COOKIE_HIGH || u16(bytes, start + 6) !== COOKIE_LOW) {
    return undefined;
  }
  for (let at = start + HEADER_BYTES; at < end;) {
    const type = u16(bytes, at);
    const length = u16(bytes, at + 2);
    if (isComprehensionRequired(type) || type === DIAL_BACK.type || type === ADDRESS_TOKEN.type) {
      return undefined;
    }
    if (type === FINGERPRINT.type) {
      if (length !== 4 || at + 8 !== end) return undefined;
      const crc = ((u16(bytes, at + 4) << 16) | u16(bytes, at + 6)) >>> 0;
      return crc === fingerprintOf(bytes, { start, end: at }) ? "sealed" : undefined;
    }
    at += 4 + ((length + 3) & ~3);
    if (at > end) return undefined;
  }
  return "unsealed";
}

/** What {@linkcode writePlainAnswer} writes. */
export interface PlainAnswer {
  /** The request: a plain one. */
  readonly request: PlacedMessage;
  /** Whether FINGERPRINT is to follow. */
  readonly sealed: boolean;
  /** The reflexive address. */
  readonly source: SocketAddress;
  /** SOFTWARE as it stands on the wire, header and padding included; may be empty. */
  readonly software: Uint8Array;
}

/**
 * Writes the success answer to a plain request and says how many bytes it has: at most
 * {@linkcode MAX_PLAIN_ANSWER_BYTES} and those of SOFTWARE.
 */
export function writePlainAnswer(answer: PlainAnswer, { into, at }: AnswerSpace): number {
  const { request: { bytes, start }, sealed, source: { ip, port }, software } = answer;
  const size = ip.length;
  // The header; cookie and transaction id are those of the request
  put16(into, at, BINDING_SUCCESS);
  for (let i = 4; i < HEADER_BYTES; i++) into[at + i] = bytes[start + i]!;
  // XOR-MAPPED-ADDRESS: type(16) length(16) 0(8) family(8) port(16) address(32 or 128), which is
  // XOR'ed with the cookie and the transaction id in the order in which they lie in the header
  put16(into, at + 20, XOR_MAPPED_ADDRESS.type);
  put16(into, at + 22, size + 4);
  put16(into, at + 24, size === 4 ? 1 : 2);
  put16(into, at + 26, port ^ COOKIE_HIGH);
  for (let i = 0; i < size; i++) into[at + 28 + i] = ip[i]! ^ bytes[start + 4 + i]!;
  const softwareAt = at + 28 + size;
  for (let i = 0; i < software.length; i++) into[softwareAt + i] = software[i]!;
  const end = softwareAt + software.length;
  put16(into, at + 2, end - at - HEADER_BYTES + (sealed ? 8 : 0));
  if (!sealed) return end - at;
  const crc = fingerprintOf(into, { start: at, end });
  put16(into, end, FINGERPRINT.type);
  put16(into, end + 2, 4);
  put16(into, end + 4, crc >>> 16);
  put16(into, end + 6, crc);
  return end + 8 - at;
}

/** A header, XOR-MAPPED-ADDRESS of IPv6 and FINGERPRINT. */
export const MAX_PLAIN_ANSWER_BYTES = 20 + 24 + 8;

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function put16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value;
}

const COOKIE_HIGH = MAGIC_COOKIE >>> 16;
const COOKIE_LOW = MAGIC_COOKIE & 0xffff;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
