import { addressValue, xorAddressValue } from "./address_value.ts";
import { type AttributeCodec, type AttributeName, defineAttribute } from "./attribute_codec.ts";
import {
  domainValue,
  type ErrorCode,
  errorCodeValue,
  unknownAttributesValue,
} from "./error_code.ts";
import {
  type ChangeFlags,
  changeRequestValue,
  type DialBack,
  type DialBackResult,
  dialBackResultValue,
  dialBackValue,
  paddingValue,
  responsePortValue,
} from "./nat_discovery_values.ts";
import {
  type PasswordAlgorithm,
  passwordAlgorithmsValue,
  passwordAlgorithmValue,
} from "./password_algorithm.ts";
import { bytesValue, flagValue, textValue, u32Value, u64Value } from "./plain_values.ts";
import type { SocketAddress } from "./socket_address.ts";

/** The reflexive address in the clear, for RFC 3489 clients. */
export const MAPPED_ADDRESS: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x0001, name: "MAPPED-ADDRESS", rfc: "8489 14.1" },
  addressValue,
);

/** Where RFC 3489 let a client direct the answer; known, never honoured. */
export const RESPONSE_ADDRESS: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x0002, name: "RESPONSE-ADDRESS", rfc: "3489 11.2.2" },
  addressValue,
);

/** From which of its addresses and ports the server is asked to answer. */
export const CHANGE_REQUEST: AttributeCodec<ChangeFlags> = defineAttribute(
  { type: 0x0003, name: "CHANGE-REQUEST", rfc: "5780 7.2" },
  changeRequestValue,
);

/** RFC 3489: the address that the answer is sent from. */
export const SOURCE_ADDRESS: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x0004, name: "SOURCE-ADDRESS", rfc: "3489 11.2.5" },
  addressValue,
);

/** RFC 3489: the address that a changed answer would come from. */
export const CHANGED_ADDRESS: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x0005, name: "CHANGED-ADDRESS", rfc: "3489 11.2.3" },
  addressValue,
);

/** Whose credential protects the message. */
export const USERNAME: AttributeCodec<string> = defineAttribute(
  { type: 0x0006, name: "USERNAME", rfc: "8489 14.3" },
  textValue({ maxWriteBytes: 512, maxReadBytes: 763 }),
);

/** RFC 3489: the answer to a shared secret request; known, never used. */
export const PASSWORD: AttributeCodec<string> = defineAttribute(
  { type: 0x0007, name: "PASSWORD", rfc: "3489 11.2.7" },
  textValue({ maxWriteBytes: 512, maxReadBytes: 763 }),
);

/** HMAC-SHA1 over the message up to here. */
export const MESSAGE_INTEGRITY: AttributeCodec<Uint8Array> = defineAttribute(
  { type: 0x0008, name: "MESSAGE-INTEGRITY", rfc: "8489 14.5" },
  bytesValue({ min: 20, max: 20 }),
);

/** Why a request was refused. */
export const ERROR_CODE: AttributeCodec<ErrorCode> = defineAttribute(
  { type: 0x0009, name: "ERROR-CODE", rfc: "8489 14.8" },
  errorCodeValue,
);

/** Which attributes of a request were not understood, in an error of 420. */
export const UNKNOWN_ATTRIBUTES: AttributeCodec<readonly number[]> = defineAttribute(
  { type: 0x000A, name: "UNKNOWN-ATTRIBUTES", rfc: "8489 14.13" },
  unknownAttributesValue,
);

/** RFC 3489: who asked for an answer that went elsewhere; known, never used. */
export const REFLECTED_FROM: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x000B, name: "REFLECTED-FROM", rfc: "3489 11.2.11" },
  addressValue,
);

/** The realm of a long-term credential. */
export const REALM: AttributeCodec<string> = defineAttribute(
  { type: 0x0014, name: "REALM", rfc: "8489 14.9" },
  textValue({ maxCharacters: 127, maxWriteBytes: 509, maxReadBytes: 763 }),
);

