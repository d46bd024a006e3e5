import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { formatStunUri, parseStunUri, type StunUri, stunUriPort } from "../../lib/wire/stun_uri.ts";

/** URIs in their plain form: what is read is written back. */
const PLAIN: [string, StunUri][] = [
  ["stun:example.org", { scheme: "stun", host: "example.org" }],
  ["stuns:example.org", { scheme: "stuns", host: "example.org" }],
  ["stun:example.org:8000", { scheme: "stun", host: "example.org", port: 8000 }],
  ["stun:192.0.2.1", { scheme: "stun", host: "192.0.2.1" }],
  ["stuns:192.0.2.1:443", { scheme: "stuns", host: "192.0.2.1", port: 443 }],
  ["stun:[2001:db8::1]", { scheme: "stun", host: "2001:db8::1" }],
  ["stun:[2001:db8::1]:3478", { scheme: "stun", host: "2001:db8::1", port: 3478 }],
  ["stun:[::ffff:192.0.2.1]:1", { scheme: "stun", host: "::ffff:192.0.2.1", port: 1 }],
  ["stun:localhost:65535", { scheme: "stun", host: "localhost", port: 65535 }],
  ["stun:Example.ORG.", { scheme: "stun", host: "Example.ORG." }],
  ["stun:a-b_c~d.example", { scheme: "stun", host: "a-b_c~d.example" }],
  ["stun:1.2.3.4.example", { scheme: "stun", host: "1.2.3.4.example" }],
  ["stun:!$&'()*+,;=", { scheme: "stun", host: "!$&'()*+,;=" }],
  [`stun:${"a".repeat(255)}`, { scheme: "stun", host: "a".repeat(255) }],
];

for (const [text, value] of PLAIN) {
  Deno.test(`parseStunUri() and formatStunUri() agree on ${text}`, () => {
    assertEquals(parseStunUri(text), { ok: true, value });
    assertEquals(formatStunUri(value), text);
  });
}

const OTHER: [string, StunUri][] = [
  ["STUN:example.org", { scheme: "stun", host: "example.org" }],
  ["StunS:example.org:5349", { scheme: "stuns", host: "example.org", port: 5349 }],
  ["stun:example.org:", { scheme: "stun", host: "example.org" }],
  ["stun:[::1]:", { scheme: "stun", host: "::1" }],
  ["stun:example.org:003478", { scheme: "stun", host: "example.org", port: 3478 }],
  ["stun:%65xample%2Eorg", { scheme: "stun", host: "example.org" }],
  ["stun:b%C3%BCcher.example", { scheme: "stun", host: "xn--bcher-kva.example" }],
];

for (const [text, value] of OTHER) {
  Deno.test(`parseStunUri() reads ${text}, which is not the plain form`, () => {
    assertEquals(parseStunUri(text), { ok: true, value });
  });
}

const BAD: [string, string, number][] = [
  ["", "wanted it to start with stun: or stuns:", 0],
  ["example.org", "wanted it to start with stun: or stuns:", 0],
  ["example.org:3478", "wanted it to start with stun: or stuns:", 0],
  ["stun", "wanted it to start with stun: or stuns:", 0],
  [" stun:example.org", "wanted it to start with stun: or stuns:", 0],
  ["turn:example.org", "it is a TURN URI, wanted stun: or stuns:", 0],
  ["turns:example.org?transport=tcp", "it is a TURN URI, wanted stun: or stuns:", 0],
  ["stun:", "it has no host, wanted one after the scheme", 5],
  ["stun::3478", "it has no host, wanted one after the scheme", 5],
  ["stun://example.org", "it has //, wanted the host right after the colon", 5],
  ["stuns://example.org:5349", "it has //, wanted the host right after the colon", 6],
  ["stun:/example.org", "it has a path, wanted nothing after the host and port", 5],
  ["stun:example.org/", "it has a path, wanted nothing after the host and port", 16],
  [
    "stun:example.org?transport=tcp",
    "it has a query, wanted none: ?transport= belongs to turn: and turns: URIs (RFC 7065)",
    16,
  ],
  ["stun:example.org#top", "it has a fragment, wanted nothing after the host and port", 16],
  ["stun:ann:pw@example.org", "it has a user before an @, wanted the host alone", 11],
  ["stun:exam ple.org", 'it has " ", wanted letters, digits and punctuation of a URI', 9],
  ["stun:example.org\n", 'it has "\\n", wanted letters, digits and punctuation of a URI', 16],
  ["stun:bücher.example", 'it has "ü", wanted letters, digits and punctuation of a URI', 6],
  ["stun:example.org:0", 'the port is "0", wanted 1 to 65535', 17],
  ["stun:example.org:65536", 'the port is "65536", wanted 1 to 65535', 17],
  ["stun:example.org:+1", 'the port is "+1", wanted 1 to 65535', 17],
  ["stun:example.org:1e3", 'the port is "1e3", wanted 1 to 65535', 17],
  ["stun:[::1]:x", 'the port is "x", wanted 1 to 65535', 11],
  [
    "stun:2001:db8::1",
    "it has too many colons, wanted HOST or HOST:PORT, IPv6 addresses in brackets",
    5,
  ],
  [
    "stun:a.example:1,stun:b.example:2",
    "it has too many colons, wanted HOST or HOST:PORT, IPv6 addresses in brackets",
    5,
  ],
  ["stun:[::1", "wanted [ADDRESS] or [ADDRESS]:PORT after the scheme", 5],
  ["stun:[::1]3478", "wanted [ADDRESS] or [ADDRESS]:PORT after the scheme", 5],
  ["stun:[]", '"" is not an IPv6 address, wanted one in the brackets', 6],
  ["stun:[192.0.2.1]", '"192.0.2.1" is not an IPv6 address, wanted one in the brackets', 6],
  ["stun:[v1.fe80]", '"v1.fe80" is not an IPv6 address, wanted one in the brackets', 6],
  ["stun:[1::2::3]", '"1::2::3" is not an IPv6 address, wanted one in the brackets', 6],
  ["stun:[fe80::1%25eth0]", "the IPv6 address has a zone, wanted one without", 13],
  ["stun:a[b]", 'the host has "[", wanted a name', 6],
  ["stun:127.1", 'the host "127.1" ends in a number, wanted an IPv4 address or a name', 5],
  ["stun:256.0.0.1", 'the host "256.0.0.1" ends in a number, wanted an IPv4 address or a name', 5],
  ["stun:010.0.0.1", 'the host "010.0.0.1" ends in a number, wanted an IPv4 address or a name', 5],
  [
    "stun:0x7f000001",
    'the host "0x7f000001" ends in a number, wanted an IPv4 address or a name',
    5,
  ],
  ["stun:3478", 'the host "3478" ends in a number, wanted an IPv4 address or a name', 5],
  [
    "stun:a%2Cb",
    "the host has %2C, wanted nothing but letters, digits, -._~ and UTF-8 behind a %",
    6,
  ],
  [
    "stun:a%40b",
    "the host has %40, wanted nothing but letters, digits, -._~ and UTF-8 behind a %",
    6,
  ],
  [
    "stun:%2565xample",
    "the host has %25, wanted nothing but letters, digits, -._~ and UTF-8 behind a %",
    5,
  ],
  [
    "stun:a%00b",
    "the host has %00, wanted nothing but letters, digits, -._~ and UTF-8 behind a %",
    6,
  ],
  ["stun:a%4", "the host has a bad % sequence, wanted %XX that are UTF-8", 6],
  ["stun:a%FFb", "the host has a bad % sequence, wanted %XX that are UTF-8", 6],
  // U+FF0F becomes a slash in IDNA's mapping
  ["stun:a%EF%BC%8Fb", 'the host "a／b" is not a domain name, wanted one that IDNA takes', 6],
];

