import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  formatIpPrefix,
  ipInPrefix,
  type IpPrefix,
  parseIpPrefix,
} from "../../lib/protocol/ip_prefix.ts";
import { parseIp } from "../../lib/wire/mod.ts";

Deno.test("parseIpPrefix() and formatIpPrefix() agree on the notation", () => {
  const cases: readonly [text: string, ip: string, bits: number, canonical?: string][] = [
    ["203.0.113.0/24", "203.0.113.0", 24],
    ["203.0.113.10", "203.0.113.10", 32, "203.0.113.10/32"],
    ["203.0.113.10/32", "203.0.113.10", 32],
    ["203.0.113.8/29", "203.0.113.8", 29],
    ["0.0.0.0/0", "0.0.0.0", 0],
    ["2001:db8::/32", "2001:db8::", 32],
    ["2001:db8::1", "2001:db8::1", 128, "2001:db8::1/128"],
    ["::/0", "::", 0],
    ["fe80::/10", "fe80::", 10],
    ["::ffff:203.0.113.0/120", "203.0.113.0", 24, "203.0.113.0/24"],
    ["::ffff:203.0.113.10", "203.0.113.10", 32, "203.0.113.10/32"],
    ["::ffff:0:0/96", "0.0.0.0", 0, "0.0.0.0/0"],
  ];
  for (const [text, ip, bits, canonical = text] of cases) {
    const prefix = { ip: bytes(ip), bits };
    assertEquals(parseIpPrefix(text), { ok: true, value: prefix }, text);
    assertEquals(formatIpPrefix(prefix), canonical);
  }
});

Deno.test("parseIpPrefix() says what it wanted when the text is not a prefix", () => {
  const address = (text: string) =>
    `Cannot read ${JSON.stringify(text)}: wanted an IP address or ADDRESS/BITS`;
  const length = (text: string, found: string, max: number) =>
    `Cannot read "${text}": the prefix length is "${found}", wanted 0 to ${max}`;
  const cases: readonly [text: string, reason: string, offset: number][] = [
    ["", address(""), 0],
    ["/24", address("/24"), 0],
    ["example.org/24", address("example.org/24"), 0],
    ["203.0.113/24", address("203.0.113/24"), 0],
    ["[2001:db8::]/32", address("[2001:db8::]/32"), 0],
    ["203.0.113.0/", length("203.0.113.0/", "", 32), 12],
    ["203.0.113.0/33", length("203.0.113.0/33", "33", 32), 12],
    ["203.0.113.0/024", length("203.0.113.0/024", "024", 32), 12],
    ["203.0.113.0/-1", length("203.0.113.0/-1", "-1", 32), 12],
    ["203.0.113.0/24/24", length("203.0.113.0/24/24", "24/24", 32), 12],
    ["203.0.113.0/255.255.255.0", length("203.0.113.0/255.255.255.0", "255.255.255.0", 32), 12],
    ["2001:db8::/129", length("2001:db8::/129", "129", 128), 11],
    [
      "203.0.113.10/24",
      'Cannot read "203.0.113.10/24": bits of the host are set, wanted 203.0.113.0/24',
      0,
    ],
    [
      "2001:db8::1/64",
      'Cannot read "2001:db8::1/64": bits of the host are set, wanted 2001:db8::/64',
      0,
    ],
    [
      "203.0.113.10/0",
      'Cannot read "203.0.113.10/0": bits of the host are set, wanted 0.0.0.0/0',
      0,
    ],
  ];
  for (const [text, reason, offset] of cases) {
    assertEquals(parseIpPrefix(text), { ok: false, reason, offset });
  }
});

Deno.test("ipInPrefix() compares the leading bits and nothing else", () => {
  const cases: readonly [ip: string, prefix: string, within: boolean][] = [
    ["203.0.113.0", "203.0.113.0/24", true],
    ["203.0.113.255", "203.0.113.0/24", true],
    ["203.0.112.255", "203.0.113.0/24", false],
    ["203.0.114.0", "203.0.113.0/24", false],
    ["203.0.113.15", "203.0.113.8/29", true],
    ["203.0.113.16", "203.0.113.8/29", false],
    ["203.0.113.7", "203.0.113.8/29", false],
    ["203.0.113.10", "203.0.113.10/32", true],
    ["203.0.113.11", "203.0.113.10/32", false],
    ["255.255.255.255", "0.0.0.0/0", true],
    ["127.255.255.255", "0.0.0.0/1", true],
    ["128.0.0.0", "0.0.0.0/1", false],
    ["febf::1", "fe80::/10", true],
    ["fec0::1", "fe80::/10", false],
    ["2001:db8::1", "2001:db8::1/128", true],
    ["2001:db8::2", "2001:db8::1/128", false],
    ["2001:db8::1", "::/0", true],
    ["203.0.113.10", "::/0", false],
    ["2001:db8::1", "0.0.0.0/0", false],
  ];
  for (const [ip, prefix, within] of cases) {
    assertEquals(ipInPrefix(bytes(ip), prefixOf(prefix)), within, `${ip} in ${prefix}`);
  }
});

Deno.test("ipInPrefix() is true exactly when no bit within the prefix differs", () => {
  const ip = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(ip, fc.nat(128), fc.nat(127), (address, cut, flip) => {
      const bits = Math.min(cut, address.length * 8);
      const network = address.map((byte, i) =>
        byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i)))
      );
      const bit = flip % (address.length * 8);
      const other = address.with(bit >> 3, address[bit >> 3]! ^ (0x80 >> (bit & 7)));
      assertEquals(ipInPrefix(address, { ip: network, bits }), true);
      assertEquals(ipInPrefix(other, { ip: network, bits }), bit >= bits);
    }),
    { seed: 4632 },
  );
});

function bytes(text: string): Uint8Array {
  const ip = parseIp(text);
  if (!ip.ok) throw new Error(ip.reason);
  return ip.value;
}

function prefixOf(text: string): IpPrefix {
  const prefix = parseIpPrefix(text);
  if (!prefix.ok) throw new Error(prefix.reason);
  return prefix.value;
}