/** The server's nonce in the long-term credential mechanism. */
export const NONCE: AttributeCodec<string> = defineAttribute(
  { type: 0x0015, name: "NONCE", rfc: "8489 14.10" },
  textValue({ maxCharacters: 127, maxWriteBytes: 509, maxReadBytes: 763 }),
);

/** HMAC-SHA256 over the message up to here, whole or truncated. */
export const MESSAGE_INTEGRITY_SHA256: AttributeCodec<Uint8Array> = defineAttribute(
  { type: 0x001C, name: "MESSAGE-INTEGRITY-SHA256", rfc: "8489 14.6" },
  bytesValue({ min: 16, max: 32, multipleOf: 4 }),
);

/** The password algorithm that the client chose. */
export const PASSWORD_ALGORITHM: AttributeCodec<PasswordAlgorithm> = defineAttribute(
  { type: 0x001D, name: "PASSWORD-ALGORITHM", rfc: "8489 14.12" },
  passwordAlgorithmValue,
);

/** SHA-256 of user name and realm, in place of USERNAME. */
export const USERHASH: AttributeCodec<Uint8Array> = defineAttribute(
  { type: 0x001E, name: "USERHASH", rfc: "8489 14.4" },
  bytesValue({ min: 32, max: 32 }),
);

/** The reflexive address: what a Binding request asks for. */
export const XOR_MAPPED_ADDRESS: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x0020, name: "XOR-MAPPED-ADDRESS", rfc: "8489 14.2" },
  xorAddressValue,
);

/** The priority that a peer-reflexive candidate would have. */
export const PRIORITY: AttributeCodec<number> = defineAttribute(
  { type: 0x0024, name: "PRIORITY", rfc: "8445 16.1" },
  u32Value,
);

/** The controlling agent nominates this pair. */
export const USE_CANDIDATE: AttributeCodec<true> = defineAttribute(
  { type: 0x0025, name: "USE-CANDIDATE", rfc: "8445 16.1" },
  flagValue,
);

/** Bytes that mean nothing; the value is their number. */
export const PADDING: AttributeCodec<number> = defineAttribute(
  { type: 0x0026, name: "PADDING", rfc: "5780 7.6" },
  paddingValue,
);

/** The port of the source address to answer to. */
export const RESPONSE_PORT: AttributeCodec<number> = defineAttribute(
  { type: 0x0027, name: "RESPONSE-PORT", rfc: "5780 7.5" },
  responsePortValue,
);

/** The password algorithms that the server accepts. */
export const PASSWORD_ALGORITHMS: AttributeCodec<readonly PasswordAlgorithm[]> = defineAttribute(
  { type: 0x8002, name: "PASSWORD-ALGORITHMS", rfc: "8489 14.11" },
  passwordAlgorithmsValue,
);

/** The name that the alternate server's certificate must bear. */
export const ALTERNATE_DOMAIN: AttributeCodec<string> = defineAttribute(
  { type: 0x8003, name: "ALTERNATE-DOMAIN", rfc: "8489 14.16" },
  domainValue,
);

/** XOR-MAPPED-ADDRESS under the number that early drafts gave it. */
export const XOR_MAPPED_ADDRESS_8020: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x8020, name: "XOR-MAPPED-ADDRESS", rfc: "draft-ietf-behave-rfc3489bis-02" },
  xorAddressValue,
);

/** What software sent the message. */
export const SOFTWARE: AttributeCodec<string> = defineAttribute(
  { type: 0x8022, name: "SOFTWARE", rfc: "8489 14.14" },
  textValue({ maxCharacters: 127, maxWriteBytes: 509, maxReadBytes: 763 }),
);

/** The server to try instead, in an error of 300. */
export const ALTERNATE_SERVER: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x8023, name: "ALTERNATE-SERVER", rfc: "8489 14.15" },
  addressValue,
);

/**
 * For how long the server keeps what it was told, in seconds. RFC 5780 registers the number and
 * nothing else; the 32 bits are those of draft-ietf-behave-nat-behavior-discovery-06 section 7.8.
 */
export const CACHE_TIMEOUT: AttributeCodec<number> = defineAttribute(
  { type: 0x8027, name: "CACHE-TIMEOUT", rfc: "5780 9.1" },
  u32Value,
);

