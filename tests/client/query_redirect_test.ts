// 300 (Try Alternate): RFC 8489 section 10.

import { assertEquals, assertRejects } from "@std/assert";
import { query, QueryError, type QueryOptions } from "../../lib/client/mod.ts";
import { LongTermAuthenticator, STUN_ALPN } from "../../lib/protocol/mod.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { listenTls } from "../../lib/transport/mod.ts";
import {
  ALTERNATE_DOMAIN,
  ALTERNATE_SERVER,
  attribute,
  encodeMessage,
  ERROR_CODE,
  longTermKey,
  NONCE,
  parseSocketAddress,
  type RawAttribute,
  REALM,
  type SocketAddress,
  type StunMessage,
  type WritableAttribute,
} from "../../lib/wire/mod.ts";
import { readMessage } from "../support/binding_request.ts";
import { AUTHORITY, SERVER } from "../support/certificate.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { answerTo, ScriptedTcpServer, ScriptedUdpServer } from "./scripted_server.ts";

const ALICE = { username: "alice", password: "secret" } as const;
const REALM_NAME = "example.org";
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

leakTest("query() follows a redirection over UDP, and says who sent it there", async () => {
  await using alternate = start();
  using server = new ScriptedUdpServer();
  const { answered } = await redirected(server, [to(alternate.address)]);
  const result = await answered;
  assertEquals(result.server, alternate.address);
  assertEquals(result.redirectedFrom, { ip: LOOPBACK, port: server.port });
  assertEquals([result.transport, result.nat, result.attempts], ["udp", false, 1]);
});

leakTest("query() follows a redirection over TCP, on a connection of its own", async () => {
  await using alternate = start();
  using server = new ScriptedTcpServer();
  const answered = query(server.uri, { transport: "tcp", clock: new VirtualClock() });
  const connection = await server.accept();
  const transactionId = (await readMessage(connection)).subarray(8);
  await connection.write(tryAlternate({ transactionId }, [to(alternate.address)]).slice());
  assertEquals((await answered).server, alternate.address);
  assertEquals(await connection.read(new Uint8Array(1)), null, "the first is closed");
  connection.close();
});

leakTest("query() uses its credentials at the other server too", async () => {
  const authenticator = new LongTermAuthenticator({
    realm: "example.net",
    users: [ALICE],
    nonceSecret: new Uint8Array(16),
  });
  await using alternate = start({ authenticator });
  using server = new ScriptedUdpServer();
  const answered = query(server.uri, { credentials: ALICE, clock: new VirtualClock() });
  const first = await server.receive();
  const challenge = [
    attribute(ERROR_CODE, { code: 401, reason: "" }),
    attribute(REALM, REALM_NAME),
    attribute(NONCE, "0123456789"),
  ];
  await server.send(answerTo(first.request, challenge, { class: "error" }), first);
  const second = await server.receive();
  const integrity = longTermKey({ ...ALICE, realm: REALM_NAME });
  await server.send(
    encodeMessage({
      class: "error",
      method: 1,
      transactionId: second.request.transactionId,
      attributes: [TRY_ALTERNATE, to(alternate.address)],
    }, { integrity }),
    second,
  );
  const result = await answered;
  assertEquals([result.server, result.authenticated], [alternate.address, true]);
});

leakTest("query() follows nobody who does not show that it knows the password", async () => {
  await using alternate = start();
  using server = new ScriptedUdpServer();
  const { answered } = await redirected(server, [to(alternate.address)], { credentials: ALICE });
  const error = await assertRejects(() => answered, QueryError);
  assertEquals([error.code, error.errorCode], ["unverified", 300]);
  assertEquals(
    error.message,
    `Cannot query 127.0.0.1:${server.port}: the server sends us to ` +
      `127.0.0.1:${alternate.address.port}, and did not show that it knows the password`,
  );
});

leakTest("query() follows no redirection to the server itself", async () => {
  using server = new ScriptedUdpServer();
  const itself = { ip: LOOPBACK, port: server.port };
  const { answered } = await redirected(server, [to(itself)]);
  const error = await assertRejects(() => answered, QueryError);
  assertEquals([error.code, error.errorCode, error.message], [
    "error-response",
    300,
    `Cannot query 127.0.0.1:${server.port}: the server sends us to 127.0.0.1:${server.port}, ` +
    "which is itself",
  ]);
});

leakTest("query() follows one redirection, not two", async () => {
  using first = new ScriptedUdpServer();
  using second = new ScriptedUdpServer();
  const there = to({ ip: LOOPBACK, port: second.port });
  const { answered } = await redirected(first, [there]);
  const received = await second.receive();
  const back = to({ ip: LOOPBACK, port: first.port });
  await second.send(tryAlternate(received.request, [back]), received);
  const error = await assertRejects(() => answered, QueryError);
  assertEquals([error.code, error.errorCode, error.message], [
    "error-response",
    300,
    `Cannot query 127.0.0.1:${second.port}: the server answered 300 Try Alternate`,
  ]);
});

