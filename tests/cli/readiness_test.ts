import { assertEquals } from "@std/assert";
import { checkReadiness } from "../../lib/cli/readiness.ts";
import { LongTermAuthenticator, ShortTermAuthenticator } from "../../lib/protocol/mod.ts";
import {
  StunServer,
  type StunServerListener,
  type StunServerOptions,
} from "../../lib/server/mod.ts";
import { formatSocketAddress, socketAddress } from "../../lib/wire/mod.ts";
import { SERVER } from "../support/certificate.ts";
import { leakTest } from "../support/leak_test.ts";

const LOOPBACK: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };
const users = [{ username: "alice", password: "secret" }];

const READY: readonly (readonly [what: string, options: StunServerOptions])[] = [
  ["answers everybody", LOOPBACK],
  ["wants short-term credentials", {
    ...LOOPBACK,
    authenticator: new ShortTermAuthenticator({ users }),
  }],
  ["wants long-term credentials", {
    ...LOOPBACK,
    authenticator: new LongTermAuthenticator({
      ...{ realm: "example.org", users },
      nonceSecret: new Uint8Array(16),
    }),
  }],
  ["is on IPv6", { ...LOOPBACK, hostnames: ["::1"] }],
  ["is on every IPv4 address", { ...LOOPBACK, hostnames: ["0.0.0.0"] }],
  ["is on every address", { ...LOOPBACK, hostnames: ["::"] }],
  ["has the four roles of RFC 5780", {
    ...LOOPBACK,
    alternateHostnames: ["127.0.0.2"],
    alternatePort: 0,
  }],
  ["tells another address than its own", { ...LOOPBACK, advertise: ["192.0.2.1"] }],
];
for (const [what, options] of READY) {
  leakTest(`checkReadiness() finds a server ready that ${what}`, async () => {
    await using server = new StunServer(options);
    const listeners = server.start();
    assertEquals(await checkReadiness(listeners, []), {
      ready: true,
      detail: listeners.map((listener) => `${nameOf(listener)}: answers`),
    });
  });
}

leakTest("checkReadiness() skips TLS, whose certificate is for others", async () => {
  await using server = new StunServer({ ...LOOPBACK, tls: { ...SERVER, port: 0 } });
  const listeners = server.start();
  const [udp, tcp, tls] = listeners.map(nameOf);
  assertEquals(await checkReadiness(listeners, []), {
    ready: true,
    detail: [
      `${udp}: answers`,
      `${tcp}: answers`,
      `${tls}: skipped, the certificate is for others`,
    ],
  });
});

leakTest("checkReadiness() skips TCP where this host is taken for a balancer", async () => {
  await using server = new StunServer({
    ...LOOPBACK,
    proxies: [{ ip: Uint8Array.of(127, 0, 0, 0), bits: 8 }],
  });
  const listeners = server.start();
  const [udp, tcp] = listeners.map(nameOf);
  for (const proxies of [["127.0.0.0/8"], ["10.0.0.0/8", "127.0.0.1/32"]]) {
    assertEquals(await checkReadiness(listeners, proxies), {
      ready: true,
      detail: [`${udp}: answers`, `${tcp}: skipped, wants a PROXY header`],
    });
  }
});

leakTest("checkReadiness() asks over TCP where the balancers are others", async () => {
  await using server = new StunServer(LOOPBACK);
  const listeners = server.start();
  const { ready, detail } = await checkReadiness(listeners, ["10.0.0.0/8", "::1/128"]);
  assertEquals([ready, detail], [true, listeners.map((one) => `${nameOf(one)}: answers`)]);
});

leakTest("checkReadiness() finds a server not ready when a socket is not served", async () => {
  await using server = new StunServer(LOOPBACK);
  const [served] = server.start();
  // Bound, as the sockets of a server that hangs are, and never read
  const udp = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  closed.close();
  const hanging = [
    listener("udp", udp.addr as Deno.NetAddr),
    listener("tcp", tcp.addr),
    listener("tcp", closed.addr),
  ];
  assertEquals(await checkReadiness([served!, ...hanging], []), {
    ready: false,
    detail: [
      `${nameOf(served!)}: answers`,
      `${nameOf(hanging[0]!)}: timed-out`,
      `${nameOf(hanging[1]!)}: timed-out`,
      `${nameOf(hanging[2]!)}: refused`,
    ],
  });
  udp.close();
  tcp.close();
});

leakTest("checkReadiness() finds a server not ready that has been closed", async () => {
  const server = new StunServer({ ...LOOPBACK, transports: ["tcp"] });
  const listeners = server.start();
  await server.close();
  assertEquals(await checkReadiness(listeners, []), {
    ready: false,
    detail: [`${nameOf(listeners[0]!)}: refused`],
  });
});

leakTest("checkReadiness() finds a server not ready whose connections are all taken", async () => {
  await using server = new StunServer({ ...LOOPBACK, maxConnections: 1 });
  const listeners = server.start();
  const [udp, tcp] = listeners.map(nameOf);
  const { port } = listeners[1]!.address;
  {
    using held = await Deno.connect({ hostname: "127.0.0.1", port });
    assertEquals(await checkReadiness(listeners, []), {
      ready: false,
      detail: [`${udp}: answers`, `${tcp}: closed`],
    });
    void held;
  }
});

function nameOf({ transport, address }: StunServerListener): string {
  return `${transport} ${formatSocketAddress(address)}`;
}

function listener(
  transport: "udp" | "tcp",
  { port }: Deno.NetAddr,
): StunServerListener {
  const address = socketAddress(Uint8Array.of(127, 0, 0, 1), port);
  return { transport, address, role: "primary", io: "deno" };
}