/** CRC-32 of the message, XOR'ed with 0x5354554E. */
export const FINGERPRINT: AttributeCodec<number> = defineAttribute(
  { type: 0x8028, name: "FINGERPRINT", rfc: "8489 14.7" },
  u32Value,
);

/** The tie-breaker of an agent in the controlled role. */
export const ICE_CONTROLLED: AttributeCodec<bigint> = defineAttribute(
  { type: 0x8029, name: "ICE-CONTROLLED", rfc: "8445 16.1" },
  u64Value,
);

/** The tie-breaker of an agent in the controlling role. */
export const ICE_CONTROLLING: AttributeCodec<bigint> = defineAttribute(
  { type: 0x802A, name: "ICE-CONTROLLING", rfc: "8445 16.1" },
  u64Value,
);

/** The address that the answer is sent from. */
export const RESPONSE_ORIGIN: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x802B, name: "RESPONSE-ORIGIN", rfc: "5780 7.3" },
  addressValue,
);

/** The address that CHANGE-REQUEST with both flags would be answered from. */
export const OTHER_ADDRESS: AttributeCodec<SocketAddress> = defineAttribute(
  { type: 0x802C, name: "OTHER-ADDRESS", rfc: "5780 7.4" },
  addressValue,
);

/** "Connect to the address that you see this connection come from". */
export const DIAL_BACK: AttributeCodec<DialBack> = defineAttribute(
  { type: 0xC0D1, name: "DIAL-BACK", rfc: "Pinhole" },
  dialBackValue,
);

/** What became of the dial-back. */
export const DIAL_BACK_RESULT: AttributeCodec<DialBackResult> = defineAttribute(
  { type: 0xC0D2, name: "DIAL-BACK-RESULT", rfc: "Pinhole" },
  dialBackResultValue,
);

/** Proof that the server saw an address; zeros in the request. */
export const ADDRESS_TOKEN: AttributeCodec<Uint8Array> = defineAttribute(
  { type: 0xC0D3, name: "ADDRESS-TOKEN", rfc: "Pinhole" },
  bytesValue({ min: 32, max: 32 }),
);

