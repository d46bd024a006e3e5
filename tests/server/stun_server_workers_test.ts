import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Authenticator,
  type EndpointRole,
  LongTermAuthenticator,
  ShortTermAuthenticator,
} from "../../lib/protocol/mod.ts";
import {
  StunServer,
  type StunServerListener,
  type StunServerOptions,
} from "../../lib/server/mod.ts";
import { chooseDatagramIo, ListenError } from "../../lib/transport/mod.ts";
import { attribute, formatSocketAddress, shortTermKey, USERNAME } from "../../lib/wire/mod.ts";
import { outcomes, raw, request } from "../protocol/binding_cases.ts";
import { askTcp } from "../support/binding_request.ts";
import { leakTest } from "../support/leak_test.ts";
import { memoryLogger } from "../support/memory_logger.ts";
import { whyNoLibc } from "../support/skipped.ts";
import { TcpClient, UdpClient, until } from "./loopback_client.ts";

/** By chance they all fall to one of two workers once in 2^39 runs. */
const CLIENTS = 40;

const PLACES = [
  { bound: "127.0.0.1", client: "127.0.0.1", bytes: 32 },
  { bound: "::1", client: "::1", bytes: 44 },
  { bound: "::", client: "127.0.0.1", bytes: 32 },
];
for (const { bound, client, bytes } of PLACES) {
  test(`StunServer with workers on ${bound} answers many ports of ${client}, and counts all`, async () => {
    await using server = await serve({ hostnames: [bound] });
    const { port } = server.listeners[0]!.address;
    const target = { ip: client === "::1" ? LOOPBACK_IPV6 : LOOPBACK, port };
    using clients = manyClients(client);
    const answers = await Promise.all(clients.all.map((one) => one.ask(request(), target)));
    assertEquals(
      answers.map(({ kind, attributes }) => [kind, attributes["XOR-MAPPED-ADDRESS"]]),
      clients.all.map(({ address }) => ["success", address]),
    );
    await askTcp({ hostname: client, port });
    assertEquals(outcomes({ statistics: server.statistics! }).sort(), [
      `tcp ${client === "::1" ? 6 : 4} success 1`,
      `udp ${client === "::1" ? 6 : 4} success ${CLIENTS}`,
    ]);
    await until(() => server.connections === 0);
    const { outcomes: counts, transports } = server.snapshot();
    assertEquals([...counts].length, 2);
    assertEquals([...transports], [
      { transport: "udp", receivedBytes: 20 * CLIENTS, sentBytes: bytes * CLIENTS },
      { transport: "tcp", receivedBytes: 20, sentBytes: bytes, openConnections: 0 },
    ]);
  });
}

test("StunServer with workers says so of its sockets", async () => {
  const logger = memoryLogger();
  await using server = await serve({ logger });
  const lines = server.listeners.map(({ transport, address, io }) => [
    "info",
    "listening",
    {
      transport,
      address: formatSocketAddress(address),
      io,
      ...transport === "udp" ? { workers: 2 } : {},
    },
  ]);
  assertEquals<unknown>(logger.lines, lines);
  assertEquals(server.listeners.map(({ io }) => io), ["batched", "deno"]);
});

test("StunServer with workers answers from the socket that the client asked for, in every role", async () => {
  await using server = await serve({ alternateHostnames: ["127.0.0.2"], transports: ["udp"] });
  const sockets = Object.fromEntries(
    server.listeners.map(({ role, address }) => [role, address]),
  ) as Record<EndpointRole, StunServerListener["address"]>;
  // Each client has both workers in reach: a socket of its own for each of the four
  using clients = manyClients("127.0.0.1");
  for (const role of ROLES) {
    for (const [change, from] of Object.entries(FROM[role])) {
      const bytes = request([raw(0x0003, change)]);
      const answers = await Promise.all(clients.all.map((one) => one.ask(bytes, sockets[role])));
      assertEquals(
        answers.map((answer) => [
          answer.from,
          answer.attributes["XOR-MAPPED-ADDRESS"],
          answer.attributes["RESPONSE-ORIGIN"],
        ]),
        clients.all.map(({ address }) => {
          const origin = formatSocketAddress(sockets[from]);
          return [origin, address, origin];
        }),
      );
    }
  }
});

test("StunServer with workers limits a source of many ports as if there were one thread", async () => {
  const burst = 100;
  await using server = await serve({ rateLimit: { ratePerSecond: 1, burst } });
  using clients = manyClients("127.0.0.1");
  const rounds = 10;
  for (let round = 0; round < rounds; round++) {
    await Promise.all(clients.all.map((one) => one.send(request(), server.listeners[0]!.address)));
  }
  const total = (outcome: "success" | "drop-rate-limited") => server.statistics!.total(outcome);
  const sent = CLIENTS * rounds;
  await until(() => total("success") + total("drop-rate-limited") === sent);
  // A limit for each of the two would let twice as many through
  const answered = total("success");
  assert(answered >= burst && answered < 1.5 * burst, `${answered} of ${sent} were answered`);
});

