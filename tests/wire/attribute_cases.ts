import {
  ADDRESS_TOKEN,
  ALTERNATE_DOMAIN,
  ALTERNATE_SERVER,
  CACHE_TIMEOUT,
  CHANGE_REQUEST,
  CHANGED_ADDRESS,
  DIAL_BACK,
  DIAL_BACK_RESULT,
  type DialBackOutcome,
  ERROR_CODE,
  FINGERPRINT,
  ICE_CONTROLLED,
  ICE_CONTROLLING,
  MAPPED_ADDRESS,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  NONCE,
  OTHER_ADDRESS,
  PADDING,
  PASSWORD,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHM_MD5,
  PASSWORD_ALGORITHM_SHA256,
  PASSWORD_ALGORITHMS,
  PRIORITY,
  REALM,
  REFLECTED_FROM,
  RESPONSE_ADDRESS,
  RESPONSE_ORIGIN,
  RESPONSE_PORT,
  SOFTWARE,
  SOURCE_ADDRESS,
  UNKNOWN_ATTRIBUTES,
  USE_CANDIDATE,
  USERHASH,
  USERNAME,
  XOR_MAPPED_ADDRESS,
  XOR_MAPPED_ADDRESS_8020,
} from "../../lib/wire/mod.ts";
import {
  ascii,
  type AttributeCases,
  cases,
  CLASSIC_TRANSACTION_ID,
  clearAddress,
  hex,
  number32,
  number64,
  opaque,
  text,
  xorAddress,
} from "./attribute_shapes.ts";

