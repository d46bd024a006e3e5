import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProxyHeaderReader, type ProxyHeaderState } from "../../lib/protocol/proxy_protocol.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";

Deno.test("ProxyHeaderReader.push() reads every kind of header, whole, byte by byte and cut in two", () => {
  for (const { name, bytes, done } of HEADERS) {
    const stream = concat(bytes, CLIENT_BYTES);
    const expected = `done ${done} + ${hex(CLIENT_BYTES)}`;
    assertEquals(outcome([stream]), expected, name);
    assertEquals(outcome(Array.from(stream, (byte) => Uint8Array.of(byte))), expected, name);
    for (let cut = 0; cut <= stream.length; cut++) {
      assertEquals(outcome([stream.subarray(0, cut), stream.subarray(cut)]), expected, name);
    }
  }
});

Deno.test("ProxyHeaderReader.push() wants more as long as the header is not complete", () => {
  for (const { name, bytes, done } of HEADERS) {
    for (let length = 0; length < bytes.length; length++) {
      const state = new ProxyHeaderReader().push(bytes.subarray(0, length));
      assertEquals(state, { state: "need-more" }, `${name}, ${length} bytes`);
    }
    assertEquals(outcome([bytes]), `done ${done} + `, name);
  }
});

Deno.test("ProxyHeaderReader.push() refuses what is no header, however it is cut", () => {
  for (const { name, bytes, reason, offset } of REFUSED) {
    const expected = `failed at ${offset}: Cannot read a PROXY header: ${reason}`;
    assertEquals(outcome([bytes]), expected, name);
    assertEquals(outcome([concat(bytes, new Uint8Array(5000))]), expected, name);
    assertEquals(outcome(Array.from(bytes, (byte) => Uint8Array.of(byte))), expected, name);
    for (let cut = 0; cut <= bytes.length; cut += bytes.length > 500 ? 97 : 1) {
      assertEquals(outcome([bytes.subarray(0, cut), bytes.subarray(cut)]), expected, name);
    }
  }
});

Deno.test("ProxyHeaderReader.push() refuses a stream at the first byte that cannot be a header", () => {
  const request = unhex("000100002112a442000102030405060708090a0b");
  const offsets = [request, text("GET / HTTP/1.1"), text("PROXX"), text("\r\n\r\n\0\r\nQUIX")]
    .map((bytes) => {
      const reader = new ProxyHeaderReader();
      return bytes.findIndex((byte) => reader.push(Uint8Array.of(byte)).state === "failed");
    });
  assertEquals(offsets, [0, 0, 4, 10]);
});

Deno.test("ProxyHeaderReader.push() tells no wrong address when a bit is flipped under a checksum", () => {
  const outcomes = new Map<string, number[]>();
  for (let bit = 0; bit < WITH_CHECKSUM.length * 8; bit++) {
    const flipped = WITH_CHECKSUM.with(bit >> 3, WITH_CHECKSUM[bit >> 3]! ^ (0x80 >> (bit & 7)));
    const result = outcome([flipped]).replace(/ at .*/, "");
    outcomes.set(result, [...outcomes.get(result) ?? [], bit]);
  }
  // PROXY becomes LOCAL, or IPv4 becomes unspecified: neither has a place for TLVs.
  assertEquals(outcomes.get("done local + "), [12 * 8 + 7]);
  assertEquals(outcomes.get("done unknown + "), [13 * 8 + 3]);
  // The checksum becomes a TLV of another type.
  assertEquals(outcomes.get(`done ${V4_DONE} + `), Array.from({ length: 8 }, (_, i) => 33 * 8 + i));
  // The length grows, within the cap.
  assertEquals(outcomes.get("need-more"), [115, 116, 117, 118, 119, 120, 121, 122, 125, 126, 127]);
  assertEquals(outcomes.get("failed")?.length, WITH_CHECKSUM.length * 8 - 2 - 8 - 11);
});

Deno.test("ProxyHeaderReader.push() keeps its own copy of what it holds", () => {
  const header = HEADERS[0]!.bytes;
  const reader = new ProxyHeaderReader();
  const buffer = header.slice(0, 20);
  reader.push(buffer);
  buffer.fill(0);
  const state = reader.push(header.subarray(20));
  assertEquals(describe(state), `done ${HEADERS[0]!.done} + `);
});

