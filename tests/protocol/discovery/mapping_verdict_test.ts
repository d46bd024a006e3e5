import { assertEquals } from "@std/assert";
import { judgeMapping } from "../../../lib/protocol/discovery/mod.ts";
import { formatIp } from "../../../lib/wire/mod.ts";
import { address } from "../binding_cases.ts";

/** Where a request went, and what it was seen to come from. */
type Seen = readonly [to: string, reflexive: string];

const OWN = "198.51.100.1:5000";
const OUT = "198.51.100.1:6000";
const OUT_2 = "198.51.100.1:6001";
const OUT_3 = "198.51.100.1:6002";
const ONE = "203.0.113.1:3478";
const ONE_PORT = "203.0.113.1:3479";
const TWO = "203.0.113.2:3478";
const TWO_PORT = "203.0.113.2:3479";

const CASES: readonly {
  readonly when: string;
  readonly seen: readonly Seen[];
  readonly value: ReturnType<typeof judgeMapping>["value"];
  readonly depends?: boolean;
  readonly reason: string;
}[] = [
  { when: "nobody tells", seen: [], value: "unknown", reason: "no server tells what it sees" },
  {
    when: "one server sees the socket itself",
    seen: [[ONE, OWN]],
    value: "none",
    reason: "every server sees this host's own address and port",
  },
  {
    when: "all see the socket itself, at two of the host's addresses",
    seen: [[ONE, OWN], [TWO, "198.51.100.2:5000"]],
    value: "none",
    reason: "every server sees this host's own address and port",
  },
  {
    when: "the address is the host's and the port is not",
    seen: [[ONE, OUT]],
    value: "unknown",
    reason: "only one server address answered, which every kind of mapping fits",
  },
  {
    when: "one server is on this side of the NAT",
    seen: [[ONE, "192.0.2.7:6000"], [TWO, OWN]],
    value: "unknown",
    reason: "203.0.113.2 sees this host's own address, so it is on this side of the NAT",
  },
  {
    when: "two addresses see the same endpoint",
    seen: [[ONE, OUT], [TWO, OUT]],
    value: "endpoint-independent",
    reason: "2 server addresses see the same outside endpoint of one socket",
  },
  {
    when: "all four see the same endpoint",
    seen: [[ONE, OUT], [TWO, OUT], [TWO_PORT, OUT], [ONE_PORT, OUT]],
    value: "endpoint-independent",
    reason: "2 server addresses see the same outside endpoint of one socket",
  },
  {
    when: "two ports of one address see the same endpoint and no other address answers",
    seen: [[ONE, OUT], [ONE_PORT, OUT]],
    value: "unknown",
    reason: "only one server address answered, which every kind of mapping fits",
  },
  {
    when: "two ports of one address see two endpoints",
    seen: [[ONE, OUT], [ONE_PORT, OUT_2]],
    value: "address-and-port-dependent",
    depends: true,
    reason: "two ports of 203.0.113.1 see two outside endpoints of one socket",
  },
  {
    when: "two ports of the other address see two endpoints",
    seen: [[ONE, OUT], [TWO, OUT_2], [TWO_PORT, OUT_3]],
    value: "address-and-port-dependent",
    depends: true,
    reason: "two ports of 203.0.113.2 see two outside endpoints of one socket",
  },
  {
    when: "addresses see two endpoints and ports the same",
    seen: [[ONE, OUT], [ONE_PORT, OUT], [TWO, OUT_2]],
    value: "address-dependent",
    depends: true,
    reason: "two ports of one server address see the same outside endpoint, two addresses do not",
  },
  {
    when: "addresses see two endpoints and no ports are compared",
    seen: [[ONE, OUT], [TWO, OUT_2]],
    value: "unknown",
    depends: true,
    reason: "each server address sees another outside endpoint; whether the port matters too " +
      "takes a server with RFC 5780",
  },
  {
    when: "two of three addresses see the same endpoint",
    seen: [[ONE, OUT], [TWO, OUT], ["203.0.113.3:3478", OUT_2]],
    value: "unknown",
    reason: "the servers disagree in a way that no mapping explains",
  },
  {
    when: "a server sees another IP address, as one behind a proxy does",
    seen: [[ONE, OUT], [TWO, "172.17.0.1:40000"]],
    value: "unknown",
    reason: "the servers disagree about the outside IP address of this host",
  },
  {
    when: "all see the same endpoint over IPv6",
    seen: [["[2001:db8::1]:3478", "[2001:db8::9]:1"], ["[2001:db8::2]:3478", "[2001:db8::9]:1"]],
    value: "endpoint-independent",
    reason: "2 server addresses see the same outside endpoint of one socket",
  },
];

for (const { when, seen, value, depends = false, reason } of CASES) {
  Deno.test(`judgeMapping() says ${value} when ${when}`, () => {
    const confidence = value === "unknown" ? "none" : "high";
    assertEquals(judge(seen), { value, confidence, reason, depends });
    // Whoever is asked first, the verdict is the same
    const { value: reversed } = judge(seen.toReversed());
    assertEquals(reversed, value);
  });
}

function judge(seen: readonly Seen[]) {
  return judgeMapping(
    seen.map(([to, reflexive]) => ({ to: address(to), reflexive: address(reflexive) })),
    ({ ip, port }) => port === 5000 && formatIp(ip).startsWith("198.51.100."),
  );
}
