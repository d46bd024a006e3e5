import { assertEquals, assertThrows } from "@std/assert";
import type { TransportProtocol } from "../../lib/protocol/mod.ts";
import {
  type ListenPlanOptions,
  planListeners,
  type ServicePorts,
} from "../../lib/server/listen_plan.ts";
import { type Listener, openListeners, type OpenSocket } from "../../lib/server/listeners.ts";
import {
  type DatagramTransport,
  ListenError,
  type ListenErrorCode,
  listenTcp,
  openDenoDatagram,
  type StreamListener,
} from "../../lib/transport/mod.ts";
import { formatSocketAddress, type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leak_test.ts";

const BOTH: ServicePorts = { transports: ["udp", "tcp"], port: 3478 };

Deno.test("openListeners() opens UDP and TCP of every address, in the order given", () => {
  const host = new FakeHost();
  const groups = open(host, { hostnames: ["192.0.2.1", "2001:db8::1"] }, [BOTH]);
  assertEquals(groups.map((group) => group.map(describe)), [
    [
      "udp primary on 192.0.2.1:3478 known as 192.0.2.1:3478",
      "tcp primary on 192.0.2.1:3478 known as 192.0.2.1:3478",
    ],
    [
      "udp primary on [2001:db8::1]:3478 known as [2001:db8::1]:3478",
      "tcp primary on [2001:db8::1]:3478 known as [2001:db8::1]:3478",
    ],
  ]);
  assertEquals(groups.flat().map(({ group }) => group), new Array(4).fill(undefined));
});

Deno.test("openListeners() opens each service on each address in a group of its own", () => {
  const host = new FakeHost();
  const tls: ServicePorts = { transports: ["tls"], port: 5349 };
  const groups = open(host, { hostnames: ["192.0.2.1", "192.0.2.2"] }, [BOTH, tls]);
  assertEquals(groups.map((group) => group.map(describe)), [
    [
      "udp primary on 192.0.2.1:3478 known as 192.0.2.1:3478",
      "tcp primary on 192.0.2.1:3478 known as 192.0.2.1:3478",
    ],
    ["tls primary on 192.0.2.1:5349 known as 192.0.2.1:5349"],
    [
      "udp primary on 192.0.2.2:3478 known as 192.0.2.2:3478",
      "tcp primary on 192.0.2.2:3478 known as 192.0.2.2:3478",
    ],
    ["tls primary on 192.0.2.2:5349 known as 192.0.2.2:5349"],
  ]);
});

Deno.test("openListeners() opens the four roles and tells each of all four", () => {
  const host = new FakeHost();
  const options = { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.2"] };
  const [group = [], ...more] = open(host, options, [BOTH]);
  assertEquals(group.map(describe), [
    "udp primary on 192.0.2.1:3478 known as 192.0.2.1:3478",
    "tcp primary on 192.0.2.1:3478 known as 192.0.2.1:3478",
    "udp alternate-port on 192.0.2.1:3479 known as 192.0.2.1:3479",
    "tcp alternate-port on 192.0.2.1:3479 known as 192.0.2.1:3479",
    "udp alternate-address on 192.0.2.2:3478 known as 192.0.2.2:3478",
    "tcp alternate-address on 192.0.2.2:3478 known as 192.0.2.2:3478",
    "udp alternate-both on 192.0.2.2:3479 known as 192.0.2.2:3479",
    "tcp alternate-both on 192.0.2.2:3479 known as 192.0.2.2:3479",
  ]);
  assertEquals(more, []);
  const four = {
    "primary": "192.0.2.1:3478",
    "alternate-port": "192.0.2.1:3479",
    "alternate-address": "192.0.2.2:3478",
    "alternate-both": "192.0.2.2:3479",
  };
  assertEquals(group.map(groupOf), new Array(8).fill(four));
});

Deno.test("openListeners() tells of the advertised addresses, with the ports of the sockets", () => {
  const host = new FakeHost();
  const [group = []] = open(host, {
    hostnames: ["10.0.0.1"],
    alternateHostnames: ["10.0.0.2"],
    advertise: ["203.0.113.1"],
    advertiseAlternate: ["203.0.113.2"],
  }, [{ transports: ["udp"], port: 0, alternatePort: 5000 }]);
  assertEquals(group.map(describe), [
    "udp primary on 10.0.0.1:40000 known as 203.0.113.1:40000",
    "udp alternate-port on 10.0.0.1:5000 known as 203.0.113.1:5000",
    "udp alternate-address on 10.0.0.2:40000 known as 203.0.113.2:40000",
    "udp alternate-both on 10.0.0.2:5000 known as 203.0.113.2:5000",
  ]);
  assertEquals(groupOf(group[0]!), {
    "primary": "203.0.113.1:40000",
    "alternate-port": "203.0.113.1:5000",
    "alternate-address": "203.0.113.2:40000",
    "alternate-both": "203.0.113.2:5000",
  });
});

Deno.test("openListeners() knows no address of a socket on every address", () => {
  const host = new FakeHost();
  const groups = open(host, {}, [BOTH]);
  assertEquals(groups.map((group) => group.map(describe)), [[
    "udp primary on [::]:3478 known as nothing",
    "tcp primary on [::]:3478 known as nothing",
  ]]);
  assertEquals(groups.flat().every((one) => !("address" in one) && !("group" in one)), true);
});

Deno.test("openListeners() gives UDP and TCP one port, the same on both addresses of a group", () => {
  const host = new FakeHost();
  const options = { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.2"] };
  const [group = []] = open(host, options, [{ ...BOTH, port: 0 }]);
  assertEquals(group.map(({ socket }) => formatSocketAddress(socket.localAddress)), [
    "192.0.2.1:40000",
    "192.0.2.1:40000",
    "192.0.2.1:40001",
    "192.0.2.1:40001",
    "192.0.2.2:40000",
    "192.0.2.2:40000",
    "192.0.2.2:40001",
    "192.0.2.2:40001",
  ]);
});

Deno.test("openListeners() lets the system choose again when its choice is taken elsewhere", () => {
  const host = new FakeHost(["tcp 192.0.2.1:40000", "udp 192.0.2.2:40002"]);
  const options = { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.2"] };
  const [group = []] = open(host, options, [{ ...BOTH, port: 0 }]);
  assertEquals(
    [...new Set(group.map(({ socket }) => socket.localAddress.port))],
    // 40000 is taken for TCP; 40001 and 40002 were tried together; 40003 and 40004 are free
    [40003, 40004],
  );
  assertEquals(host.opened, 8);
});

Deno.test("openListeners() gives up when no choice of the system can be used", () => {
  const host = new FakeHost();
  const options: ListenPlanOptions = {
    hostnames: ["192.0.2.1"],
    alternateHostnames: ["192.0.2.2"],
  };
  host.taken = (place) => place.startsWith("tcp 192.0.2.2");
  assertEquals(refusal(() => open(host, options, [{ ...BOTH, port: 0 }])), "address-in-use");
  assertEquals([host.opened, host.attempts], [0, 20 * 6]);
});

const FOUR = { hostnames: ["192.0.2.1"], alternateHostnames: ["192.0.2.2"] };
const TWO = { hostnames: ["192.0.2.1", "2001:db8::1"] };
for (
  const [options, taken] of [
    [{}, "tcp [::]:3478"],
    [TWO, "udp 192.0.2.1:3478"],
    [TWO, "tcp [2001:db8::1]:3478"],
    [FOUR, "tcp 192.0.2.1:3479"],
    [FOUR, "tcp 192.0.2.2:3479"],
  ] as const
) {
  Deno.test(`openListeners() leaves nothing open, and tries once, when ${taken} is taken`, () => {
    const host = new FakeHost([taken]);
    assertEquals(refusal(() => open(host, options, [BOTH])), "address-in-use");
    assertEquals([host.opened, host.places.at(-1)], [0, taken]);
  });
}

for (const code of ["unsupported", "address-not-available"] as const) {
  Deno.test(`openListeners() takes every IPv4 address when :: is ${code}`, () => {
    const host = new FakeHost();
    host.failure = (place) => place.includes("[::]") ? code : undefined;
    assertEquals(open(host, {}, [BOTH]).map((group) => group.map(describe)), [[
      "udp primary on 0.0.0.0:3478 known as nothing",
      "tcp primary on 0.0.0.0:3478 known as nothing",
    ]]);
    assertEquals(host.opened, 2);
  });
}

Deno.test("openListeners() leaves nothing of :: open when it falls back halfway", () => {
  const host = new FakeHost();
  host.failure = (place) => place === "tcp [::]:3478" ? "unsupported" : undefined;
  assertEquals(open(host, {}, [BOTH]).flat().map(describe), [
    "udp primary on 0.0.0.0:3478 known as nothing",
    "tcp primary on 0.0.0.0:3478 known as nothing",
  ]);
  assertEquals(host.opened, 2);
});

Deno.test("openListeners() does not fall back when :: was asked for, nor for another failure", () => {
  const cases: [ListenPlanOptions, ListenErrorCode][] = [
    [{ hostnames: ["::"] }, "unsupported"],
    [{}, "address-in-use"],
    [{}, "permission-denied"],
    [{}, "other"],
  ];
  for (const [options, code] of cases) {
    const host = new FakeHost();
    host.failure = () => code;
    assertEquals(refusal(() => open(host, options, [BOTH])), code);
    assertEquals(host.places, ["udp [::]:3478"]);
  }
});

Deno.test("openListeners() tells of the second failure when there is no IPv4 either", () => {
  const host = new FakeHost();
  host.failure = () => "unsupported";
  assertEquals(refusal(() => open(host, {}, [BOTH])), "unsupported");
  assertEquals(host.places, ["udp [::]:3478", "udp 0.0.0.0:3478"]);
});

leakTest("openListeners() opens real sockets: two ports on each of two addresses", () => {
  const groups = openListeners({
    addresses: planListeners({ hostnames: ["127.0.0.1"], alternateHostnames: ["127.0.0.2"] }),
    services: [{ ...BOTH, port: 0 }],
    open: openPlain,
  });
  try {
    const sockets = groups.flat().map(({ transport, role, socket }) => {
      const kind = role.endsWith("port") || role.endsWith("both") ? "second" : "first";
      return [transport, kind, socket.localAddress] as const;
    });
    const ports = (wanted: string) =>
      new Set(sockets.filter(([, kind]) => kind === wanted).map(([, , { port }]) => port));
    const [first, ...others] = ports("first");
    const [second, ...more] = ports("second");
    assertEquals([others, more, first === second], [[], [], false]);
    assertEquals(
      sockets.map(([transport, , { ip, port }]) => `${transport} ${ip.join(".")}:${port}`),
      [
        `udp 127.0.0.1:${first}`,
        `tcp 127.0.0.1:${first}`,
        `udp 127.0.0.1:${second}`,
        `tcp 127.0.0.1:${second}`,
        `udp 127.0.0.2:${first}`,
        `tcp 127.0.0.2:${first}`,
        `udp 127.0.0.2:${second}`,
        `tcp 127.0.0.2:${second}`,
      ],
    );
  } finally {
    for (const { socket } of groups.flat()) socket.close();
  }
});

leakTest("openListeners() leaves no real socket open when the last one is taken", () => {
  const port = freePort();
  const alternatePort = freePort();
  using _taken = Deno.listen({ hostname: "127.0.0.2", port: alternatePort });
  const error = assertThrows(() =>
    openListeners({
      addresses: planListeners({ hostnames: ["127.0.0.1"], alternateHostnames: ["127.0.0.2"] }),
      services: [{ ...BOTH, port, alternatePort }],
      open: openPlain,
    }), ListenError);
  assertEquals(
    error.message,
    `Cannot listen on tcp 127.0.0.2:${alternatePort}: the address is in use by another program`,
  );
});

/** A host on which no port is really opened. The system chooses 40000, 40001 … */
class FakeHost {
  /** What was tried, in order. */
  readonly places: string[] = [];
  /** How many sockets are open. */
  opened = 0;
  failure: (place: string) => ListenErrorCode | undefined = () => undefined;
  taken: (place: string) => boolean;
  #nextPort = 40_000;

  constructor(taken: readonly string[] = []) {
    this.taken = (place) => taken.includes(place);
  }

  /** How many times something was tried. */
  get attempts(): number {
    return this.places.length;
  }

  readonly open: OpenSocket = (transport, { ip, port }) => {
    const address = socketAddress(ip, port === 0 ? this.#nextPort++ : port);
    const place = `${transport} ${formatSocketAddress(address)}`;
    this.places.push(place);
    const code = this.taken(place) ? "address-in-use" : this.failure(place);
    if (code !== undefined) {
      throw new ListenError("as the test wants", { code, address, transport });
    }
    this.opened++;
    return this.#socket(transport, address);
  };

  #socket(
    transport: TransportProtocol,
    localAddress: SocketAddress,
  ): DatagramTransport | StreamListener {
    const close = () => void this.opened--;
    if (transport !== "udp") {
      return { localAddress, close, accept: () => Promise.resolve(undefined) };
    }
    return {
      localAddress,
      close,
      io: "deno",
      sendFailures: 0,
      receive: () => Promise.resolve([]),
      send: () => Promise.resolve(),
    };
  }
}

function open(
  host: FakeHost,
  options: ListenPlanOptions,
  services: readonly ServicePorts[],
): readonly (readonly Listener[])[] {
  return openListeners({ addresses: planListeners(options), services, open: host.open });
}

const openPlain: OpenSocket = (transport, address) =>
  transport === "udp" ? openDenoDatagram(address) : listenTcp(address);

function refusal(attempt: () => unknown): ListenErrorCode {
  return assertThrows(attempt, ListenError).code;
}

function describe({ transport, role, address, socket }: Listener): string {
  const known = address === undefined ? "nothing" : formatSocketAddress(address);
  return `${transport} ${role} on ${formatSocketAddress(socket.localAddress)} known as ${known}`;
}

function groupOf({ group }: Listener): Record<string, string> {
  return Object.fromEntries(
    Object.entries(group ?? {}).map(([role, address]) => [role, formatSocketAddress(address)]),
  );
}
