import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  addressFamily,
  equalIps,
  equalSocketAddresses,
  formatIp,
  formatSocketAddress,
  isUnspecifiedIp,
  parseIp,
  parseSocketAddress,
  socketAddress,
} from "../../lib/wire/socket_address.ts";

/** IPv6 addresses as 16 bytes in hexadecimal, their RFC 5952 form, and other ways to write them. */
const IPV6: [string, string, string[]][] = [
  ["0".repeat(32), "::", ["0:0:0:0:0:0:0:0", "0::0", "0:0::", "::0.0.0.0"]],
  ["0".repeat(31) + "1", "::1", ["0:0:0:0:0:0:0:1", "0000::0001", "::0:0.0.0.1"]],
  ["20010db8" + "0".repeat(16) + "00000001", "2001:db8::1", [
    "2001:0db8::0001", // RFC 5952 section 4.1: no leading zeros
    "2001:db8:0:0:0:0:0:1",
    "2001:DB8::1", // section 4.3: lower case
    "2001:db8::0:1", // section 4.2.1: shorten as much as possible
    "2001:db8::0.0.0.1",
  ]],
  ["20010db8000000000000000000020001", "2001:db8::2:1", ["2001:db8:0:0:0:0:2:1"]],
  // section 4.2.2: one group of zeros is not shortened
  ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1", ["2001:db8::1:1:1:1:1"]],
  // section 4.2.3: the longest run, and of equal runs the first
  ["20010000000000010000000000000001", "2001:0:0:1::1", ["2001::1:0:0:0:1"]],
  ["20010db8000000000001000000000001", "2001:db8::1:0:0:1", ["2001:db8:0:0:1::1"]],
  ["fe80" + "0".repeat(28), "fe80::", ["fe80:0:0:0:0:0:0:0"]],
  ["00010002000300040005000600070000", "1:2:3:4:5:6:7:0", ["1:2:3:4:5:6:7::"]],
  ["00000002000300040005000600070008", "0:2:3:4:5:6:7:8", ["::2:3:4:5:6:7:8"]],
  ["f".repeat(32), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [
    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
  ]],
  // section 5: IPv4-mapped addresses in mixed notation
  ["0".repeat(20) + "ffffc0000201", "::ffff:192.0.2.1", ["::ffff:c000:201", "::FFFF:192.0.2.1"]],
];

for (const [hex, canonical, others] of IPV6) {
  Deno.test(`parseIp() and formatIp() agree on ${canonical}`, () => {
    assertEquals(parseIp(canonical), { ok: true, value: bytes(hex) });
    assertEquals(formatIp(bytes(hex)), canonical);
  });

  for (const text of others) {
    Deno.test(`parseIp() reads ${text} as ${canonical}`, () => {
      assertEquals(parseIp(text), { ok: true, value: bytes(hex) });
    });
  }
}

Deno.test("parseIp() and formatIp() agree on IPv4", () => {
  for (
    const [hex, text] of [
      ["00000000", "0.0.0.0"],
      ["cb00710a", "203.0.113.10"],
      ["ffffffff", "255.255.255.255"],
      ["7f000001", "127.0.0.1"],
    ] as const
  ) {
    assertEquals(parseIp(text), { ok: true, value: bytes(hex) });
    assertEquals(formatIp(bytes(hex)), text);
  }
});