Deno.test("ProxyHeaderReader.push() repeats its failure, and throws after a header", () => {
  const failed = new ProxyHeaderReader();
  const failure = failed.push(text("x"));
  assertEquals(failed.push(HEADERS[0]!.bytes), failure);
  const done = new ProxyHeaderReader();
  done.push(HEADERS[0]!.bytes);
  assertThrows(
    () => done.push(new Uint8Array(0)),
    TypeError,
    "Cannot read a PROXY header: it has been read, wanted no more bytes",
  );
});

Deno.test("ProxyHeaderReader.push() gives one outcome however random bytes are cut", () => {
  const start = fc.constantFrom(text("PROXY "), text("PROXY TCP4 "), SIGNATURE, new Uint8Array(0));
  const tail = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: fc.constantFrom(..."0123456789abcdef.: \r\nTCPUNKOW"), maxLength: 120 })
      .map(text),
  );
  fc.assert(
    fc.property(start, tail, fc.array(fc.nat(60), { maxLength: 8 }), (head, rest, sizes) => {
      const stream = concat(head, rest);
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const size of sizes) chunks.push(stream.subarray(at, at += size));
      chunks.push(stream.subarray(at));
      assertEquals(outcome(chunks), outcome([stream]));
    }),
    { seed: 2, numRuns: 500 },
  );
});

/** Feeds a stream as a server would: what follows the header is the header's rest and later chunks. */
function outcome(chunks: readonly Uint8Array[]): string {
  const reader = new ProxyHeaderReader();
  let state: ProxyHeaderState = { state: "need-more" };
  for (const [i, chunk] of chunks.entries()) {
    state = reader.push(chunk);
    if (state.state === "done") {
      return describe({ ...state, rest: concat(state.rest, ...chunks.slice(i + 1)) });
    }
    if (state.state === "failed") break;
  }
  return describe(state);
}

function describe(state: ProxyHeaderState): string {
  switch (state.state) {
    case "need-more":
      return "need-more";
    case "failed":
      return `failed at ${state.offset}: ${state.reason}`;
    case "done": {
      const { source, destination, transport, rest } = state;
      const ends = source && destination
        ? `${transport} ${formatSocketAddress(source)} to ${formatSocketAddress(destination)}`
        : state.local
        ? "local"
        : "unknown";
      return `done ${ends} + ${hex(rest)}`;
    }
  }
}

/** A version 2 header: the 13th and 14th byte, then addresses and TLVs. */
function block(versionCommand: number, familyTransport: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  return concat(
    SIGNATURE,
    Uint8Array.of(versionCommand, familyTransport, length >> 8, length & 255),
    content,
  );
}

function tlv(type: number, value: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(type, value.length >> 8, value.length & 255), value);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unhex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

const SIGNATURE = unhex("0d0a0d0a000d0a515549540a");
const CLIENT_BYTES = unhex("0001000021");
const V4 = unhex("cb00710a" + "c6336401" + "c000" + "0d96");
const V4_DONE = "tcp 203.0.113.10:49152 to 198.51.100.1:3478";
const V6 = unhex(
  "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "c000" + "0d96",
);
const V6_DONE = "tcp [2001:db8::1]:49152 to [2001:db8::2]:3478";
const UNIX = new Uint8Array(216).fill(0x2f);
/** With NOOP and CRC32C, computed in Python from the definition. */
const WITH_CHECKSUM = unhex(
  "0d0a0d0a000d0a515549540a21110018cb00710ac6336401c0000d96040002aabb030004ab156be1",
);

