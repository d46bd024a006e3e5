import { assertEquals } from "@std/assert";
import { choosePunchServers } from "../../../lib/protocol/punch/mod.ts";

for (
  const [what, uris, chosen] of [
    ["none", [], []],
    ["one of each host, the first", ["stun:a", "stun:a:3479", "stun:b:3479", "stun:b"], [
      "stun:a",
      "stun:b:3479",
    ]],
    ["an IPv6 address beside an IPv4 one", ["stun:192.0.2.1", "stun:[2001:db8::1]:3479"], [
      "stun:192.0.2.1",
      "stun:[2001:db8::1]:3479",
    ]],
    ["none that TLS or a mistake needs", ["stuns:a", "turn:b", "", "stun:c"], ["stun:c"]],
    ["four at most", ["stun:a", "stun:b", "stun:c", "stun:d", "stun:e"], [
      ...["stun:a", "stun:b", "stun:c", "stun:d"],
    ]],
  ] as const
) {
  Deno.test(`choosePunchServers() chooses ${what}`, () => {
    assertEquals(choosePunchServers(uris), [...chosen]);
  });
}
