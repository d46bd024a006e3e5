import type { AttributeCodec, SocketAddress } from "../../lib/wire/mod.ts";

/** The transaction id of RFC 5769 sections 2.1 to 2.3. */
export const TRANSACTION_ID: Uint8Array = Uint8Array.fromHex("b7e7a701bc34d686fa87dfae");

/** A transaction id as RFC 3489 has it: it begins where the magic cookie stands nowadays. */
export const CLASSIC_TRANSACTION_ID: Uint8Array = Uint8Array.fromHex(
  "000102030405060708090a0b0c0d0e0f",
);

/** A value and its bytes. */
export interface GoldenBytes<T> {
  /** The value. */
  readonly value: T;
  /** The attribute's value in hex, derived by hand from the RFC. */
  readonly hex: string;
  /** For bytes that are only read, and written otherwise; or only written, and read otherwise. */
  readonly only?: "read" | "write";
  /** @default {TRANSACTION_ID} */
  readonly transactionId?: Uint8Array;
}

/** What one attribute's reader and writer are held to. */
export interface AttributeCases<T> {
  /** The attribute. */
  readonly codec: AttributeCodec<T>;
  /** Values and their bytes. */
  readonly golden: readonly GoldenBytes<T>[];
  /** Whether every strict prefix of golden bytes is refused, or may be a shorter value. */
  readonly prefixes: "refused" | "shorter";
  /** Bytes in hex that hold no value, with the reason after "Cannot read NAME: ". */
  readonly unreadable: readonly (readonly [hex: string, reason: string])[];
  /** Values that must not be written, with the reason after "Cannot write NAME: ". */
  readonly unwritable: readonly (readonly [value: T, reason: string])[];
}

/** RFC 8489 section 14.1: a zero byte, the family, the port, the address. */
export function clearAddress(codec: AttributeCodec<SocketAddress>): AttributeCases<unknown> {
  return cases({
    codec,
    golden: [
      { value: IPV4, hex: "0001" + "8055" + "c0000201" },
      { value: IPV6, hex: "0002" + "8055" + IPV6_HEX },
      { value: IPV4, hex: "ff01" + "8055" + "c0000201", only: "read" },
      // An IPv4 address in IPv6's clothes
      { value: IPV4, hex: "0002" + "8055" + "00000000000000000000ffffc0000201", only: "read" },
      { value: IPV4, hex: "00018055c0000201", transactionId: CLASSIC_TRANSACTION_ID },
    ],
    prefixes: "refused",
    unreadable: UNREADABLE_ADDRESSES,
    unwritable: UNWRITABLE_ADDRESSES,
  });
}

/**
 * RFC 8489 section 14.2: the port XOR'ed with 2112, the address with the cookie 2112a442 and the id.
 * The bytes are those of RFC 5769 sections 2.2 and 2.3.
 */
export function xorAddress(codec: AttributeCodec<SocketAddress>): AttributeCases<unknown> {
  return cases({
    codec,
    golden: [
      { value: IPV4, hex: "0001" + "a147" + "e112a643" },
      { value: IPV6, hex: "0002" + "a147" + "0113a9faa5d3f179bc25f4b5bed2b9d9" },
      { value: IPV4, hex: "ff01" + "a147" + "e112a643", only: "read" },
      // ::ffff:192.0.2.1 under the mask; and an address that looks like a mapped one only under it
      {
        value: IPV4,
        hex: "0002" + "a147" + "2112a442b7e7a701bc342979" + "3a87ddaf",
        only: "read",
      },
      {
        value: { ip: hex("2112a442b7e7a701bc342979fa87dfae"), port: 32853 },
        hex: "0002" + "a147" + "00000000000000000000ffff00000000",
      },
      // The id of RFC 3489 begins where the cookie would be: 8055 ^ 0001, c0000201 ^ 00010203
      {
        value: IPV4,
        hex: "0001" + "8054" + "c0010002",
        transactionId: CLASSIC_TRANSACTION_ID,
      },
      {
        value: IPV6,
        hex: "0002" + "8054" + "20000fbb1631507f0818283848586878",
        transactionId: CLASSIC_TRANSACTION_ID,
      },
    ],
    prefixes: "refused",
    unreadable: UNREADABLE_ADDRESSES,
    unwritable: UNWRITABLE_ADDRESSES,
  });
}