Deno.test("parseIp() refuses IPv4 that is not four decimal parts of 0 to 255", () => {
  refusesIps([
    ...["", "1", "1.2", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4 "],
    ...["256.0.0.1", "1.2.3.256", "1.2.3.1000", "999.1.1.1", "-1.2.3.4", "+1.2.3.4", "1.2.3.4\n"],
    ...["01.2.3.4", "1.2.3.04", "00.0.0.0", "1.2.3.00", "0x7f.0.0.1", "1.2.3.a", "1.2.3.4/8"],
    ...["١.2.3.4", "１.2.3.4", "1。2。3。4", "localhost"],
  ]);
});

Deno.test("parseIp() refuses IPv6 that is not eight groups, or fewer and one ::", () => {
  refusesIps([
    ...[
      ":",
      ":::",
      "::::",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:",
      ":1:2:3:4:5:6:7",
    ],
    ...[
      "1:2:3:4:5:6:7:8::",
      "::1:2:3:4:5:6:7:8",
      "1:2:3:4::5:6:7:8",
      "1::2::3",
      "::1::",
      ":::1",
      "1:::2",
    ],
    ...["12345::", "00001::", "g::", "::-1", "::+1", ":: 1", "::1 ", " ::1", "::1\n", "0x1::"],
    ...["fe80::1%eth0", "fe80::1%1", "fe80::1%25eth0", "[::1]", "::1/128", "::١"],
  ]);
});

Deno.test("parseIp() refuses IPv6 with a dotted part that is wrong or in the wrong place", () => {
  refusesIps([
    ...["::1.2.3", "::1.2.3.4.5", "::256.0.0.1", "::01.2.3.4", "::1.2.3.4:5", "1.2.3.4::", "::."],
    ...["1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", ":1.2.3.4", "::1.2.3.4.", "::1.2.3.4%1"],
  ]);
});

Deno.test("parseIp() quotes 80 characters of a long text at most", () => {
  assertEquals(parseIp("1:".repeat(5000)), {
    ok: false,
    reason: `Cannot read "${"1:".repeat(40)}…": wanted an IPv4 or IPv6 address`,
    offset: 0,
  });
});

Deno.test("formatIp() writes IPv6 as a WHATWG URL does, but for IPv4-mapped addresses", () => {
  const group = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const ip = Uint8Array.from(groups.flatMap((value) => [value >> 8, value & 0xff]));
      const text = groups.map((value) => value.toString(16)).join(":");
      const { hostname } = new URL(`http://[${text}]`);
      if (!hostname.startsWith("[::ffff:")) assertEquals(`[${formatIp(ip)}]`, hostname);
      assertEquals(parseIp(text), { ok: true, value: ip });
      assertEquals(parseIp(formatIp(ip)), { ok: true, value: ip });
    }),
    { seed: 5952, numRuns: 1000 },
  );
});

Deno.test("parseIp() reads of texts with colons what a WHATWG URL reads, and nothing else", () => {
  const part = fc.constantFrom("0", "1", "ff", "abcd", "00a0", "12345", "", ":", "1.2.3.4", "g");
  fc.assert(
    fc.property(fc.array(part, { minLength: 2, maxLength: 9 }), (parts) => {
      const text = parts.join(":");
      assertEquals(parseIp(text).ok, URL.canParse(`http://[${text}]`), text);
    }),
    { seed: 4291, numRuns: 3000 },
  );
});

Deno.test("formatIp() throws when there are not 4 or 16 bytes", () => {
  for (const length of [0, 3, 5, 15, 17]) {
    assertThrows(
      () => formatIp(new Uint8Array(length)),
      RangeError,
      `Cannot write an IP address: it has ${length} bytes, wanted 4 or 16`,
    );
  }
});

Deno.test("parseSocketAddress() and formatSocketAddress() agree", () => {
  for (
    const [text, hex, port] of [
      ["203.0.113.10:49152", "cb00710a", 49152],
      ["0.0.0.0:0", "00000000", 0],
      ["255.255.255.255:65535", "ffffffff", 65535],
      ["[2001:db8::1]:49152", "20010db8" + "0".repeat(16) + "00000001", 49152],
      ["[::]:3478", "0".repeat(32), 3478],
    ] as const
  ) {
    const value = { ip: bytes(hex), port };
    assertEquals(parseSocketAddress(text), { ok: true, value });
    assertEquals(formatSocketAddress(value), text);
  }
});

Deno.test("parseSocketAddress() unmaps an IPv4-mapped address", () => {
  for (
    const text of ["[::ffff:192.0.2.1]:5", "[::ffff:c000:201]:5", "[0:0:0:0:0:FFFF:192.0.2.1]:5"]
  ) {
    const parsed = parseSocketAddress(text);
    assertEquals(parsed.ok && formatSocketAddress(parsed.value), "192.0.2.1:5");
  }
});

const BAD: [string, string, number][] = [
  ["", "no port, wanted ADDRESS:PORT", 0],
  ["192.0.2.1", "no port, wanted ADDRESS:PORT", 0],
  ["[::1]", "no port, wanted ADDRESS:PORT", 0],
  ["::1", "wanted brackets around the IPv6 address", 0],
  ["2001:db8::1:3478", "wanted brackets around the IPv6 address", 0],
  ["[::1:3478", "wanted brackets around the IPv6 address", 0],
  ["localhost:3478", '"localhost" is not an IP address', 0],
  [":3478", '"" is not an IP address', 0],
  ["[]:3478", '"[]" is not an IP address', 0],
  ["[192.0.2.1]:3478", '"[192.0.2.1]" is not an IP address', 0],
  ["[fe80::1%eth0]:3478", '"[fe80::1%eth0]" is not an IP address', 0],
  ["010.0.0.1:3478", '"010.0.0.1" is not an IP address', 0],
  [" 192.0.2.1:3478", '" 192.0.2.1" is not an IP address', 0],
  ["192.0.2.1:", 'the port is "", wanted 0 to 65535', 10],
  ["192.0.2.1:65536", 'the port is "65536", wanted 0 to 65535', 10],
  ["192.0.2.1:100000", 'the port is "100000", wanted 0 to 65535', 10],
  ["192.0.2.1:03478", 'the port is "03478", wanted 0 to 65535', 10],
  ["192.0.2.1:-1", 'the port is "-1", wanted 0 to 65535', 10],
  ["192.0.2.1:+1", 'the port is "+1", wanted 0 to 65535', 10],
  ["192.0.2.1:1e3", 'the port is "1e3", wanted 0 to 65535', 10],
  ["192.0.2.1:80 ", 'the port is "80 ", wanted 0 to 65535', 10],
  ["[::1]:x", 'the port is "x", wanted 0 to 65535', 6],
];