leakTest("query() takes 300 without ALTERNATE-SERVER for an error like any other", async () => {
  using server = new ScriptedUdpServer();
  const { answered } = await redirected(server, []);
  const error = await assertRejects(() => answered, QueryError);
  assertEquals([error.code, error.errorCode], ["error-response", 300]);
});

const NOWHERE: readonly (readonly [attribute: RawAttribute | WritableAttribute, where: string])[] =
  [
    [to(addressOf("[2001:db8::1]:3478")), "to [2001:db8::1]:3478"],
    [to(addressOf("192.0.2.1:0")), "to 192.0.2.1:0"],
    [{ type: ALTERNATE_SERVER.type, value: new Uint8Array(3) }, "nowhere"],
  ];
for (const [alternate, where] of NOWHERE) {
  leakTest(`query() rejects when it is sent ${where}`, async () => {
    using server = new ScriptedUdpServer();
    const { answered } = await redirected(server, [alternate]);
    const error = await assertRejects(() => answered, QueryError);
    assertEquals([error.code, error.errorCode, error.message], [
      "bad-response",
      300,
      `Cannot query 127.0.0.1:${server.port}: the server sends us ${where}, wanted an address of ` +
      "its family and a port",
    ]);
  });
}

leakTest("query() counts a redirection in its time", async () => {
  using first = new ScriptedUdpServer();
  using second = new ScriptedUdpServer();
  const clock = new VirtualClock();
  const there = to({ ip: LOOPBACK, port: second.port });
  const options = { clock, timeoutMs: 1000, rtoMs: 900 };
  const { answered } = await redirected(first, [there], options, () => clock.advance(700));
  await second.receive();
  assertEquals(clock.timers, [1000]);
  clock.advance(300);
  assertEquals((await assertRejects(() => answered, QueryError)).code, "timed-out");
});

const DOMAINS: readonly {
  readonly host: string;
  readonly domain: string | undefined;
  readonly outcome: "answered" | "untrusted";
}[] = [
  // The certificate is for localhost and 127.0.0.1
  { host: "localhost", domain: undefined, outcome: "answered" },
  { host: "127.0.0.1", domain: "localhost", outcome: "answered" },
  { host: "localhost", domain: "stun.example.net", outcome: "untrusted" },
];
for (const { host, domain, outcome } of DOMAINS) {
  leakTest(
    `query() over TLS to ${host}, sent to ${domain ?? "an address alone"}, is ${outcome}`,
    async () => {
      await using alternate = start({ tls: { port: 0, ...SERVER } });
      const other = alternate.listeners.find(({ transport }) => transport === "tls")!.address;
      const listener = listenTls({ ip: LOOPBACK, port: 0, alpn: STUN_ALPN, ...SERVER });
      const serving = (async () => {
        const connection = (await listener.accept())!;
        const transactionId = (await connection.read())!.slice(8, 20);
        const attributes = domain === undefined ? [] : [attribute(ALTERNATE_DOMAIN, domain)];
        await connection.write(tryAlternate({ transactionId }, [to(other), ...attributes]));
        while (await connection.read() !== undefined);
        connection.close();
      })().catch(() => {});
      try {
        const uri = `stuns:${host}:${listener.localAddress.port}`;
        const answered = query(uri, { family: 4, caCerts: [AUTHORITY], timeoutMs: 5000 });
        if (outcome === "answered") {
          const { server, redirectedFrom } = await answered;
          assertEquals([server, redirectedFrom], [other, listener.localAddress]);
        } else {
          assertEquals((await assertRejects(() => answered, QueryError)).code, "untrusted");
        }
      } finally {
        listener.close();
        await serving;
      }
    },
  );
}

/** Queries a server that answers with 300 and these attributes. */
async function redirected(
  server: ScriptedUdpServer,
  attributes: readonly (RawAttribute | WritableAttribute)[],
  options: QueryOptions = {},
  before: () => void = () => {},
) {
  const answered = query(server.uri, { clock: new VirtualClock(), ...options });
  // Whoever awaits the result sees a rejection that comes before
  answered.catch(() => {});
  const received = await server.receive();
  before();
  await server.send(tryAlternate(received.request, attributes), received);
  return { answered };
}

function tryAlternate(
  request: Pick<StunMessage, "transactionId">,
  attributes: readonly (RawAttribute | WritableAttribute)[],
): Uint8Array {
  return answerTo(request, [TRY_ALTERNATE, ...attributes], { class: "error" });
}

function to(server: SocketAddress): WritableAttribute {
  return attribute(ALTERNATE_SERVER, server);
}

/** A server of ours on loopback, and where it is over UDP and TCP. */
function start(options: Partial<StunServerOptions> = {}) {
  const server = new StunServer({ hostnames: ["127.0.0.1"], port: 0, ...options });
  const listeners = server.start();
  return {
    address: listeners[0]!.address,
    listeners,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function addressOf(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}

const TRY_ALTERNATE = attribute(ERROR_CODE, { code: 300, reason: "Try Alternate" });
