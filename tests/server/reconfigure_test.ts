import { assertEquals, assertThrows } from "@std/assert";
import type { Authenticator, IpPrefix } from "../../lib/protocol/mod.ts";
import { type ServerPolicy, StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { encodeUtf8, formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { outcomes, raw, request } from "../protocol/binding_cases.ts";
import { leakTest } from "../support/leak_test.ts";
import { memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { type Heard, TcpClient, UdpClient, until } from "./loopback_client.ts";

const LOOPBACK: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };

/** Refuses everybody. */
const NOBODY: Authenticator = {
  authenticate: () => ({ kind: "unauthenticated", code: 401, attributes: [], seals: {} }),
};

interface PolicyCase {
  /** Completes "StunServer.reconfigure() changes … under held connections and sockets". */
  readonly what: string;
  readonly before: ServerPolicy;
  readonly after: ServerPolicy;
  /** What a request is answered, before and after. */
  readonly answers: readonly [string, string];
}

const DIAL_BACK = request([raw(0xc0d1, "00000000" + "0102030405060708")]);

const CASES: readonly PolicyCase[] = [
  {
    what: "SOFTWARE",
    before: { software: "Before" },
    after: { software: "After" },
    answers: ["success Before", "success After"],
  },
  {
    what: "SOFTWARE, which goes when it is not named again,",
    before: { software: "Before" },
    after: {},
    answers: ["success Before", "success"],
  },
  {
    what: "who may ask",
    before: {},
    after: { authenticator: NOBODY },
    answers: ["success", "error 401"],
  },
  {
    what: "who may ask, back to everyone,",
    before: { authenticator: NOBODY },
    after: {},
    answers: ["error 401", "success"],
  },
];

for (const { what, before, after, answers } of CASES) {
  leakTest(
    `StunServer.reconfigure() changes ${what} under held connections and sockets`,
    async () => {
      await using server = new StunServer({ ...LOOPBACK, ...before });
      const [udp, tcp] = start(server);
      using socket = new UdpClient();
      await using held = await TcpClient.connect(tcp);
      const ask = async () => [
        brief(await socket.ask(request(), udp)),
        brief(await held.ask(request())),
      ];
      assertEquals(await ask(), [answers[0], answers[0]]);
      server.reconfigure(after);
      assertEquals(await ask(), [answers[1], answers[1]]);
      assertEquals(server.connections, 1);
    },
  );
}

leakTest(
  "StunServer.reconfigure() switches dial-backs off and on for held connections",
  async () => {
    await using server = new StunServer(LOOPBACK);
    await using held = await TcpClient.connect(start(server)[1]);
    const ask = async () => {
      const { attributes } = await held.ask(DIAL_BACK);
      return (attributes["DIAL-BACK-RESULT"] as { outcome: string }).outcome;
    };
    assertEquals(await ask(), "refused");
    server.reconfigure({ dialBack: false });
    assertEquals(await ask(), "unsupported");
    server.reconfigure({});
    assertEquals(await ask(), "refused");
    assertEquals(server.snapshot().dialBacks, { refused: 2, unsupported: 1 });
  },
);

leakTest("StunServer.reconfigure() limits the rate of held connections and sockets", async () => {
  const clock = new VirtualClock();
  await using server = new StunServer({ ...LOOPBACK, clock });
  const [udp, tcp] = start(server);
  using socket = new UdpClient();
  await using held = await TcpClient.connect(tcp);
  for (let i = 0; i < 3; i++) await held.ask(request());
  server.reconfigure({ rateLimit: { ratePerSecond: 1, burst: 2 } });
  await held.ask(request());
  await socket.ask(request(), udp);
  held.send(request());
  await socket.send(request(), udp);
  await until(() => server.statistics!.total("drop-rate-limited") === 2);
  clock.advance(1000);
  assertEquals(brief(await held.ask(request())), "success");
  server.reconfigure({
    rateLimit: { ratePerSecond: 1, burst: 1, exempt: [{ ip: udp.ip, bits: 32 }] },
  });
  for (let i = 0; i < 3; i++) assertEquals(brief(await held.ask(request())), "success");
  assertEquals(server.statistics!.total("drop-rate-limited"), 2);
});

leakTest(
  "StunServer.reconfigure() lowers the caps for those who come, not for those who are there",
  async () => {
    const logger = memoryLogger();
    await using server = new StunServer({ ...LOOPBACK, logger });
    const [, tcp] = start(server);
    await using first = await TcpClient.connect(tcp);
    await using second = await TcpClient.connect(tcp);
    await Promise.all([first.ask(request()), second.ask(request())]);
    for (const policy of [{ maxConnections: 1 }, { maxConnectionsPerAddress: 2 }]) {
      server.reconfigure(policy);
      await using refused = await TcpClient.connect(tcp);
      assertEquals(await refused.end(), []);
    }
    server.reconfigure({ maxConnections: 3 });
    await using third = await TcpClient.connect(tcp);
    for (const held of [first, second, third]) {
      assertEquals(brief(await held.ask(request())), "success");
    }
    assertEquals(logger.lines.filter(([level]) => level !== "info"), [
      ["warn", "connection refused: too many connections", { limit: 1 }],
      ["warn", "connection refused: too many connections of one address", { limit: 2 }],
    ]);
  },
);

leakTest("StunServer.reconfigure() gives new connections the new idle timeout", async () => {
  const clock = new VirtualClock();
  await using server = new StunServer({ ...LOOPBACK, clock, idleTimeoutMs: 60_000 });
  const [, tcp] = start(server);
  await using old = await TcpClient.connect(tcp);
  await old.ask(request());
  server.reconfigure({ idleTimeoutMs: 5000 });
  await using young = await TcpClient.connect(tcp);
  await young.ask(request());
  clock.advance(5000);
  assertEquals(await young.end(), []);
  assertEquals(brief(await old.ask(request())), "success");
});

leakTest(
  "StunServer.reconfigure() believes other balancers from the next connection on",
  async () => {
    const proxies: IpPrefix[] = [{ ip: Uint8Array.of(127, 0, 0, 1), bits: 32 }];
    await using server = new StunServer(LOOPBACK);
    const [, tcp] = start(server);
    const header = encodeUtf8("PROXY TCP4 192.0.2.1 198.51.100.1 32853 3478\r\n");
    await using before = await TcpClient.connect(tcp);
    await before.ask(request());
    server.reconfigure({ proxies });
    await using after = await TcpClient.connect(tcp);
    const answer = await after.ask(header, request());
    assertEquals(answer.attributes["XOR-MAPPED-ADDRESS"], "192.0.2.1:32853");
    server.reconfigure({});
    // What a connection was taken for stays true
    for (
      const [held, address] of [[before, formatSocketAddress(before.address)], [
        after,
        "192.0.2.1:32853",
      ]] as const
    ) {
      assertEquals((await held.ask(request())).attributes["XOR-MAPPED-ADDRESS"], address);
    }
    await using stranger = await TcpClient.connect(tcp);
    stranger.send(header, request());
    assertEquals(await stranger.end(), []);
  },
);

leakTest("StunServer.reconfigure() goes on counting", async () => {
  await using server = new StunServer(LOOPBACK);
  const [udp, tcp] = start(server);
  using socket = new UdpClient();
  await using held = await TcpClient.connect(tcp);
  for (const policy of [{}, { software: "Pinhole" }, { authenticator: NOBODY }]) {
    server.reconfigure(policy);
    await socket.ask(request(), udp);
    await held.ask(request());
  }
  assertEquals(outcomes({ statistics: server.statistics! }), [
    "udp 4 success 2",
    "udp 4 error-401 1",
    "tcp 4 success 2",
    "tcp 4 error-401 1",
  ]);
  const { transports, dialBacks } = server.snapshot();
  // 32 bytes each, SOFTWARE of 12 bytes once; 401 without words (28 bytes) over UDP, with over TCP
  assertEquals([...transports], [
    { transport: "udp", receivedBytes: 60, sentBytes: 32 + 44 + 28 },
    { transport: "tcp", receivedBytes: 60, sentBytes: 32 + 44 + 44, openConnections: 1 },
  ]);
  assertEquals(dialBacks, {});
});

const BAD: readonly (readonly [ServerPolicy, string])[] = [
  [{ maxConnections: 0 }, "Cannot make a server: maxConnections is 0, wanted more than 0"],
  [
    { maxConnectionsPerAddress: -1 },
    "Cannot make a server: maxConnectionsPerAddress is -1, wanted more than 0",
  ],
  [{ idleTimeoutMs: NaN }, "Cannot make a server: idleTimeoutMs is NaN, wanted more than 0"],
  [
    { software: "x".repeat(128), maxConnections: 1 },
    "Cannot write SOFTWARE: text has 128 characters, the most is 127",
  ],
  [
    { software: "After", rateLimit: { ratePerSecond: 0, burst: 1 } },
    "Cannot make a rate limiter: the rate is 0 per second, wanted more than 0",
  ],
];
for (const [policy, message] of BAD) {
  leakTest(
    `StunServer.reconfigure() changes nothing when ${
      JSON.stringify(policy).slice(0, 60)
    } is refused`,
    async () => {
      const bad = { authenticator: NOBODY, ...policy };
      await using server = new StunServer({ ...LOOPBACK, software: "Before", maxConnections: 2 });
      // Not before the start either
      assertEquals(assertThrows(() => server.reconfigure(bad), RangeError).message, message);
      const [udp, tcp] = start(server);
      using socket = new UdpClient();
      await using held = await TcpClient.connect(tcp);
      await held.ask(request());
      assertEquals(assertThrows(() => server.reconfigure(bad), RangeError).message, message);
      assertEquals(brief(await socket.ask(request(), udp)), "success Before");
      assertEquals(brief(await held.ask(request())), "success Before");
      await using second = await TcpClient.connect(tcp);
      assertEquals(brief(await second.ask(request())), "success Before");
      await using third = await TcpClient.connect(tcp);
      assertEquals(await third.end(), []);
    },
  );
}

leakTest("StunServer.reconfigure() before the start is what the server starts with", async () => {
  await using server = new StunServer({ ...LOOPBACK, software: "Before" });
  server.reconfigure({ software: "After", maxConnections: 1 });
  const [udp, tcp] = start(server);
  using socket = new UdpClient();
  assertEquals(brief(await socket.ask(request(), udp)), "success After");
  await using held = await TcpClient.connect(tcp);
  assertEquals(brief(await held.ask(request())), "success After");
  await using refused = await TcpClient.connect(tcp);
  assertEquals(await refused.end(), []);
});

leakTest(
  "StunServer.snapshot() counts bytes, outcomes and open connections per transport",
  async () => {
    await using server = new StunServer(LOOPBACK);
    assertEquals(server.snapshot(), {
      outcomes: [],
      transports: [],
      dialBacks: {},
      refusedConnections: 0,
    });
    const [udp, tcp] = start(server);
    using socket = new UdpClient();
    // 1 byte that is no STUN, 20 bytes of an indication, 20 of a request
    await socket.send(Uint8Array.of(0xff), udp);
    await socket.send(request([], { class: "indication" }), udp);
    await socket.ask(request(), udp);
    await using first = await TcpClient.connect(tcp);
    {
      await using second = await TcpClient.connect(tcp);
      await second.ask(request([raw(0x7001)]));
      await first.ask(request());
      assertEquals(server.connections, 2);
    }
    await until(() => server.connections === 1);
    const { outcomes: counted, transports } = server.snapshot();
    assertEquals([...counted].map((one) => `${one.transport} ${one.outcome} ${one.count}`), [
      "udp success 1",
      "udp drop-not-stun 1",
      "udp drop-not-a-request 1",
      "tcp success 1",
      "tcp error-420 1",
    ]);
    assertEquals([...transports], [
      { transport: "udp", receivedBytes: 41, sentBytes: 32 },
      { transport: "tcp", receivedBytes: 44, sentBytes: 32 + 56, openConnections: 1 },
    ]);
  },
);

/** The addresses of UDP and TCP. */
function start(server: StunServer): [udp: SocketAddress, tcp: SocketAddress] {
  const [udp, tcp] = server.start();
  return [udp!.address, tcp!.address];
}

function brief({ kind, attributes }: Heard): string {
  const software = attributes["SOFTWARE"];
  return software === undefined ? kind : `${kind} ${software}`;
}