for (const [text, why, offset] of BAD) {
  Deno.test(`parseStunUri() refuses ${JSON.stringify(text)}`, () => {
    const reason = `Cannot read ${JSON.stringify(text)}: ${why}`;
    assertEquals(parseStunUri(text), { ok: false, reason, offset });
  });
}

Deno.test("parseStunUri() refuses a name of more than 255 characters and quotes 80 of the text", () => {
  assertEquals(parseStunUri(`stun:${"a".repeat(256)}`), {
    ok: false,
    reason: `Cannot read "stun:${
      "a".repeat(75)
    }…": the host has 256 characters, wanted at most 255`,
    offset: 5,
  });
});

Deno.test("parseStunUri() reads nothing but what formatStunUri() writes back", () => {
  const text = fc.string({
    unit: fc.constantFrom(..."abzAZ019.-_~%[]:/?#@!C3BCf é"),
    maxLength: 24,
  });
  fc.assert(
    fc.property(fc.constantFrom("stun:", "stuns:"), text, (scheme, rest) => {
      const parsed = parseStunUri(scheme + rest);
      if (parsed.ok) {
        assertEquals(parseStunUri(formatStunUri(parsed.value)), parsed);
      }
    }),
    { seed: 7064, numRuns: 2000 },
  );
});

Deno.test("stunUriPort() knows the default of each scheme", () => {
  assertEquals(stunUriPort({ scheme: "stun", host: "example.org" }), 3478);
  assertEquals(stunUriPort({ scheme: "stuns", host: "example.org" }), 5349);
  assertEquals(stunUriPort({ scheme: "stuns", host: "example.org", port: 443 }), 443);
});

Deno.test("formatStunUri() throws when the value is no STUN URI", () => {
  const bad: StunUri[] = [
    { scheme: "stun", host: "" },
    { scheme: "stun", host: "[::1]" },
    { scheme: "stun", host: "example.org:3478" },
    { scheme: "stun", host: "example.org/x" },
    { scheme: "stun", host: "127.1" },
    { scheme: "stun", host: "example.org", port: 0 },
    { scheme: "stun", host: "example.org", port: 3478.5 },
    { scheme: "stun", host: "example.org", port: NaN },
    { scheme: "turn" as "stun", host: "example.org" },
  ];
  for (const uri of bad) {
    assertThrows(() => formatStunUri(uri), RangeError, "Cannot write a STUN URI: Cannot read ");
  }
});

Deno.test("formatStunUri() throws when the value is not in its plain form", () => {
  assertThrows(
    () => formatStunUri({ scheme: "stun", host: "b%C3%BCcher.example" }),
    RangeError,
    'Cannot write a STUN URI: found "stun:b%C3%BCcher.example", ' +
      'wanted "stun:xn--bcher-kva.example"',
  );
  assertThrows(
    () => formatStunUri({ scheme: "STUN" as "stun", host: "example.org" }),
    RangeError,
    'Cannot write a STUN URI: found "STUN:example.org", wanted "stun:example.org"',
  );
});