/** The attributes that are assigned but not Pinhole's business: TURN's and others', so that a decoder can print them. */
const NAMED_ONLY: readonly AttributeName[] = [
  { type: 0x000C, name: "CHANNEL-NUMBER", rfc: "8656 18.1" },
  { type: 0x000D, name: "LIFETIME", rfc: "8656 18.2" },
  { type: 0x0010, name: "BANDWIDTH", rfc: "draft-rosenberg-midcom-turn" },
  { type: 0x0012, name: "XOR-PEER-ADDRESS", rfc: "8656 18.3" },
  { type: 0x0013, name: "DATA", rfc: "8656 18.4" },
  { type: 0x0016, name: "XOR-RELAYED-ADDRESS", rfc: "8656 18.5" },
  { type: 0x0017, name: "REQUESTED-ADDRESS-FAMILY", rfc: "8656 18.6" },
  { type: 0x0018, name: "EVEN-PORT", rfc: "8656 18.7" },
  { type: 0x0019, name: "REQUESTED-TRANSPORT", rfc: "8656 18.8" },
  { type: 0x001A, name: "DONT-FRAGMENT", rfc: "8656 18.9" },
  { type: 0x001B, name: "ACCESS-TOKEN", rfc: "7635 6.2" },
  { type: 0x0021, name: "TIMER-VAL", rfc: "draft-ietf-behave-turn" },
  { type: 0x0022, name: "RESERVATION-TOKEN", rfc: "8656 18.10" },
  { type: 0x002A, name: "CONNECTION-ID", rfc: "6062 6.2.1" },
  { type: 0x8000, name: "ADDITIONAL-ADDRESS-FAMILY", rfc: "8656 18.11" },
  { type: 0x8001, name: "ADDRESS-ERROR-CODE", rfc: "8656 18.12" },
  { type: 0x8004, name: "ICMP", rfc: "8656 18.13" },
  { type: 0x8025, name: "TRANSACTION_TRANSMIT_COUNTER", rfc: "7982 3.1" },
  { type: 0x802D, name: "ECN-CHECK STUN", rfc: "6679 7.2.2" },
  { type: 0x802E, name: "THIRD-PARTY-AUTHORIZATION", rfc: "7635 6.1" },
  { type: 0x8030, name: "MOBILITY-TICKET", rfc: "8016 3.3" },
  { type: 0xC000, name: "CISCO-STUN-FLOWDATA", rfc: "IANA" },
  { type: 0xC001, name: "ENF-FLOW-DESCRIPTION", rfc: "IANA" },
  { type: 0xC002, name: "ENF-NETWORK-STATUS", rfc: "IANA" },
  { type: 0xC003, name: "CISCO-WEBEX-FLOW-INFO", rfc: "IANA" },
  { type: 0xC056, name: "CITRIX-TRANSACTION-ID", rfc: "IANA" },
  { type: 0xC057, name: "GOOG-NETWORK-INFO", rfc: "IANA" },
  { type: 0xC058, name: "GOOG-LAST-ICE-CHECK-RECEIVED", rfc: "IANA" },
  { type: 0xC059, name: "GOOG-MISC-INFO", rfc: "IANA" },
  { type: 0xC05A, name: "GOOG-OBSOLETE-1", rfc: "IANA" },
  { type: 0xC05B, name: "GOOG-CONNECTION-ID", rfc: "IANA" },
  { type: 0xC05C, name: "GOOG-DELTA", rfc: "IANA" },
  { type: 0xC05D, name: "GOOG-DELTA-ACK", rfc: "IANA" },
  { type: 0xC05E, name: "GOOG-DELTA-SYNC-REQ", rfc: "IANA" },
  { type: 0xC060, name: "GOOG-MESSAGE-INTEGRITY-32", rfc: "IANA" },
  { type: 0xC070, name: "META-DTLS-IN-STUN", rfc: "IANA" },
  { type: 0xC071, name: "META-DTLS-IN-STUN-ACKNOWLEDGEMENT", rfc: "IANA" },
];

/** Every attribute that can be read and written. */
export const ATTRIBUTE_CODECS: readonly AttributeCodec<unknown>[] = [
  MAPPED_ADDRESS,
  RESPONSE_ADDRESS,
  CHANGE_REQUEST,
  SOURCE_ADDRESS,
  CHANGED_ADDRESS,
  USERNAME,
  PASSWORD,
  MESSAGE_INTEGRITY,
  ERROR_CODE,
  UNKNOWN_ATTRIBUTES,
  REFLECTED_FROM,
  REALM,
  NONCE,
  MESSAGE_INTEGRITY_SHA256,
  PASSWORD_ALGORITHM,
  USERHASH,
  XOR_MAPPED_ADDRESS,
  PRIORITY,
  USE_CANDIDATE,
  PADDING,
  RESPONSE_PORT,
  PASSWORD_ALGORITHMS,
  ALTERNATE_DOMAIN,
  XOR_MAPPED_ADDRESS_8020,
  SOFTWARE,
  ALTERNATE_SERVER,
  CACHE_TIMEOUT,
  FINGERPRINT,
  ICE_CONTROLLED,
  ICE_CONTROLLING,
  RESPONSE_ORIGIN,
  OTHER_ADDRESS,
  DIAL_BACK,
  DIAL_BACK_RESULT,
  ADDRESS_TOKEN,
];

/** Every attribute that has a name, by number. */
export const ATTRIBUTE_TABLE: ReadonlyMap<number, AttributeName> = new Map(
  [...ATTRIBUTE_CODECS, ...NAMED_ONLY]
    .toSorted((a, b) => a.type - b.type)
    .map((row) => [row.type, row]),
);

/** The name of an attribute, or its number as `0x1234` where it has none. */
export function attributeName(type: number): string {
  return ATTRIBUTE_TABLE.get(type)?.name ?? `0x${type.toString(16).toUpperCase().padStart(4, "0")}`;
}