/** UTF-8 text with the limits that its RFC sets on writers; readers take 763 bytes. */
export function text(
  codec: AttributeCodec<string>,
  limits: { maxBytes: number; maxCharacters: number },
): AttributeCases<unknown> {
  const { maxBytes, maxCharacters } = limits;
  return cases({
    codec,
    golden: [
      { value: "example.org", hex: ascii("example.org") },
      { value: "\u30de\u30c8", hex: "e3839ee38388" },
      { value: "\ufeff", hex: "efbbbf" }, // no byte order mark to swallow
      { value: "", hex: "" },
      { value: "a".repeat(maxCharacters), hex: "61".repeat(maxCharacters) },
      { value: "\u{1f600}".repeat(127), hex: "f09f9880".repeat(127) },
      { value: "a".repeat(763), hex: "61".repeat(763), only: "read" },
    ],
    prefixes: "shorter",
    unreadable: [
      ["61".repeat(764), "value has 764 bytes, the most is 763"],
      ["ff", "value is not UTF-8"],
      ["eda080", "value is not UTF-8"], // a surrogate
      ["c080", "value is not UTF-8"], // zero, in more bytes than it needs
    ],
    unwritable: [
      ["\ud800", "text has half of a surrogate pair, wanted well-formed Unicode"],
      [
        "a".repeat(maxCharacters + 1),
        maxCharacters < maxBytes
          ? `text has ${maxCharacters + 1} characters, the most is ${maxCharacters}`
          : `text has ${maxBytes + 1} bytes, the most is ${maxBytes}`,
      ],
    ],
  });
}

/** A 32-bit number. */
export function number32(codec: AttributeCodec<number>): AttributeCases<unknown> {
  return cases({
    codec,
    golden: [
      { value: 0x6e0001ff, hex: "6e0001ff" },
      { value: 0xfffffffe, hex: "fffffffe" },
      { value: 0, hex: "00000000" },
    ],
    prefixes: "refused",
    unreadable: [["0000000000", "value has 5 bytes, wanted 4"]],
    unwritable: [
      [-1, "got -1, wanted 0 to 0xFFFFFFFF"],
      [0x100000000, "got 4294967296, wanted 0 to 0xFFFFFFFF"],
      [0.5, "got 0.5, wanted 0 to 0xFFFFFFFF"],
    ],
  });
}

/** A 64-bit number. */
export function number64(codec: AttributeCodec<bigint>): AttributeCases<unknown> {
  return cases({
    codec,
    golden: [
      { value: 0x932ff9b151263b36n, hex: "932ff9b151263b36" },
      { value: 0n, hex: "0000000000000000" },
      { value: 0xffffffffffffffffn, hex: "ffffffffffffffff" },
    ],
    prefixes: "refused",
    unreadable: [["000000000000000000", "value has 9 bytes, wanted 8"]],
    unwritable: [
      [-1n, "got -1, wanted 0 to 2^64 - 1"],
      [1n << 64n, "got 18446744073709551616, wanted 0 to 2^64 - 1"],
    ],
  });
}

/** Bytes that are not looked into, of certain lengths. */
export function opaque(
  codec: AttributeCodec<Uint8Array>,
  limits: { lengths: readonly number[]; refused: readonly number[]; wanted: string },
): AttributeCases<unknown> {
  const { lengths, refused, wanted } = limits;
  const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => 0xf0 + i);
  const why = (length: number) => `value has ${length} bytes, wanted ${wanted}`;
  return cases({
    codec,
    golden: lengths.map((length) => ({ value: bytes(length), hex: bytes(length).toHex() })),
    prefixes: lengths.length === 1 ? "refused" : "shorter",
    unreadable: refused.map((length) => [bytes(length).toHex(), why(length)] as const),
    unwritable: refused.map((length) => [bytes(length), why(length)] as const),
  });
}

/** Forgets the type of the value, so that all cases can stand in one list. */
export function cases<T>(one: AttributeCases<T>): AttributeCases<unknown> {
  return one as AttributeCases<unknown>;
}

/** Bytes from hex. */
export function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}

/** Text as hex. */
export function ascii(text: string): string {
  return new TextEncoder().encode(text).toHex();
}

const IPV6_HEX = "20010db8123456780011223344556677";
const IPV4: SocketAddress = { ip: Uint8Array.of(192, 0, 2, 1), port: 32853 };
const IPV6: SocketAddress = { ip: Uint8Array.fromHex(IPV6_HEX), port: 32853 };
const UNREADABLE_ADDRESSES: readonly (readonly [string, string])[] = [
  ["000180", "value has 3 bytes, an address needs 8 or 20"],
  ["00018055c000020100", "value has 9 bytes, IPv4 needs 8"],
  ["00018055" + IPV6_HEX, "value has 20 bytes, IPv4 needs 8"],
  ["00028055c0000201", "value has 8 bytes, IPv6 needs 20"],
  ["00028055" + IPV6_HEX + "00", "value has 21 bytes, IPv6 needs 20"],
  ["00008055c0000201", "family is 0, wanted 1 (IPv4) or 2 (IPv6)"],
  ["00038055c0000201", "family is 3, wanted 1 (IPv4) or 2 (IPv6)"],
];
const UNWRITABLE_ADDRESSES: readonly (readonly [SocketAddress, string])[] = [
  [{ ip: new Uint8Array(5), port: 1 }, "IP address has 5 bytes, wanted 4 or 16"],
  [{ ip: new Uint8Array(4), port: 65536 }, "port is 65536, wanted 0 to 65535"],
  [{ ip: new Uint8Array(16), port: 0.5 }, "port is 0.5, wanted 0 to 65535"],
];
