import { assertEquals } from "@std/assert";
import { forwardedClient, type IpPrefix, parseIpPrefix } from "../../lib/protocol/mod.ts";
import { formatIp, parseIp } from "../../lib/wire/mod.ts";

const CASES: readonly (readonly [
  peer: string,
  forwardedFor: string | null,
  ip: string,
  isClient: boolean,
])[] = [
  // Directly
  ["203.0.113.9", null, "203.0.113.9", true],
  ["10.0.0.1", null, "10.0.0.1", true],
  // Through somebody who is not trusted
  ["203.0.113.9", "198.51.100.1", "203.0.113.9", false],
  ["203.0.113.9", "", "203.0.113.9", false],
  // Through one proxy, whatever the client has claimed
  ["10.0.0.1", "198.51.100.1", "198.51.100.1", true],
  ["10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1", true],
  ["10.0.0.1", "10.0.0.7,198.51.100.1", "198.51.100.1", true],
  // Through several
  ["10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1", true],
  ["10.0.0.1", "127.0.0.1, 198.51.100.1, 10.0.0.2", "198.51.100.1", true],
  ["10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", true],
  // As they write it
  ["10.0.0.1", "198.51.100.1:4711", "198.51.100.1", true],
  ["10.0.0.1", "2001:db8::1", "2001:db8::1", true],
  ["10.0.0.1", "[2001:db8::1]", "2001:db8::1", true],
  ["10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1", true],
  ["10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1", true],
  // As nobody should
  ["10.0.0.1", "unknown", "10.0.0.1", false],
  ["10.0.0.1", "", "10.0.0.1", false],
  ["10.0.0.1", "198.51.100.1, ", "10.0.0.1", false],
  ["10.0.0.1", "198.51.100.1, _hidden, 10.0.0.2", "10.0.0.2", false],
];
for (const [peer, forwardedFor, ip, isClient] of CASES) {
  Deno.test(`forwardedClient() of ${peer} with ${JSON.stringify(forwardedFor)} is ${ip}`, () => {
    const client = forwardedClient({ peer: bytes(peer), forwardedFor, trusted: [prefix()] });
    assertEquals([formatIp(client.ip), client.isClient], [ip, isClient]);
  });
}

function prefix(): IpPrefix {
  const read = parseIpPrefix("10.0.0.0/24");
  if (!read.ok) throw new Error(read.reason);
  return read.value;
}

function bytes(text: string): Uint8Array {
  const ip = parseIp(text);
  if (!ip.ok) throw new Error(ip.reason);
  return ip.value;
}
