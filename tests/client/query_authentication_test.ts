import { assertEquals, assertInstanceOf, assertNotEquals, assertRejects } from "@std/assert";
import { query, QueryError, type QueryOptions } from "../../lib/client/mod.ts";
import {
  type Authenticator,
  LongTermAuthenticator,
  ShortTermAuthenticator,
} from "../../lib/protocol/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import {
  attribute,
  decodeMessage,
  encodeMessage,
  ERROR_CODE,
  type IntegrityKey,
  longTermKey,
  NONCE,
  type RawAttribute,
  REALM,
  type StunMessage,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";
import { readMessage } from "../support/binding_request.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import {
  answerTo,
  answerWith,
  ScriptedTcpServer,
  ScriptedUdpServer,
  socketAddressOf,
} from "./scripted_server.ts";

const ALICE = { username: "alice", password: "secret" } as const;
const WRONG = { ...ALICE, password: "Secret" };
const REALM_NAME = "example.org";
const KEY = longTermKey({ ...ALICE, realm: REALM_NAME });
const longTerm = new LongTermAuthenticator({
  realm: REALM_NAME,
  users: [ALICE],
  nonceSecret: new Uint8Array(16),
});
const shortTerm = new ShortTermAuthenticator({ users: [ALICE] });

for (const transport of ["udp", "tcp"] as const) {
  leakTest(
    `query() is let in over ${transport} when its long-term credentials are right`,
    async () => {
      const result = await queryAt(longTerm, { transport, credentials: ALICE });
      assertEquals(result, { reflexiveIsOurs: true, authenticated: true, attempts: 1 });
    },
  );

  leakTest(
    `query() is let in over ${transport} when its short-term credentials are right`,
    async () => {
      const credentials = { ...ALICE, mechanism: "short-term" } as const;
      const result = await queryAt(shortTerm, { transport, credentials });
      assertEquals(result, { reflexiveIsOurs: true, authenticated: true, attempts: 1 });
    },
  );

  leakTest(`query() says so over ${transport} when nobody asked for its credentials`, async () => {
    const result = await queryAt(undefined, { transport, credentials: ALICE });
    assertEquals(result, { reflexiveIsOurs: true, authenticated: false, attempts: 1 });
  });

  leakTest(`query() is refused over ${transport} when its password is wrong`, async () => {
    const error = await assertRejects(
      () => queryAt(longTerm, { transport, credentials: WRONG }),
      QueryError,
    ) as QueryError;
    assertEquals([error.code, error.errorCode], ["unauthenticated", 401]);
    assertEquals(
      error.message.replace(/:\d+/, ""),
      "Cannot query 127.0.0.1: the server does not accept the credentials",
    );
  });

  leakTest(`query() passes 401 on over ${transport} when it has no credentials`, async () => {
    const error = await assertRejects(() => queryAt(longTerm, { transport }), QueryError);
    const { code, errorCode } = error as QueryError;
    assertEquals([code, errorCode], ["error-response", 401]);
  });
}

leakTest("query() is refused over tcp when its short-term password is wrong", async () => {
  const credentials = { ...WRONG, mechanism: "short-term" } as const;
  const error = await assertRejects(
    () => queryAt(shortTerm, { transport: "tcp", credentials }),
    QueryError,
  ) as QueryError;
  assertEquals([error.code, error.errorCode], ["unauthenticated", 401]);
});

leakTest("query() answers a challenge from the same port, under another id", async () => {
  using server = new ScriptedUdpServer();
  const answered = query(server.uri, { credentials: ALICE, clock: new VirtualClock() });
  const first = await server.receive();
  await server.send(challengeTo(first.request), first);
  const second = await server.receive();
  await server.send(successTo(second.request, KEY), second);
  assertEquals((await answered).authenticated, true);
  assertEquals(second.from, first.from);
  assertNotEquals(second.request.transactionId, first.request.transactionId);
});

leakTest("query() answers a challenge on the same connection", async () => {
  using server = new ScriptedTcpServer();
  const clock = new VirtualClock();
  const answered = query(server.uri, { credentials: ALICE, transport: "tcp", clock });
  const connection = await server.accept();
  await write(connection, challengeTo(decode(await readMessage(connection))));
  await write(connection, successTo(decode(await readMessage(connection)), KEY));
  assertEquals((await answered).authenticated, true);
  connection.close();
});

leakTest("query() waits for the right answer when a forged one comes first over udp", async () => {
  using server = new ScriptedUdpServer();
  const answered = query(server.uri, { credentials: ALICE, clock: new VirtualClock() });
  const first = await server.receive();
  await server.send(challengeTo(first.request), first);
  const second = await server.receive();
  const forged = longTermKey({ ...WRONG, realm: REALM_NAME });
  await server.send(answerWith("198.51.100.1:1", second.request), second);
  await server.send(successTo(second.request, forged, "198.51.100.1:1"), second);
  await server.send(successTo(second.request, KEY, "192.0.2.1:1000"), second);
  const { reflexive, authenticated } = await answered;
  assertEquals([reflexive, authenticated], [socketAddressOf("192.0.2.1:1000"), true]);
});

leakTest("query() says who cannot be believed when no right answer comes over udp", async () => {
  using server = new ScriptedUdpServer();
  // In real time: nothing tells when a forged answer has been read and put away
  const failed = query(server.uri, { credentials: ALICE, timeoutMs: 400 });
  failed.catch(() => {});
  const first = await server.receive();
  await server.send(challengeTo(first.request), first);
  const second = await server.receive();
  await server.send(answerWith("198.51.100.1:1", second.request), second);
  const error = await assertRejects(() => failed, QueryError) as QueryError;
  assertEquals([error.code, error.errorCode], ["unverified", undefined]);
  assertEquals(
    error.message,
    `Cannot query 127.0.0.1:${server.port} over UDP: the server answered an address, and did not ` +
      "show that it knows the password",
  );
});

