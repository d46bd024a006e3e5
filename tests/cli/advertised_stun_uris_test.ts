import { assertEquals } from "@std/assert";
import { advertisedStunUris } from "../../lib/cli/advertised_stun_uris.ts";
import type { StunServerListener } from "../../lib/server/mod.ts";
import { address } from "../protocol/binding_cases.ts";

interface Case {
  readonly when: string;
  /** Transport and address, and the role where it is not the primary one. */
  readonly listeners: readonly string[];
  readonly host: string;
  readonly advertise?: readonly string[];
  readonly advertiseAlternate?: readonly string[];
  readonly uris: readonly string[];
}

const CASES: readonly Case[] = [
  {
    when: "it listens on one address",
    listeners: ["udp 192.0.2.1:3478", "tcp 192.0.2.1:3478"],
    host: "stun.example:8080",
    uris: ["stun:192.0.2.1"],
  },
  {
    when: "the port is another one",
    listeners: ["udp 192.0.2.1:3480", "udp [2001:db8::1]:3480"],
    host: "stun.example",
    uris: ["stun:192.0.2.1:3480", "stun:[2001:db8::1]:3480"],
  },
  {
    when: "it listens on every address: the host that was asked for",
    listeners: ["udp [::]:3478", "tcp [::]:3478"],
    host: "stun.example:8080",
    uris: ["stun:stun.example"],
  },
  {
    when: "the host that was asked for is an address",
    listeners: ["udp 0.0.0.0:3478"],
    host: "[2001:db8::7]:8080",
    uris: ["stun:[2001:db8::7]"],
  },
  {
    when: "the host makes no URI",
    listeners: ["udp 0.0.0.0:3478", "udp 192.0.2.1:3478"],
    host: "a b/c",
    uris: ["stun:192.0.2.1"],
  },
  {
    when: "it is behind a 1:1 NAT",
    listeners: ["udp 10.0.0.1:3478", "udp [2001:db8::1]:3478"],
    host: "stun.example",
    advertise: ["203.0.113.1"],
    uris: ["stun:203.0.113.1", "stun:[2001:db8::1]"],
  },
  {
    when: "it is behind a 1:1 NAT and listens on every address",
    listeners: ["udp [::]:3478"],
    host: "stun.example",
    advertise: ["203.0.113.1", "2001:db8::9"],
    uris: ["stun:203.0.113.1", "stun:[2001:db8::9]"],
  },
  {
    when: "it serves TLS, which wants a name",
    listeners: ["udp 192.0.2.1:3478", "tls 192.0.2.1:5349"],
    host: "stun.example:443",
    uris: ["stun:192.0.2.1", "stuns:stun.example"],
  },
  {
    when: "it serves TLS, and was asked for by address",
    listeners: ["tls 192.0.2.1:443"],
    host: "192.0.2.1:8080",
    uris: ["stuns:192.0.2.1:443"],
  },
  {
    when: "it has an alternate address",
    listeners: [
      "udp 10.0.0.1:3478",
      "udp 10.0.0.1:3479 alternate-port",
      "udp 10.0.0.2:3478 alternate-address",
      "udp 10.0.0.2:3479 alternate-both",
    ],
    host: "stun.example",
    advertise: ["203.0.113.1"],
    advertiseAlternate: ["203.0.113.2"],
    uris: [
      "stun:203.0.113.1",
      "stun:203.0.113.1:3479",
      "stun:203.0.113.2",
      "stun:203.0.113.2:3479",
    ],
  },
];
for (const { when, listeners, host, advertise = [], advertiseAlternate = [], uris } of CASES) {
  Deno.test(`advertisedStunUris() says how a server is reached when ${when}`, () => {
    const sockets = listeners.map((text): StunServerListener => {
      const [transport, at, role = "primary"] = text.split(" ") as [
        StunServerListener["transport"],
        string,
        StunServerListener["role"]?,
      ];
      return { transport, address: address(at), role, io: "deno" };
    });
    const addresses = { listeners: sockets, advertise, advertiseAlternate };
    assertEquals(advertisedStunUris(addresses, host), uris);
  });
}