const HEADERS: readonly { name: string; bytes: Uint8Array; done: string }[] = [
  {
    name: "TCP4",
    bytes: text("PROXY TCP4 203.0.113.10 198.51.100.1 49152 3478\r\n"),
    done: V4_DONE,
  },
  {
    name: "TCP4, the longest",
    bytes: text("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
    done: "tcp 255.255.255.255:65535 to 255.255.255.255:65535",
  },
  {
    name: "TCP6",
    bytes: text("PROXY TCP6 2001:db8::1 2001:DB8::2 49152 3478\r\n"),
    done: V6_DONE,
  },
  {
    name: "TCP6, the longest",
    bytes: text(`PROXY TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    done: `tcp [${"ffff:".repeat(7)}ffff]:65535 to [${"ffff:".repeat(7)}ffff]:65535`,
  },
  {
    name: "TCP6 with an IPv4-mapped client",
    bytes: text("PROXY TCP6 ::ffff:203.0.113.10 ::ffff:198.51.100.1 49152 3478\r\n"),
    done: V4_DONE,
  },
  { name: "UNKNOWN", bytes: text("PROXY UNKNOWN\r\n"), done: "unknown" },
  {
    name: "UNKNOWN, the longest",
    bytes: text(`PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    done: "unknown",
  },
  { name: "UNKNOWN with noise", bytes: text("PROXY UNKNOWN \n\r\0x\r\n"), done: "unknown" },
  { name: "TCP over IPv4", bytes: block(0x21, 0x11, V4), done: V4_DONE },
  { name: "UDP over IPv4", bytes: block(0x21, 0x12, V4), done: V4_DONE.replace("tcp", "udp") },
  { name: "TCP over IPv6", bytes: block(0x21, 0x21, V6), done: V6_DONE },
  { name: "UDP over IPv6", bytes: block(0x21, 0x22, V6), done: V6_DONE.replace("tcp", "udp") },
  {
    name: "TCP over IPv6 with an IPv4-mapped client",
    bytes: block(
      0x21,
      0x21,
      unhex("00000000000000000000ffffcb00710a00000000000000000000ffffc6336401c0000d96"),
    ),
    done: V4_DONE,
  },
  { name: "Unix stream", bytes: block(0x21, 0x31, UNIX), done: "unknown" },
  { name: "Unix datagram", bytes: block(0x21, 0x32, UNIX), done: "unknown" },
  { name: "unspecified", bytes: block(0x21, 0x00, new Uint8Array(0)), done: "unknown" },
  { name: "unspecified with a block", bytes: block(0x21, 0x00, V4), done: "unknown" },
  { name: "unspecified transport", bytes: block(0x21, 0x10, V4), done: "unknown" },
  { name: "unspecified family", bytes: block(0x21, 0x01, V4), done: "unknown" },
  { name: "LOCAL", bytes: block(0x20, 0x00, new Uint8Array(0)), done: "local" },
  { name: "LOCAL with addresses", bytes: block(0x20, 0x11, V4), done: "local" },
  { name: "LOCAL with nonsense", bytes: block(0x20, 0xff, V4), done: "local" },
  {
    name: "TLVs",
    bytes: block(
      0x21,
      0x11,
      concat(V4, tlv(2, text("stun.example")), tlv(4, new Uint8Array(0)), tlv(0xea, text("vpce"))),
    ),
    done: V4_DONE,
  },
  { name: "a checksum", bytes: WITH_CHECKSUM, done: V4_DONE },
];

const REFUSED: readonly { name: string; bytes: Uint8Array; reason: string; offset: number }[] = [
  ...([
    ["lower case", "proxy TCP4", 0],
    ["no space", "PROXY\r\n", 5],
    ["half a version 2 signature", "\r\n\r\n\0\r\nQUIT\r", 11],
  ] as const).map(([name, bytes, offset]) => ({
    name,
    bytes: text(bytes),
    reason: 'wanted "PROXY " or the signature of version 2',
    offset,
  })),
  ...([
    ["no CRLF", `PROXY UNKNOWN ${"x".repeat(93)}`],
    ["CRLF a byte too late", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`],
    ["LF alone", `PROXY TCP4 203.0.113.10 198.51.100.1 49152 3478\n${"x".repeat(60)}`],
    ["CR alone", `PROXY TCP4 203.0.113.10 198.51.100.1 49152 3478\r${"x".repeat(60)}`],
  ] as const).map(([name, bytes]) => ({
    name,
    bytes: text(bytes),
    reason: "no CRLF, wanted one within 107 bytes",
    offset: 107,
  })),
  ...([
    ["UDP4", "PROXY UDP4 203.0.113.10 198.51.100.1 49152 3478\r\n"],
    ["two spaces", "PROXY  TCP4 203.0.113.10 198.51.100.1 49152 3478\r\n"],
    ["UNKNOWN with a tail", "PROXY UNKNOWNS\r\n"],
  ] as const).map(([name, bytes]) => ({
    name,
    bytes: text(bytes),
    reason: "wanted the protocol TCP4, TCP6 or UNKNOWN",
    offset: 6,
  })),
  ...([
    ["TCP4 alone", "PROXY TCP4\r\n", "2 fields in the line, wanted 6", 10],
    ["no ports", "PROXY TCP4 203.0.113.10 198.51.100.1\r\n", "4 fields in the line, wanted 6", 36],
    [
      "a space at the end",
      "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
      "7 fields in the line, wanted 6",
      31,
    ],
    ["an IPv6 source in TCP4", "PROXY TCP4 ::1 1.1.1.1 1 2\r\n", "wanted an address of TCP4", 11],
    ["an IPv4 source in TCP6", "PROXY TCP6 1.1.1.1 ::1 1 2\r\n", "wanted an address of TCP6", 11],
    ["a leading zero", "PROXY TCP4 1.1.1.1 1.1.1.01 1 2\r\n", "wanted an address of TCP4", 19],
    ["a name", "PROXY TCP4 localhost 1.1.1.1 1 2\r\n", "wanted an address of TCP4", 11],
    ["a zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "wanted an address of TCP6", 11],
    [
      "a port too large",
      "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n",
      "wanted a port of 0 to 65535",
      27,
    ],
    [
      "a port with a zero",
      "PROXY TCP4 1.1.1.1 2.2.2.2 1 02\r\n",
      "wanted a port of 0 to 65535",
      29,
    ],
    ["an empty port", "PROXY TCP4 1.1.1.1 2.2.2.2  2\r\n", "wanted a port of 0 to 65535", 27],
  ] as const).map(([name, bytes, reason, offset]) => ({
    name,
    bytes: text(bytes),
    reason,
    offset,
  })),
  {
    name: "version 1 in binary",
    bytes: block(0x11, 0x11, V4),
    reason: "version 1, wanted 2",
    offset: 12,
  },
  {
    name: "an unknown command",
    bytes: block(0x22, 0x11, V4),
    reason: "command 2, wanted LOCAL (0) or PROXY (1)",
    offset: 12,
  },
  {
    name: "an unknown family",
    bytes: block(0x21, 0x41, V4),
    reason: "address family 4, wanted 0 to 3",
    offset: 13,
  },
  {
    name: "an unknown transport",
    bytes: block(0x21, 0x13, V4),
    reason: "transport 3, wanted 0 to 2",
    offset: 13,
  },
  {
    name: "IPv4 addresses cut off",
    bytes: block(0x21, 0x11, V4.subarray(0, 11)),
    reason: "11 bytes of addresses, wanted at least 12",
    offset: 14,
  },
  {
    name: "IPv6 addresses cut off",
    bytes: block(0x21, 0x21, V6.subarray(0, 35)),
    reason: "35 bytes of addresses, wanted at least 36",
    offset: 14,
  },
  {
    name: "Unix paths cut off",
    bytes: block(0x21, 0x31, UNIX.subarray(0, 215)),
    reason: "215 bytes of addresses, wanted at least 216",
    offset: 14,
  },
  {
    name: "a header beyond the cap",
    bytes: block(0x21, 0x11, concat(V4, tlv(4, new Uint8Array(4298)))),
    reason: "4313 bytes of addresses and TLVs, wanted at most 4312",
    offset: 14,
  },
  {
    name: "a LOCAL header beyond the cap",
    bytes: block(0x20, 0x00, new Uint8Array(65535)),
    reason: "65535 bytes of addresses and TLVs, wanted at most 4312",
    offset: 14,
  },
  {
    name: "a TLV cut off",
    bytes: block(0x21, 0x11, concat(V4, Uint8Array.of(4, 0))),
    reason: "the last TLV is cut off",
    offset: 28,
  },
  {
    name: "a TLV longer than the header",
    bytes: block(0x21, 0x11, concat(V4, tlv(4, new Uint8Array(0)), Uint8Array.of(4, 0, 1))),
    reason: "a TLV is longer than the header",
    offset: 31,
  },
  {
    name: "a checksum that is too short",
    bytes: block(0x21, 0x11, concat(V4, tlv(3, new Uint8Array(3)))),
    reason: "a checksum of 3 bytes, wanted 4",
    offset: 28,
  },
  {
    name: "a checksum that is wrong",
    bytes: block(0x21, 0x11, concat(V4, tlv(3, new Uint8Array(4)))),
    reason: "its checksum does not match its bytes",
    offset: 28,
  },
  {
    name: "a wrong checksum of a Unix header",
    bytes: block(0x21, 0x31, concat(UNIX, tlv(3, new Uint8Array(4)))),
    reason: "its checksum does not match its bytes",
    offset: 232,
  },
];
