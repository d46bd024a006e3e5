import {
  attribute,
  type AttributeCodec,
  ICE_CONTROLLED,
  type IntegrityAlgorithm,
  type IntegrityKey,
  longTermKey,
  type MessageClass,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHM_SHA256,
  PRIORITY,
  REALM,
  shortTermKey,
  SOFTWARE,
  USERHASH,
  userHash,
  USERNAME,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";

/** An attribute that a test vector holds, and what it says. */
export interface VectorAttribute {
  /** How it is read and written. */
  readonly codec: AttributeCodec<unknown>;
  /** What its bytes say. */
  readonly value: unknown;
  /** The same, to be encoded. */
  readonly writable: WritableAttribute;
}

/** A message whose bytes an RFC prints. */
export interface MessageVector {
  /** RFC, section and title. */
  readonly source: string;
  /** The bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The message's class; the method is Binding in all of them. */
  readonly class: MessageClass;
  /** The transaction id. */
  readonly transactionId: Uint8Array;
  /** What stands before the integrity, in its order. */
  readonly attributes: readonly VectorAttribute[];
  /** Which integrity attribute closes the message. */
  readonly algorithm: IntegrityAlgorithm;
  /** The key of that attribute. */
  readonly key: IntegrityKey;
  /** Whether a FINGERPRINT follows. */
  readonly fingerprint: boolean;
  /** Which byte the printed message is padded with: 0x20 in RFC 5769, which RFC 5389 allowed. */
  readonly paddedWith: 0x00 | 0x20;
}

/** The short-term credential of RFC 5769 sections 2.1 to 2.3. */
export const SHORT_TERM = { username: "evtj:h6vY", password: "VOkJxbRl1RmTxUk/WvJxBt" } as const;

/** The long-term credential of RFC 5769 section 2.4 and RFC 8489 appendix B.1, as prepared there. */
export const LONG_TERM = {
  username: "\u30de\u30c8\u30ea\u30c3\u30af\u30b9",
  realm: "example.org",
  password: "TheMatrIX",
} as const;

/** The test vectors of RFC 5769, and the one that RFC 8489 adds, with its errata applied. */
export const MESSAGE_VECTORS: readonly MessageVector[] = [
  {
    source: "RFC 5769 2.1 sample request",
    bytes: Uint8Array.fromHex(
      "000100582112a442b7e7a701bc34d686fa87dfae" +
        "802200105354554e207465737420636c69656e74" +
        "002400046e0001ff" +
        "80290008932ff9b151263b36" +
        "000600096576746a3a68367659202020" +
        "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2" +
        "80280004e57a3bcf",
    ),
    class: "request",
    transactionId: Uint8Array.fromHex("b7e7a701bc34d686fa87dfae"),
    attributes: [
      holds(SOFTWARE, "STUN test client"),
      holds(PRIORITY, 0x6e0001ff),
      holds(ICE_CONTROLLED, 0x932ff9b151263b36n),
      holds(USERNAME, SHORT_TERM.username),
    ],
    algorithm: "sha1",
    key: shortTermKey(SHORT_TERM.password),
    fingerprint: true,
    paddedWith: 0x20,
  },
  {
    source: "RFC 5769 2.2 sample IPv4 response",
    bytes: Uint8Array.fromHex(
      "0101003c2112a442b7e7a701bc34d686fa87dfae" +
        "8022000b7465737420766563746f7220" +
        "002000080001a147e112a643" +
        "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7" +
        "80280004c07d4c96",
    ),
    class: "success",
    transactionId: Uint8Array.fromHex("b7e7a701bc34d686fa87dfae"),
    attributes: [
      holds(SOFTWARE, "test vector"),
      holds(XOR_MAPPED_ADDRESS, { ip: Uint8Array.of(192, 0, 2, 1), port: 32853 }),
    ],
    algorithm: "sha1",
    key: shortTermKey(SHORT_TERM.password),
    fingerprint: true,
    paddedWith: 0x20,
  },
  {
    source: "RFC 5769 2.3 sample IPv6 response",
    bytes: Uint8Array.fromHex(
      "010100482112a442b7e7a701bc34d686fa87dfae" +
        "8022000b7465737420766563746f7220" +
        "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9" +
        "00080014a382954e4be67bf11784c97c8292c275bfe3ed41" +
        "80280004c8fb0b4c",
    ),
    class: "success",
    transactionId: Uint8Array.fromHex("b7e7a701bc34d686fa87dfae"),
    attributes: [
      holds(SOFTWARE, "test vector"),
      holds(XOR_MAPPED_ADDRESS, {
        ip: Uint8Array.fromHex("20010db8123456780011223344556677"),
        port: 32853,
      }),
    ],
    algorithm: "sha1",
    key: shortTermKey(SHORT_TERM.password),
    fingerprint: true,
    paddedWith: 0x20,
  },
  {
    source: "RFC 5769 2.4 sample request with long-term authentication",
    bytes: Uint8Array.fromHex(
      "000100602112a44278ad3433c6ad72c029da412e" +
        "00060012e3839ee38388e383aae38383e382afe382b90000" +
        "0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341" +
        "0014000b6578616d706c652e6f726700" +
        "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666",
    ),
    class: "request",
    transactionId: Uint8Array.fromHex("78ad3433c6ad72c029da412e"),
    attributes: [
      holds(USERNAME, LONG_TERM.username),
      holds(NONCE, "f//499k954d6OL34oL9FSTvy64sA"),
      holds(REALM, LONG_TERM.realm),
    ],
    algorithm: "sha1",
    key: longTermKey(LONG_TERM),
    fingerprint: false,
    paddedWith: 0x00,
  },
  {
    source: "RFC 8489 B.1 sample request with MESSAGE-INTEGRITY-SHA256 and USERHASH",
    bytes: Uint8Array.fromHex(
      "000100902112a44278ad3433c6ad72c029da412e" +
        "001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704" +
        "001500296f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c3946535476" +
        "7936347341000000" +
        "0014000b6578616d706c652e6f726700" +
        "001d000400020000" +
        "001c0020b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65",
    ),
    class: "request",
    transactionId: Uint8Array.fromHex("78ad3433c6ad72c029da412e"),
    attributes: [
      holds(USERHASH, userHash(LONG_TERM.username, LONG_TERM.realm)),
      holds(NONCE, "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"),
      holds(REALM, LONG_TERM.realm),
      holds(PASSWORD_ALGORITHM, {
        number: PASSWORD_ALGORITHM_SHA256,
        parameters: new Uint8Array(0),
      }),
    ],
    algorithm: "sha256",
    key: longTermKey(LONG_TERM, "sha256"),
    fingerprint: false,
    paddedWith: 0x00,
  },
];

function holds<T>(codec: AttributeCodec<T>, value: T): VectorAttribute {
  return { codec, value, writable: attribute(codec, value) };
}
