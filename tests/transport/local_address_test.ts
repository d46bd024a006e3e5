import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  isLocalIp,
  ListenError,
  type LocalInterface,
  localIpTowards,
} from "../../lib/transport/mod.ts";
import { formatIp, parseIp, type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";

for (
  const [text, local] of [
    ["127.0.0.1", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["203.0.113.5", false],
    ["2001:db8::5", false],
    ["0.0.0.0", false],
    ["::", false],
    ["224.0.0.1", false],
    ["239.255.255.250", false],
    ["ff02::1", false],
    ["255.255.255.255", false],
    ["fe80::1", false],
  ] as const
) {
  Deno.test(`isLocalIp() is ${local} when it is given ${text}`, () => {
    assertEquals(isLocalIp(ip(text)), local);
  });
}

Deno.test("isLocalIp() throws when the address has a wrong length", () => {
  assertThrows(() => isLocalIp(new Uint8Array(5)), RangeError);
});

Deno.test({
  name: "isLocalIp() throws when it lacks the permission to find out",
  permissions: { net: false },
  fn: () => {
    const error = assertThrows(() => isLocalIp(ip("127.0.0.1")), ListenError);
    assertEquals(error.code, "permission-denied");
  },
});

const LO: LocalInterface[] = [
  { address: "127.0.0.1", netmask: "255.0.0.0" },
  { address: "::1", netmask: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
];
const LAN: LocalInterface[] = [
  ...LO,
  { address: "192.168.1.10", netmask: "255.255.255.0" },
  { address: "2001:db8::10", netmask: "ffff:ffff:ffff:ffff::" },
  { address: "fe80::10", netmask: "ffff:ffff:ffff:ffff::" },
];
const VPN: LocalInterface[] = [
  ...LAN,
  { address: "10.1.0.1", netmask: "255.0.0.0" },
  { address: "10.1.2.1", netmask: "255.255.254.0" },
  { address: "10.1.2.2", netmask: "255.255.254.0" },
];

const CASES: readonly [
  name: string,
  interfaces: LocalInterface[],
  destination: string,
  local: string | undefined,
][] = [
  ["it is in the subnet", LAN, "192.168.1.99", "192.168.1.10"],
  ["it is in an IPv6 subnet", LAN, "2001:db8::99", "2001:db8::10"],
  ["it is on this link", LAN, "fe80::99", "fe80::10"],
  ["it is this host", LAN, "192.168.1.10", "192.168.1.10"],
  ["it is loopback", LAN, "127.0.0.2", "127.0.0.1"],
  ["it is IPv6 loopback", LAN, "::1", "::1"],
  ["it is far away", LAN, "203.0.113.5", "192.168.1.10"],
  ["it is far away over IPv6", LAN, "2001:db8:1::5", "2001:db8::10"],
  ["subnets overlap", VPN, "10.1.3.99", "10.1.2.1"],
  ["subnets overlap, in the wider one", VPN, "10.9.9.9", "10.1.0.1"],
  ["it is one of two addresses of this host in a subnet", VPN, "10.1.2.2", "10.1.2.2"],
  ["it is far away from several addresses", VPN, "203.0.113.5", undefined],
  ["there is loopback alone", LO, "203.0.113.5", undefined],
  ["there is no interface", [], "203.0.113.5", undefined],
  ["it is loopback and there is none", LAN.slice(2), "127.0.0.1", undefined],
  [
    "an interface cannot be read",
    [{ address: "fe80::1%eth0", netmask: "?" }, { address: "10.0.0.1", netmask: "ff::" }],
    "10.0.0.2",
    undefined,
  ],
];

for (const [name, interfaces, destination, local] of CASES) {
  Deno.test(`localIpTowards() is ${local} for ${destination} when ${name}`, () => {
    const found = localIpTowards(to(destination), { interfaces });
    assertEquals(found && formatIp(found), local);
  });
}

Deno.test({
  name: "localIpTowards() knows nothing and asks nothing when it lacks the permission",
  permissions: { sys: false },
  fn: () => assertEquals(localIpTowards(to("127.0.0.1")), undefined),
});

Deno.test({
  name: "localIpTowards() looks at the interfaces of this host when it may",
  permissions: { sys: ["networkInterfaces"], net: "inherit" },
  fn: () => {
    const found = localIpTowards(to("127.0.0.1"));
    assert(found !== undefined && isLocalIp(found));
    assertEquals(formatIp(found), "127.0.0.1");
  },
});

function to(text: string): SocketAddress {
  return socketAddress(ip(text), 3478);
}

function ip(text: string): Uint8Array {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
