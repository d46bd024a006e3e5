import { assertEquals } from "@std/assert";
import {
  type AddressFindings,
  type AddressVerdict,
  judgeAddresses,
  type SeenAddress,
} from "../../../lib/board/page/address_verdict.ts";

const HOST: SeenAddress = { type: "host", ip: "5f2d.local", port: 50_000 };
const SEEN: SeenAddress = { type: "srflx", ip: "203.0.113.11", port: 40_000 };

const CASES: readonly {
  readonly name: string;
  readonly findings: Partial<AddressFindings>;
  readonly mapping: AddressVerdict["mapping"];
  readonly ipv4?: readonly string[];
  readonly ipv6?: readonly string[];
}[] = [
  {
    name: "one port is seen by two servers",
    findings: { seen: [HOST, SEEN] },
    mapping: "same",
    ipv4: ["203.0.113.11:40000"],
  },
  {
    name: "the browser tells an address twice",
    findings: { seen: [SEEN, { ...SEEN }] },
    mapping: "same",
    ipv4: ["203.0.113.11:40000"],
  },
  {
    name: "two servers see two ports",
    findings: { seen: [SEEN, { ...SEEN, port: 40_001 }] },
    mapping: "differs",
    ipv4: ["203.0.113.11:40000", "203.0.113.11:40001"],
  },
  {
    name: "one of two servers is silent",
    findings: { seen: [SEEN], silent: 1 },
    mapping: "unknown",
    ipv4: ["203.0.113.11:40000"],
  },
  {
    name: "there is one server",
    findings: { seen: [SEEN], servers: 1 },
    mapping: "unknown",
    ipv4: ["203.0.113.11:40000"],
  },
  {
    name: "two networks are seen",
    findings: { seen: [SEEN, { ...SEEN, ip: "198.51.100.7" }] },
    mapping: "unknown",
    ipv4: ["203.0.113.11:40000", "198.51.100.7:40000"],
  },
  { name: "the server sees the host's own address", findings: { seen: [HOST] }, mapping: "none" },
  { name: "every server is silent", findings: { seen: [HOST], silent: 2 }, mapping: "blocked" },
  { name: "there is no server", findings: { servers: 0 }, mapping: "unknown" },
  { name: "there is no WebRTC", findings: { supported: false }, mapping: "unsupported" },
  {
    name: "there is IPv6 alone",
    findings: { seen: [{ type: "srflx", ip: "2001:db8::11", port: 1 }] },
    mapping: "same",
    ipv6: ["[2001:db8::11]:1"],
  },
];

for (const { name, findings, mapping, ipv4 = [], ipv6 = [] } of CASES) {
  Deno.test(`judgeAddresses() says "${mapping}" when ${name}`, () => {
    const { reason, ...verdict } = judgeAddresses({
      supported: true,
      seen: [],
      silent: 0,
      servers: 2,
      ...findings,
    });
    assertEquals(verdict, { ipv4, ipv6, mapping });
    assertEquals(/^[A-Z].*\.$/.test(reason), true, reason);
  });
}