for (const [text, why, offset] of BAD) {
  Deno.test(`parseSocketAddress() refuses ${JSON.stringify(text)}`, () => {
    const reason = `Cannot read ${JSON.stringify(text)}: ${why}`;
    assertEquals(parseSocketAddress(text), { ok: false, reason, offset });
  });
}

Deno.test("parseSocketAddress() reads back what formatSocketAddress() writes", () => {
  const ip = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(ip, fc.nat({ max: 65535 }), (ip, port) => {
      const value = socketAddress(ip, port);
      assertEquals(parseSocketAddress(formatSocketAddress(value)), { ok: true, value });
    }),
    { seed: 8489, numRuns: 500 },
  );
});

Deno.test("socketAddress() unmaps an IPv4-mapped IPv6 address and nothing near it", () => {
  const family = (hex: string) => addressFamily(socketAddress(bytes(hex), 1));
  assertEquals(socketAddress(bytes("0".repeat(20) + "ffffc0000201"), 7), {
    ip: bytes("c0000201"),
    port: 7,
  });
  assertEquals(family("0".repeat(20) + "fffec0000201"), 6);
  assertEquals(family("0".repeat(20) + "feffc0000201"), 6);
  assertEquals(family("0".repeat(19) + "1ffffc0000201"), 6);
  assertEquals(family("1" + "0".repeat(19) + "ffffc0000201"), 6);
  assertEquals(family("0".repeat(24) + "c0000201"), 6); // RFC 4291's IPv4-compatible, deprecated
});

Deno.test("socketAddress() throws when the address has another size", () => {
  for (const length of [0, 3, 5, 15, 17]) {
    assertThrows(
      () => socketAddress(new Uint8Array(length), 1),
      RangeError,
      `Cannot make a socket address: the IP address has ${length} bytes, wanted 4 or 16`,
    );
  }
});

Deno.test("socketAddress() throws when the port is no port", () => {
  for (const port of [-1, 65536, 1.5, NaN, Infinity]) {
    assertThrows(
      () => socketAddress(new Uint8Array(4), port),
      RangeError,
      `Cannot make a socket address: the port is ${port}, wanted 0 to 65535`,
    );
  }
});

Deno.test("addressFamily() tells IPv4 from IPv6", () => {
  assertEquals(addressFamily({ ip: new Uint8Array(4), port: 0 }), 4);
  assertEquals(addressFamily({ ip: new Uint8Array(16), port: 0 }), 6);
});

Deno.test("equalSocketAddresses() and equalIps() compare every byte and the port", () => {
  const a = { ip: bytes("c0000201"), port: 1 };
  assertEquals(equalSocketAddresses(a, { ip: bytes("c0000201"), port: 1 }), true);
  assertEquals(equalSocketAddresses(a, { ip: bytes("c0000201"), port: 2 }), false);
  assertEquals(equalSocketAddresses(a, { ip: bytes("c0000202"), port: 1 }), false);
  assertEquals(equalIps(bytes("c0000201"), bytes("c0000201")), true);
  assertEquals(equalIps(bytes("c0000201"), bytes("40000201")), false);
  assertEquals(equalIps(bytes("00000000"), bytes("0".repeat(32))), false);
});

Deno.test("isUnspecifiedIp() is true of zeros alone", () => {
  assertEquals(
    ["00000000", "0".repeat(32), "00000001", "80000000", "0".repeat(31) + "1"]
      .map((hex) => isUnspecifiedIp(bytes(hex))),
    [true, true, false, false, false],
  );
});

function refusesIps(texts: readonly string[]): void {
  for (const text of texts) {
    assertEquals(parseIp(text), {
      ok: false,
      reason: `Cannot read ${JSON.stringify(text)}: wanted an IPv4 or IPv6 address`,
      offset: 0,
    });
  }
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