test("StunServer.reconfigure() reaches every worker, and what was counted stays counted", async () => {
  await using server = await serve({ software: "Before" });
  const { address } = server.listeners[0]!;
  using clients = manyClients("127.0.0.1");
  const heard = async () => {
    const answers = await Promise.all(clients.all.map((one) => one.ask(request(), address)));
    return new Set(answers.map(({ kind, attributes }) => `${kind} ${attributes["SOFTWARE"]}`));
  };
  assertEquals([...await heard()], ["success Before"]);
  let asked = CLIENTS;
  const authenticator = new ShortTermAuthenticator({
    users: [{ username: "alice", password: "secret" }],
  });
  const after = [{ software: "After" }, { software: "Later", authenticator }, {}];
  const wanted = ["success After", "error 400 Later", "success undefined"];
  for (const [i, policy] of after.entries()) {
    server.reconfigure(policy);
    for (let found = new Set<string>(); found.size !== 1 || !found.has(wanted[i]!);) {
      found = await heard();
      asked += CLIENTS;
    }
  }
  const { statistics } = server;
  assertEquals(statistics!.total("success") + statistics!.total("error-400"), asked);
});

test("StunServer with workers knows users, and protects its answers", async () => {
  const users = [{ username: "alice", password: "secret" }];
  await using server = await serve({ authenticator: new ShortTermAuthenticator({ users }) });
  using clients = manyClients("127.0.0.1");
  const ask = async (password: string) => {
    const bytes = request([attribute(USERNAME, "alice")], { integrity: shortTermKey(password) });
    const answers = await Promise.all(
      clients.all.map((one) => one.ask(bytes, server.listeners[0]!.address)),
    );
    return new Set(
      answers.map(({ kind, attributes }) => `${kind} ${"MESSAGE-INTEGRITY" in attributes}`),
    );
  };
  assertEquals([...await ask("secret")], ["success true"]);
  assertEquals([...await ask("Secret")], ["error 401 false"]);
});

test("StunServer with workers finds a port in use by another server with workers", async () => {
  await using server = await serve({ transports: ["udp"] });
  const { port } = server.listeners[0]!.address;
  const error = await assertRejects(() => serve({ port, transports: ["udp"] }), ListenError);
  assertEquals(error.code, "address-in-use");
});

test("StunServer.close() frees the ports of its workers, twice in a row", async () => {
  const server = await serve({ transports: ["udp"] });
  const { port } = server.listeners[0]!.address;
  await Promise.all([server.close(), server.close()]);
  await using again = await serve({ port, transports: ["udp"] });
  assertEquals(again.listeners[0]!.address.port, port);
});

test("StunServer with workers for TCP alone has none", async () => {
  await using server = await serve({ transports: ["tcp"] });
  await using client = await TcpClient.connect(server.listeners[0]!.address);
  assertEquals((await client.ask(request())).kind, "success");
});

Deno.test("new StunServer() refuses workers that it cannot have", async () => {
  const io = { ...await chooseDatagramIo("deno"), sharing: { bind: never, adopt: never } };
  const authenticator: Authenticator = {
    authenticate: () => ({ kind: "authenticated", seals: {} }),
  };
  const cases: readonly (readonly [StunServerOptions, string])[] = [
    [{ workers: 0 }, "Cannot make a server: workers is 0, wanted a whole number of 1 to 64"],
    [{ workers: 65 }, "Cannot make a server: workers is 65, wanted a whole number of 1 to 64"],
    [{ workers: 1.5 }, "Cannot make a server: workers is 1.5, wanted a whole number of 1 to 64"],
    [{ workers: 2 }, "Cannot make a server: workers is 2, which goes with UDP in batches"],
    [{ workers: 2, datagramIo: io, authenticator }, "Cannot answer on several threads: "],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => new StunServer(options), RangeError, message);
  }
  const server = new StunServer({ workers: 2, datagramIo: io });
  assertThrows(() => server.reconfigure({ authenticator }), RangeError, "Cannot answer on several");
  server.reconfigure({
    authenticator: new LongTermAuthenticator({
      realm: "r",
      authSecret: "s",
      nonceSecret: new Uint8Array(16),
    }),
  });
});

function never(): never {
  throw new Error("Cannot be called");
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_IPV6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ROLES = ["primary", "alternate-port", "alternate-address", "alternate-both"] as const;
// By hand, from RFC 5780 section 6.1's table: the flags of CHANGE-REQUEST, and who answers
const FROM = {
  "primary": {
    "00000000": "primary",
    "00000002": "alternate-port",
    "00000004": "alternate-address",
    "00000006": "alternate-both",
  },
  "alternate-port": { "00000002": "primary", "00000004": "alternate-both" },
  "alternate-address": { "00000002": "alternate-both", "00000006": "alternate-port" },
  "alternate-both": { "00000004": "alternate-port", "00000006": "primary" },
} as const;

type RunningServer = StunServer & { readonly listeners: readonly StunServerListener[] };

/** A server with two workers, which answer already. */
async function serve(options: StunServerOptions): Promise<RunningServer> {
  const server = new StunServer({
    hostnames: ["127.0.0.1"],
    port: 0,
    datagramIo: await chooseDatagramIo("batched"),
    workers: 2,
    ...options,
  });
  const listeners = server.start();
  await server.serving();
  return Object.assign(server, { listeners });
}

function manyClients(hostname: string): { readonly all: readonly UdpClient[] } & Disposable {
  const all = Array.from({ length: CLIENTS }, () => new UdpClient(hostname));
  return {
    all,
    [Symbol.dispose]: () => {
      for (const one of all) one[Symbol.dispose]();
    },
  };
}

/** Where there is no C library to call, there is nothing to test. */
function test(name: string, fn: () => Promise<void>): void {
  leakTest(name, fn, whyNoLibc());
}