leakTest("query() ends at once when an answer over tcp cannot be believed", async () => {
  for (
    const [answer, errorCode, said] of [
      [(request: StunMessage) => answerWith("198.51.100.1:1", request), undefined, "an address"],
      [(request: StunMessage) => errorTo(request, 400, []), 400, "400"],
      [(request: StunMessage) => errorTo(request, 500, []), 500, "500"],
    ] as const
  ) {
    using server = new ScriptedTcpServer();
    const clock = new VirtualClock();
    const failed = query(server.uri, { credentials: ALICE, transport: "tcp", clock });
    failed.catch(() => {});
    const connection = await server.accept();
    await write(connection, challengeTo(decode(await readMessage(connection))));
    await write(connection, answer(decode(await readMessage(connection))));
    const error = await assertRejects(() => failed, QueryError) as QueryError;
    assertEquals([error.code, error.errorCode], ["unverified", errorCode]);
    assertEquals(error.message.includes(`the server answered ${said}, and did not show`), true);
    assertEquals(clock.timers, []);
    connection.close();
  }
});

leakTest("query() does not ask again when somebody took PASSWORD-ALGORITHMS out", async () => {
  using server = new ScriptedUdpServer();
  const failed = query(server.uri, { credentials: ALICE, clock: new VirtualClock() });
  failed.catch(() => {});
  const first = await server.receive();
  await server.send(challengeTo(first.request, "obMatJos2AAAD0123456789"), first);
  const error = await assertRejects(() => failed, QueryError) as QueryError;
  assertEquals([error.code, error.errorCode], ["bad-response", 401]);
  assertEquals(
    error.message,
    `Cannot query 127.0.0.1:${server.port}: the server announces PASSWORD-ALGORITHMS and does not ` +
      "send them: somebody took them",
  );
});

leakTest("query() counts its time over all of its requests", async () => {
  using server = new ScriptedUdpServer();
  const clock = new VirtualClock();
  const failed = query(server.uri, { credentials: ALICE, clock, timeoutMs: 1000, rtoMs: 900 });
  failed.catch(() => {});
  const first = await server.receive();
  clock.advance(700);
  await server.send(challengeTo(first.request), first);
  await server.receive();
  assertEquals(clock.timers, [1000]);
  clock.advance(300);
  const error = await assertRejects(() => failed, QueryError) as QueryError;
  assertEquals(error.code, "timed-out");
});

leakTest("query() waits for the second answer as the time of the first one suggests", async () => {
  using server = new ScriptedUdpServer();
  const clock = new VirtualClock();
  const answered = query(server.uri, { credentials: ALICE, clock });
  const first = await server.receive();
  clock.advance(400);
  await server.send(challengeTo(first.request), first);
  const second = await server.receive();
  // RFC 6298 section 2.2: RTT + 4 * RTT / 2
  assertEquals(clock.timers, [400 + 1200]);
  await server.send(successTo(second.request, KEY), second);
  assertEquals((await answered).attempts, 1);
});

leakTest("query() fails when the connection ends after the challenge", async () => {
  using server = new ScriptedTcpServer();
  const clock = new VirtualClock();
  const failed = query(server.uri, { credentials: ALICE, transport: "tcp", clock });
  failed.catch(() => {});
  const connection = await server.accept();
  await write(connection, challengeTo(decode(await readMessage(connection))));
  connection.close();
  const error = await assertRejects(() => failed, QueryError) as QueryError;
  assertEquals(error.code, "closed");
});

leakTest("query() throws before it asks when its credentials cannot be sent", async () => {
  const error = await query("stun:127.0.0.1", { credentials: { ...ALICE, password: "" } })
    .catch((error) => error);
  assertInstanceOf(error, RangeError);
  assertEquals(
    error.message,
    'Cannot use the credentials: the password of "alice": it is empty, wanted a character at least',
  );
});

/** Asks a server of ours on loopback that lets in whom this authenticator does. */
async function queryAt(authenticator: Authenticator | undefined, options: QueryOptions) {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0, authenticator });
  const [listener] = server.start();
  const result = await query(`stun:127.0.0.1:${listener!.address.port}`, {
    timeoutMs: 5_000,
    ...options,
  });
  return {
    reflexiveIsOurs: result.reflexive.port === result.local.port,
    authenticated: result.authenticated,
    attempts: result.attempts,
  };
}

function challengeTo(request: StunMessage, nonce = "0123456789"): Uint8Array {
  return errorTo(request, 401, [attribute(REALM, REALM_NAME), attribute(NONCE, nonce)]);
}

function errorTo(
  request: StunMessage,
  code: number,
  attributes: readonly (RawAttribute | WritableAttribute)[],
): Uint8Array {
  const error = attribute(ERROR_CODE, { code, reason: "" });
  return answerTo(request, [error, ...attributes], { class: "error" });
}

function successTo(
  { transactionId }: StunMessage,
  integrity: IntegrityKey,
  reflexive = "192.0.2.1:1000",
): Uint8Array {
  const attributes = [attribute(XOR_MAPPED_ADDRESS, socketAddressOf(reflexive))];
  return encodeMessage({ class: "success", method: 1, transactionId, attributes }, { integrity });
}

function decode(bytes: Uint8Array): StunMessage {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new TypeError(message.reason);
  return message.value;
}

async function write(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  await connection.write(bytes.slice());
}