/** The cases of every attribute. */
export const ATTRIBUTE_CASES: readonly AttributeCases<unknown>[] = [
  ...[
    MAPPED_ADDRESS,
    RESPONSE_ADDRESS,
    SOURCE_ADDRESS,
    CHANGED_ADDRESS,
    REFLECTED_FROM,
    ALTERNATE_SERVER,
    RESPONSE_ORIGIN,
    OTHER_ADDRESS,
  ].map(clearAddress),
  ...[XOR_MAPPED_ADDRESS, XOR_MAPPED_ADDRESS_8020].map(xorAddress),
  ...[USERNAME, PASSWORD].map((codec) => text(codec, { maxBytes: 512, maxCharacters: 512 })),
  ...[REALM, NONCE, SOFTWARE].map((codec) => text(codec, { maxBytes: 509, maxCharacters: 127 })),
  ...[PRIORITY, CACHE_TIMEOUT, FINGERPRINT].map(number32),
  ...[ICE_CONTROLLED, ICE_CONTROLLING].map(number64),
  cases({
    codec: CHANGE_REQUEST,
    golden: [
      { value: { changeAddress: false, changePort: false }, hex: "00000000" },
      { value: { changeAddress: false, changePort: true }, hex: "00000002" },
      { value: { changeAddress: true, changePort: false }, hex: "00000004" },
      { value: { changeAddress: true, changePort: true }, hex: "00000006" },
      { value: { changeAddress: false, changePort: false }, hex: "fffffff9", only: "read" },
    ],
    prefixes: "refused",
    unreadable: [["0000000600", "value has 5 bytes, wanted 4"]],
    unwritable: [],
  }),
  opaque(MESSAGE_INTEGRITY, { lengths: [20], refused: [0, 19, 21, 32], wanted: "20" }),
  opaque(MESSAGE_INTEGRITY_SHA256, {
    lengths: [16, 20, 24, 28, 32],
    refused: [0, 12, 15, 17, 31, 33, 36],
    wanted: "16 to 32 in steps of 4",
  }),
  opaque(USERHASH, { lengths: [32], refused: [0, 31, 33], wanted: "32" }),
  opaque(ADDRESS_TOKEN, { lengths: [32], refused: [0, 31, 33], wanted: "32" }),
  cases({
    codec: ERROR_CODE,
    golden: [
      {
        value: { code: 401, reason: "Unauthenticated" },
        hex: "00000401" + ascii("Unauthenticated"),
      },
      { value: { code: 300, reason: "" }, hex: "00000300" },
      { value: { code: 699, reason: "\u20ac" }, hex: "00000663" + "e282ac" },
      { value: { code: 420, reason: "" }, hex: "fffffc14", only: "read" },
      {
        value: { code: 400, reason: "Bad Request" },
        hex: "00000400" + ascii("Bad Request "),
        only: "write",
        transactionId: CLASSIC_TRANSACTION_ID,
      },
    ],
    prefixes: "shorter",
    unreadable: [
      ["000004", "value has 3 bytes, wanted 4 or more"],
      ["00000263", "class is 2 and number 99, wanted 3 to 6 and 0 to 99"],
      ["00000700", "class is 7 and number 0, wanted 3 to 6 and 0 to 99"],
      ["00000464", "class is 4 and number 100, wanted 3 to 6 and 0 to 99"],
      ["00000400ff", "reason phrase: value is not UTF-8"],
      ["00000400" + "61".repeat(764), "reason phrase: value has 764 bytes, the most is 763"],
    ],
    unwritable: [
      [{ code: 299, reason: "" }, "code is 299, wanted 300 to 699"],
      [{ code: 700, reason: "" }, "code is 700, wanted 300 to 699"],
      [{ code: 400.5, reason: "" }, "code is 400.5, wanted 300 to 699"],
      [
        { code: 400, reason: "a".repeat(128) },
        "text has 128 characters, the most is 127",
      ],
    ],
  }),
  cases({
    codec: UNKNOWN_ATTRIBUTES,
    golden: [
      { value: [], hex: "" },
      { value: [0x7777], hex: "7777" },
      { value: [0x0003, 0x7fff], hex: "00037fff" },
      {
        value: [0x0001, 0x0002, 0x0003],
        hex: "0001000200030001",
        only: "write",
        transactionId: CLASSIC_TRANSACTION_ID,
      },
      {
        value: [0x0001, 0x0002],
        hex: "00010002",
        transactionId: CLASSIC_TRANSACTION_ID,
      },
    ],
    prefixes: "shorter",
    unreadable: [["000300", "value has 3 bytes, wanted two for each type"]],
    unwritable: [
      [[0x0003, 0x10000], "type is 65536, wanted 0 to 0xFFFF"],
      [[-1], "type is -1, wanted 0 to 0xFFFF"],
    ],
  }),
  cases({
    codec: PASSWORD_ALGORITHM,
    golden: [
      { value: { number: PASSWORD_ALGORITHM_MD5, parameters: hex("") }, hex: "00010000" },
      { value: { number: PASSWORD_ALGORITHM_SHA256, parameters: hex("") }, hex: "00020000" },
      { value: { number: 0x1234, parameters: hex("aabbccdd") }, hex: "12340004aabbccdd" },
    ],
    prefixes: "refused",
    unreadable: [
      ["00020001", "parameters are said to have 1 bytes, 0 are left"],
      ["0002000000010000", "4 bytes follow the algorithm"],
    ],
    unwritable: [
      [{ number: 0x10000, parameters: hex("") }, "number is 65536, wanted 0 to 0xFFFF"],
      [
        { number: 1, parameters: new Uint8Array(0x10000) },
        "parameters have 65536 bytes, the most is 65535",
      ],
    ],
  }),
  cases({
    codec: PASSWORD_ALGORITHMS,
    golden: [
      {
        value: [
          { number: PASSWORD_ALGORITHM_SHA256, parameters: hex("") },
          { number: PASSWORD_ALGORITHM_MD5, parameters: hex("") },
        ],
        hex: "0002000000010000",
      },
      {
        value: [
          { number: 0x1234, parameters: hex("aabbccddee") },
          { number: PASSWORD_ALGORITHM_MD5, parameters: hex("") },
        ],
        hex: "12340005aabbccddee000000" + "00010000",
      },
      // The last padding may be the attribute's own, which its length does not count
      { value: [{ number: 0x1234, parameters: hex("aa") }], hex: "12340001aa", only: "read" },
      { value: [], hex: "" },
    ],
    prefixes: "shorter",
    unreadable: [
      ["000200000001", "2 bytes are left, an algorithm needs 4 or more"],
      ["0002000500000000", "parameters are said to have 5 bytes, 4 are left"],
    ],
    unwritable: [
      [[{ number: -1, parameters: hex("") }], "number is -1, wanted 0 to 0xFFFF"],
    ],
  }),
  cases({
    codec: USE_CANDIDATE,
    golden: [{ value: true, hex: "" }],
    prefixes: "refused",
    unreadable: [["00", "value has 1 bytes, wanted none"]],
    unwritable: [],
  }),
  cases({
    codec: PADDING,
    golden: [
      { value: 0, hex: "" },
      { value: 5, hex: "0000000000" },
      { value: 3, hex: "ffffff", only: "read" },
    ],
    prefixes: "shorter",
    unreadable: [],
    unwritable: [
      [-1, "got -1 bytes, wanted 0 to 65500"],
      [65501, "got 65501 bytes, wanted 0 to 65500"],
      [NaN, "got NaN bytes, wanted 0 to 65500"],
    ],
  }),
  cases({
    codec: RESPONSE_PORT,
    golden: [
      { value: 3478, hex: "0d960000" },
      { value: 65535, hex: "ffff0000" },
      { value: 1, hex: "0001ffff", only: "read" },
    ],
    prefixes: "refused",
    unreadable: [
      ["00000000", "port is 0, wanted 1 to 65535"],
      ["0d96000000", "value has 5 bytes, wanted 4"],
    ],
    unwritable: [
      [0, "port is 0, wanted 1 to 65535"],
      [65536, "port is 65536, wanted 1 to 65535"],
      [1.5, "port is 1.5, wanted 1 to 65535"],
    ],
  }),
  cases({
    codec: ALTERNATE_DOMAIN,
    golden: [
      { value: "stun.example.org", hex: ascii("stun.example.org") },
      { value: "a".repeat(255), hex: "61".repeat(255) },
    ],
    prefixes: "shorter",
    unreadable: [
      ["", "value is not a domain name of 1 to 255 ASCII characters"],
      ["61".repeat(256), "value is not a domain name of 1 to 255 ASCII characters"],
      ["6120", "value is not a domain name of 1 to 255 ASCII characters"],
      ["c3bc", "value is not a domain name of 1 to 255 ASCII characters"],
      ["ff", "value is not UTF-8"],
    ],
    unwritable: [
      ["", 'name is "", wanted 1 to 255 ASCII characters'],
      ["b\u00fccher", 'name is "b\u00fccher", wanted 1 to 255 ASCII characters'],
    ],
  }),
  cases({
    codec: DIAL_BACK,
    golden: [
      {
        value: { changeAddress: true, changePort: false, token: hex("0102030405060708") },
        hex: "00000004" + "0102030405060708",
      },
      {
        value: { changeAddress: false, changePort: true, token: hex("ffffffffffffffff") },
        hex: "00000002" + "ffffffffffffffff",
      },
    ],
    prefixes: "refused",
    unreadable: [["00000004010203040506070809", "value has 13 bytes, wanted 12"]],
    unwritable: [[
      { changeAddress: true, changePort: true, token: hex("01") },
      "token has 1 bytes, wanted 8",
    ]],
  }),
  cases({
    codec: DIAL_BACK_RESULT,
    golden: [
      ...([
        [0, "connected"],
        [1, "refused"],
        [2, "timed-out"],
        [3, "unreachable"],
        [4, "not-permitted"],
        [5, "unsupported"],
      ] as [number, DialBackOutcome][]).map(([number, outcome]) => ({
        value: { outcome, elapsedMs: 1500 },
        hex: `0${number}000000` + "000005dc",
      })),
      {
        value: { outcome: "refused", elapsedMs: 0xffffffff },
        hex: "01ffffffffffffff",
        only: "read",
      },
    ],
    prefixes: "refused",
    unreadable: [
      ["0600000000000000", "outcome is 6, wanted 0 to 5"],
      ["000000000000000000", "value has 9 bytes, wanted 8"],
    ],
    unwritable: [
      [{ outcome: "refused", elapsedMs: -1 }, "elapsedMs is -1, wanted 0 to 0xFFFFFFFF"],
      [{ outcome: "refused", elapsedMs: 0.5 }, "elapsedMs is 0.5, wanted 0 to 0xFFFFFFFF"],
      [
        { outcome: "refused", elapsedMs: 2 ** 32 },
        "elapsedMs is 4294967296, wanted 0 to 0xFFFFFFFF",
      ],
    ],
  }),
];
