import { assertEquals } from "@std/assert";
import {
  judgePublicAddress,
  type PublicAddressObservation,
} from "../../../lib/protocol/holding/mod.ts";
import {
  formatSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from "../../../lib/wire/mod.ts";

const CASES: readonly {
  readonly name: string;
  /** What each server sees. */
  readonly seen: readonly (readonly [server: string, reflexive: string])[];
  readonly finding: string;
}[] = [
  { name: "there is no server", seen: [], finding: "unknown" },
  {
    name: "there is one server, which is believed",
    seen: [["192.0.2.1:3478", "203.0.113.1:5000"]],
    finding: "203.0.113.1:5000 translated, 1 witness",
  },
  {
    name: "the only server sees the port's own address",
    seen: [["192.0.2.1:3478", "10.0.0.1:4000"]],
    finding: "10.0.0.1:4000 own, 1 witness",
  },
  {
    name: "two servers agree",
    seen: [["192.0.2.1:3478", "203.0.113.1:5000"], ["192.0.2.2:3478", "203.0.113.1:5000"]],
    finding: "203.0.113.1:5000 translated, 2 witnesses",
  },
  {
    name: "two ports of one server agree, which is one witness",
    seen: [["192.0.2.1:3478", "203.0.113.1:5000"], ["192.0.2.1:3479", "203.0.113.1:5000"]],
    finding: "203.0.113.1:5000 translated, 1 witness",
  },
  {
    name: "two servers see two ports",
    seen: [["192.0.2.1:3478", "203.0.113.1:5000"], ["192.0.2.2:3478", "203.0.113.1:5001"]],
    finding: "depends: 192.0.2.1 sees port 5000 of 203.0.113.1, " +
      "192.0.2.2 sees port 5001 of 203.0.113.1",
  },
  {
    name: "two servers see two addresses",
    seen: [["192.0.2.1:3478", "203.0.113.1:5000"], ["192.0.2.2:3478", "203.0.113.2:5000"]],
    finding: "depends: 192.0.2.1 sees port 5000 of 203.0.113.1, " +
      "192.0.2.2 sees port 5000 of 203.0.113.2",
  },
  {
    name: "two ports of one server see two ports",
    seen: [["192.0.2.1:3478", "203.0.113.1:5000"], ["192.0.2.1:3479", "203.0.113.1:5001"]],
    finding: "depends: two ports of 192.0.2.1 see two outside endpoints of one socket",
  },
  {
    name: "one of three servers sees something else",
    seen: [
      ["192.0.2.1:3478", "203.0.113.9:1"],
      ["192.0.2.2:3478", "203.0.113.1:5000"],
      ["192.0.2.3:3478", "203.0.113.1:5000"],
    ],
    finding: "203.0.113.1:5000 translated, 2 witnesses",
  },
  {
    name: "two ports of one address see the same and another address something else",
    seen: [
      ["192.0.2.1:3478", "203.0.113.1:5000"],
      ["192.0.2.1:3479", "203.0.113.1:5000"],
      ["192.0.2.2:3478", "203.0.113.1:5001"],
    ],
    finding: "depends: 192.0.2.1 sees port 5000 of 203.0.113.1, " +
      "192.0.2.2 sees port 5001 of 203.0.113.1",
  },
  {
    name: "one of two servers is on this side of the NAT",
    seen: [["192.168.1.1:3478", "10.0.0.1:4000"], ["192.0.2.2:3478", "203.0.113.1:5000"]],
    finding: "203.0.113.1:5000 translated, 1 witness",
  },
];

for (const { name, seen, finding } of CASES) {
  Deno.test(`judgePublicAddress() judges when ${name}`, () => {
    const found = judgePublicAddress(seen.map(([server, reflexive]) => see(server, reflexive)));
    switch (found.kind) {
      case "unknown":
        return assertEquals("unknown", finding);
      case "depends":
        return assertEquals(`depends: ${found.reason}`, finding);
      case "found": {
        const { publicAddress, by, witnesses } = found;
        const how = by.own ? "own" : "translated";
        const count = `${witnesses} witness${witnesses === 1 ? "" : "es"}`;
        assertEquals(`${formatSocketAddress(publicAddress)} ${how}, ${count}`, finding);
        assertEquals(by.reflexive, publicAddress);
      }
    }
  });
}

function see(server: string, reflexive: string): PublicAddressObservation {
  return {
    server: address(server),
    local: address("10.0.0.1:4000"),
    reflexive: address(reflexive),
    own: reflexive === "10.0.0.1:4000",
  };
}

function address(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
