import { assertEquals, assertThrows } from "@std/assert";
import {
  alternatePortOf,
  checkPorts,
  type ListenPlanOptions,
  planListeners,
  type PlannedAddress,
  type ServicePorts,
} from "../../lib/server/listen_plan.ts";
import { formatIp } from "../../lib/wire/mod.ts";

Deno.test("planListeners() plans every address when nothing is given", () => {
  assertEquals(planListeners({}), undefined);
});

interface PlanCase {
  /** Completes "planListeners() plans …". */
  readonly what: string;
  readonly options: ListenPlanOptions;
  /** `ROLE on IP known as IP`, one list per address. */
  readonly plan: readonly (readonly string[])[];
}

const PLANS: readonly PlanCase[] = [
  {
    what: "one role on each address, in the order given",
    options: { hostnames: ["2001:db8::1", "192.0.2.1", "192.0.2.2"] },
    plan: [
      ["primary on 2001:db8::1 known as 2001:db8::1"],
      ["primary on 192.0.2.1 known as 192.0.2.1"],
      ["primary on 192.0.2.2 known as 192.0.2.2"],
    ],
  },
  {
    what: "four roles when there is an alternate address",
    options: { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.2"] },
    plan: [[
      "primary on 192.0.2.1 known as 192.0.2.1",
      "alternate-port on 192.0.2.1 known as 192.0.2.1",
      "alternate-address on 192.0.2.2 known as 192.0.2.2",
      "alternate-both on 192.0.2.2 known as 192.0.2.2",
    ]],
  },
  {
    what: "four roles in each family, each with its own alternate, in whatever order it comes",
    options: {
      hostnames: ["192.0.2.1", "2001:db8::1"],
      alternateHostnames: ["2001:db8::2", "192.0.2.2"],
    },
    plan: [
      [
        "primary on 192.0.2.1 known as 192.0.2.1",
        "alternate-port on 192.0.2.1 known as 192.0.2.1",
        "alternate-address on 192.0.2.2 known as 192.0.2.2",
        "alternate-both on 192.0.2.2 known as 192.0.2.2",
      ],
      [
        "primary on 2001:db8::1 known as 2001:db8::1",
        "alternate-port on 2001:db8::1 known as 2001:db8::1",
        "alternate-address on 2001:db8::2 known as 2001:db8::2",
        "alternate-both on 2001:db8::2 known as 2001:db8::2",
      ],
    ],
  },
  {
    what: "four roles in the family of the alternate address, one in the other",
    options: {
      hostnames: ["192.0.2.1", "2001:db8::1"],
      alternateHostnames: ["2001:db8::2"],
    },
    plan: [
      ["primary on 192.0.2.1 known as 192.0.2.1"],
      [
        "primary on 2001:db8::1 known as 2001:db8::1",
        "alternate-port on 2001:db8::1 known as 2001:db8::1",
        "alternate-address on 2001:db8::2 known as 2001:db8::2",
        "alternate-both on 2001:db8::2 known as 2001:db8::2",
      ],
    ],
  },
  {
    what: "the advertised addresses in place of those it binds to",
    options: {
      hostnames: ["10.0.0.1", "2001:db8::1"],
      alternateHostnames: ["10.0.0.2"],
      advertise: ["203.0.113.1"],
      advertiseAlternate: ["203.0.113.2"],
    },
    plan: [
      [
        "primary on 10.0.0.1 known as 203.0.113.1",
        "alternate-port on 10.0.0.1 known as 203.0.113.1",
        "alternate-address on 10.0.0.2 known as 203.0.113.2",
        "alternate-both on 10.0.0.2 known as 203.0.113.2",
      ],
      ["primary on 2001:db8::1 known as 2001:db8::1"],
    ],
  },
  {
    what: "one advertised address of two when the other is public as it is",
    options: {
      hostnames: ["10.0.0.1"],
      alternateHostnames: ["203.0.113.2"],
      advertise: ["203.0.113.1"],
    },
    plan: [[
      "primary on 10.0.0.1 known as 203.0.113.1",
      "alternate-port on 10.0.0.1 known as 203.0.113.1",
      "alternate-address on 203.0.113.2 known as 203.0.113.2",
      "alternate-both on 203.0.113.2 known as 203.0.113.2",
    ]],
  },
  {
    what: "no known address for a socket on every address",
    options: { hostnames: ["0.0.0.0", "::"] },
    plan: [["primary on 0.0.0.0 known as nothing"], ["primary on :: known as nothing"]],
  },
  {
    what: "the advertised address of a socket on every address of its family",
    options: { hostnames: ["0.0.0.0"], advertise: ["203.0.113.1"] },
    plan: [["primary on 0.0.0.0 known as 203.0.113.1"]],
  },
  {
    what: "every address by name when only an address to advertise is given",
    options: { advertise: ["2001:db8::1"] },
    plan: [["primary on :: known as 2001:db8::1"]],
  },
  {
    what: "the IPv4 address that an IPv4-mapped one stands for",
    options: { hostnames: ["::ffff:192.0.2.1"] },
    plan: [["primary on 192.0.2.1 known as 192.0.2.1"]],
  },
];

for (const { what, options, plan } of PLANS) {
  Deno.test(`planListeners() plans ${what}`, () => {
    assertEquals(describe(planListeners(options)), plan);
  });
}

interface RefusalCase {
  /** Completes "planListeners() throws when …". */
  readonly when: string;
  readonly options: ListenPlanOptions;
  readonly message: string;
}

const REFUSALS: readonly RefusalCase[] = [
  {
    when: "the list of addresses is empty",
    options: { hostnames: [] },
    message: "Cannot listen: got no address, wanted one",
  },
  {
    when: "an address is a name",
    options: { hostnames: ["192.0.2.1", "stun.example.org"] },
    message: "Cannot listen on stun.example.org: wanted an IPv4 or IPv6 address",
  },
  {
    when: "an address has brackets",
    options: { hostnames: ["[::1]"] },
    message: "Cannot listen on [::1]: wanted an IPv4 or IPv6 address",
  },
  {
    when: "the alternate address is none",
    options: { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.256"] },
    message: "Cannot use the alternate address 192.0.2.256: wanted an IPv4 or IPv6 address",
  },
  {
    when: "the advertised address is none",
    options: { advertise: ["public"] },
    message: "Cannot use the advertised address public: wanted an IPv4 or IPv6 address",
  },
  {
    when: "the advertised alternate is none",
    options: { advertiseAlternate: ["public"] },
    message: "Cannot use the advertised alternate public: wanted an IPv4 or IPv6 address",
  },
  {
    when: "there are two alternate addresses of one family",
    options: { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.2", "192.0.2.3"] },
    message: "Cannot use the alternate address 192.0.2.3: its family has one already",
  },
  {
    when: "there are two advertised addresses of one family",
    options: { hostnames: ["192.0.2.1"], advertise: ["203.0.113.1", "203.0.113.2"] },
    message: "Cannot use the advertised address 203.0.113.2: its family has one already",
  },
  {
    when: "there are two advertised alternates of one family",
    options: {
      hostnames: ["192.0.2.1"],
      alternateHostnames: ["192.0.2.2"],
      advertiseAlternate: ["2001:db8::1", "2001:db8::2"],
    },
    message: "Cannot use the advertised alternate 2001:db8::2: its family has one already",
  },
  {
    when: "there is an alternate address without a primary one",
    options: { alternateHostnames: ["2001:db8::2"] },
    message: "Cannot use the alternate address 2001:db8::2: RFC 5780 wants two specific " +
      "addresses, so the primary one must be given as well",
  },
  {
    when: "there is an IPv4 alternate address without a primary one, though :: serves IPv4 too",
    options: { alternateHostnames: ["192.0.2.2"] },
    message: "Cannot use the alternate address 192.0.2.2: RFC 5780 wants two specific " +
      "addresses, so the primary one must be given as well",
  },
  {
    when: "the primary address is every address",
    options: { hostnames: ["0.0.0.0"], alternateHostnames: ["192.0.2.2"] },
    message: "Cannot use the alternate address 192.0.2.2: RFC 5780 wants two specific " +
      "addresses, so the primary one must be given as well",
  },
  {
    when: "the alternate address is every address",
    options: { hostnames: ["192.0.2.1"], alternateHostnames: ["0.0.0.0"] },
    message: "Cannot use the alternate address 0.0.0.0: RFC 5780 wants two specific " +
      "addresses, so the primary one must be given as well",
  },
  {
    when: "the alternate address is the primary one",
    options: { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.1"] },
    message: "Cannot use the alternate address 192.0.2.1: it is the primary one",
  },
  {
    when: "the alternate address is the primary one in another spelling",
    options: { hostnames: ["2001:db8::1"], alternateHostnames: ["2001:DB8:0::1"] },
    message: "Cannot use the alternate address 2001:db8::1: it is the primary one",
  },
  {
    when: "the alternate address would go with two primary ones",
    options: { hostnames: ["192.0.2.1", "192.0.2.3"], alternateHostnames: ["192.0.2.2"] },
    message: "Cannot use the alternate address 192.0.2.2: its family has more than one primary " +
      "address",
  },
  {
    when: "the alternate address has no primary one of its family",
    options: { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.2", "2001:db8::2"] },
    message: "Cannot use the alternate address 2001:db8::2: there is no primary address of its " +
      "family",
  },
  {
    when: "there is an advertised alternate without an alternate of its family",
    options: {
      hostnames: ["192.0.2.1", "2001:db8::1"],
      alternateHostnames: ["192.0.2.2"],
      advertiseAlternate: ["2001:db8::2"],
    },
    message: "Cannot use the advertised alternate 2001:db8::2: there is no alternate address of " +
      "its family",
  },
  {
    when: "there is an advertised alternate and no other address at all",
    options: { advertiseAlternate: ["203.0.113.2"] },
    message: "Cannot use the advertised alternate 203.0.113.2: there is no alternate address of " +
      "its family",
  },
  {
    when: "both addresses are advertised as one",
    options: {
      hostnames: ["10.0.0.1"],
      alternateHostnames: ["10.0.0.2"],
      advertise: ["203.0.113.1"],
      advertiseAlternate: ["203.0.113.1"],
    },
    message: "Cannot advertise 203.0.113.1 twice: a client learns nothing from an alternate " +
      "address that is the primary one",
  },
  {
    when: "the primary address is advertised as the alternate one",
    options: {
      hostnames: ["10.0.0.1"],
      alternateHostnames: ["203.0.113.2"],
      advertise: ["203.0.113.2"],
    },
    message: "Cannot advertise 203.0.113.2 twice: a client learns nothing from an alternate " +
      "address that is the primary one",
  },
];

for (const { when, options, message } of REFUSALS) {
  Deno.test(`planListeners() throws when ${when}`, () => {
    assertEquals(assertThrows(() => planListeners(options), RangeError).message, message);
  });
}

const PAIR = planListeners({ hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.2"] });
const SINGLE = planListeners({ hostnames: ["192.0.2.1"] });

Deno.test("alternatePortOf() is one above the port, or of the system's choice as the port is", () => {
  const of = (port: number, alternatePort?: number) =>
    alternatePortOf({ transports: ["udp"], port, alternatePort });
  assertEquals([of(3478), of(3478, 5000), of(3478, 0), of(0), of(0, 5000)], [
    3479,
    5000,
    0,
    0,
    5000,
  ]);
});

Deno.test("checkPorts() looks at the alternate port only where it is used", () => {
  for (const ports of [{ port: 0 }, { port: 65535 }, { port: 1, alternatePort: 1 }]) {
    checkPorts([service(ports)], SINGLE);
    checkPorts([service(ports)], undefined);
  }
  for (
    const ports of [
      { port: 0 },
      { port: 0, alternatePort: 0 },
      { port: 65534 },
      { port: 65535, alternatePort: 0 },
    ]
  ) checkPorts([service(ports)], PAIR);
});

Deno.test("checkPorts() throws when a port is none or the two are one", () => {
  const refusal = (ports: Omit<ServicePorts, "transports">, addresses = PAIR) =>
    assertThrows(() => checkPorts([service(ports)], addresses), RangeError).message;
  assertEquals(
    refusal({ port: 3478, alternatePort: 3478 }),
    "Cannot use the alternate port 3478: it is the primary one",
  );
  const wanted = "wanted a whole number of 0 to 65535";
  assertEquals(refusal({ port: 65535 }), `Cannot use the alternate port 65536: ${wanted}`);
  assertEquals(refusal({ port: 65536 }, SINGLE), `Cannot use the port 65536: ${wanted}`);
  assertEquals(refusal({ port: -1 }), `Cannot use the port -1: ${wanted}`);
  assertEquals(refusal({ port: 1.5 }), `Cannot use the port 1.5: ${wanted}`);
});

Deno.test("checkPorts() throws when TCP and TLS would share a port", () => {
  const tls = (port: number, alternatePort?: number): ServicePorts => ({
    transports: ["tls"],
    port,
    alternatePort,
  });
  const udp: ServicePorts = { transports: ["udp"], port: 3478 };
  const shared = (services: readonly ServicePorts[], addresses = PAIR) =>
    assertThrows(() => checkPorts(services, addresses), RangeError).message;
  const message = (port: number) => `Cannot use port ${port} twice: TCP and TLS want one each`;
  assertEquals(shared([service({ port: 3478 }), tls(3478)], SINGLE), message(3478));
  assertEquals(shared([service({ port: 3478 }), tls(3479)]), message(3479));
  assertEquals(shared([service({ port: 3478 }), tls(5349, 3478)]), message(3478));
  checkPorts([service({ port: 3478 }), tls(3479)], SINGLE);
  checkPorts([service({ port: 3478 }), tls(5349)], PAIR);
  checkPorts([service({ port: 0 }), tls(0)], PAIR);
  // UDP has ports of its own
  checkPorts([udp, tls(3478)], PAIR);
});

function service(ports: Omit<ServicePorts, "transports">): ServicePorts {
  return { transports: ["udp", "tcp"], ...ports };
}

function describe(plan: readonly PlannedAddress[] | undefined): string[][] | undefined {
  return plan?.map(({ sockets }) =>
    sockets.map(({ role, ip, publicIp }) =>
      `${role} on ${formatIp(ip)} known as ${
        publicIp === undefined ? "nothing" : formatIp(publicIp)
      }`
    )
  );
}
