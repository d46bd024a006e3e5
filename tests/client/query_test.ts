import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { query, QueryError, type QueryErrorCode } from "../../lib/client/mod.ts";
import { attribute, ERROR_CODE } from "../../lib/wire/mod.ts";
import { readMessage } from "../support/binding_request.ts";
import { leakTest } from "../support/leak_test.ts";
import { freePort } from "../support/free_port.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import {
  answerTo,
  answerWith,
  ScriptedTcpServer,
  ScriptedUdpServer,
  socketAddressOf,
} from "./scripted_server.ts";

leakTest("query() over TCP reads an answer that comes byte by byte, after others", async () => {
  const answered = await overTcp(async (connection) => {
    const request = await readMessage(connection);
    const transactionId = request.subarray(8);
    assertEquals(request.length, 20);
    await connection.write(answerTo({ transactionId }, [], { class: "indication" }).slice());
    await connection.write(
      answerWith("192.0.2.9:9", { transactionId: new Uint8Array(12) }).slice(),
    );
    for (const byte of answerWith("192.0.2.1:1000", { transactionId })) {
      await connection.write(Uint8Array.of(byte));
    }
  });
  assertEquals([answered.reflexive, answered.nat, answered.attempts], [
    socketAddressOf("192.0.2.1:1000"),
    true,
    1,
  ]);
  assertEquals(answered.local.ip, Uint8Array.of(127, 0, 0, 1));
});

const BROKEN: readonly {
  readonly when: string;
  readonly script: (connection: Deno.TcpConn) => Promise<void>;
  readonly code: QueryErrorCode;
  readonly message: RegExp;
}[] = [
  {
    when: "the server answers garbage",
    script: async (connection) => {
      await readMessage(connection);
      await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    },
    code: "bad-response",
    message: /^Cannot read the answer of 127\.0\.0\.1:\d+: Cannot read a message from the stream: /,
  },
  {
    when: "the server closes without an answer",
    script: async (connection) => {
      await readMessage(connection);
      await connection.closeWrite();
    },
    code: "closed",
    message: /^Cannot query 127\.0\.0\.1:\d+: the server closed the connection without an answer$/,
  },
  {
    when: "the server closes in the middle of its answer",
    script: async (connection) => {
      const transactionId = (await readMessage(connection)).subarray(8);
      await connection.write(answerWith("192.0.2.1:1000", { transactionId }).slice(0, 31));
      await connection.closeWrite();
    },
    code: "closed",
    message: /: the server closed the connection without an answer$/,
  },
  {
    when: "the server closes without having read the request",
    script: async (connection) => {
      // A byte of the request is read, so the rest of it is there: closing now resets
      await connection.read(new Uint8Array(1));
      connection.close();
    },
    code: "closed",
    message: /^Cannot /,
  },
  {
    when: "the server answers an error",
    script: async (connection) => {
      const transactionId = (await readMessage(connection)).subarray(8);
      const error = attribute(ERROR_CODE, { code: 400, reason: "Bad Request" });
      await connection.write(answerTo({ transactionId }, [error], { class: "error" }).slice());
    },
    code: "error-response",
    message: /: the server answered 400 Bad Request$/,
  },
];

for (const { when, script, code, message } of BROKEN) {
  leakTest(`query() over TCP rejects when ${when}`, async () => {
    const error = await assertRejects(() => overTcp(script), QueryError);
    assertEquals(error.code, code);
    assert(message.test(error.message), error.message);
  });
}

leakTest("query() over TCP rejects when nobody listens", async () => {
  const error = await assertRejects(
    () => query(`stun:127.0.0.1:${freePort()}`, { transport: "tcp" }),
    QueryError,
    "the peer refuses connections",
  );
  assertEquals(error.code, "refused");
});

leakTest("query() over TCP sends once, and gives up after 39.5 seconds", async () => {
  using server = new ScriptedTcpServer();
  const clock = new VirtualClock();
  const failed = assertRejects(
    () => query(server.uri, { transport: "tcp", clock }),
    QueryError,
    "over TCP: no answer to 1 request",
  );
  const connection = await server.accept();
  assertEquals((await readMessage(connection)).length, 20);
  assertEquals(clock.timers, [39_500]);
  clock.advance(39_500);
  assertEquals((await failed).code, "timed-out");
  assertEquals(await connection.read(new Uint8Array(1)), null);
  assertEquals(clock.timers, []);
  connection.close();
});

leakTest("query() rejects when the host has no address of the family", async () => {
  const error = await assertRejects(
    () => query("stun:127.0.0.1", { family: 6 }),
    QueryError,
    'Cannot resolve "127.0.0.1": it has no IPv6 address',
  );
  assertEquals(error.code, "not-found");
});

// The resolver goes on with what has been given up
Deno.test({
  name: "query() counts looking up the name in its timeout",
  sanitizeOps: false,
  fn: async () => {
    const clock = new VirtualClock();
    const failed = assertRejects(
      () => query("stun:localhost:9", { clock, timeoutMs: 100 }),
      QueryError,
    );
    await clock.untilTimer(100);
    assertEquals(clock.timers, [100], "before there is an address to ask");
    clock.advance(100);
    assertEquals((await failed).code, "timed-out");
    assertEquals(clock.timers, []);
  },
});

leakTest("query() looks names up", async () => {
  using server = new ScriptedUdpServer();
  const answered = query(`stun:localhost:${server.port}`, { family: 4 });
  const received = await server.receive();
  await server.send(answerWith("192.0.2.1:1000", received.request), received);
  assertEquals((await answered).server, { ip: Uint8Array.of(127, 0, 0, 1), port: server.port });
});

leakTest(
  "query() rejects with a RangeError when a stuns: URI is to go over UDP or TCP",
  async () => {
    for (const transport of ["udp", "tcp"] as const) {
      await assertRejects(
        () => query("stuns:127.0.0.1", { transport }),
        RangeError,
        `Cannot query a stuns: URI over ${transport.toUpperCase()}: wanted TLS`,
      );
    }
  },
);

leakTest("query() rejects with a RangeError when it is given no URI", async () => {
  for (const text of ["", "127.0.0.1", "stun:", "stun://127.0.0.1", "http://127.0.0.1"]) {
    await assertRejects(() => query(text), RangeError);
  }
});

leakTest("query() rejects at once when it is given up before it begins", async () => {
  const reason = new Error("enough");
  const error = await assertRejects(
    () => query("stun:127.0.0.1", { signal: AbortSignal.abort(reason) }),
    QueryError,
    "Cannot finish the query: it was given up",
  );
  assertEquals(error.code, "aborted");
  assertStrictEquals(error.cause, reason);
});

leakTest("query() over UDP rejects when it is given up", async () => {
  using server = new ScriptedUdpServer();
  const clock = new VirtualClock();
  const giveUp = new AbortController();
  const failed = assertRejects(
    () => query(server.uri, { clock, signal: giveUp.signal }),
    QueryError,
  );
  await server.receive();
  const reason = new Error("enough");
  giveUp.abort(reason);
  const error = await failed;
  assertEquals([error.code, error.cause], ["aborted", reason]);
  assertEquals(clock.timers, []);
});

leakTest("query() over TCP rejects when it is given up", async () => {
  using server = new ScriptedTcpServer();
  const clock = new VirtualClock();
  const giveUp = new AbortController();
  const failed = assertRejects(
    () => query(server.uri, { transport: "tcp", clock, signal: giveUp.signal }),
    QueryError,
  );
  const connection = await server.accept();
  await readMessage(connection);
  giveUp.abort();
  assertEquals((await failed).code, "aborted");
  assertEquals(await connection.read(new Uint8Array(1)), null);
  assertEquals(clock.timers, []);
  connection.close();
});

leakTest("query() does not care when it is given up after the answer", async () => {
  const giveUp = new AbortController();
  using server = new ScriptedUdpServer();
  const answered = query(server.uri, { signal: giveUp.signal });
  const received = await server.receive();
  await server.send(answerWith("192.0.2.1:1000", received.request), received);
  const { attempts } = await answered;
  giveUp.abort();
  assertEquals(attempts, 1);
});

leakTest("query() can run many times at once, each with its own id", async () => {
  using server = new ScriptedUdpServer();
  const asking = Array.from({ length: 20 }, () => query(server.uri, { clock: new VirtualClock() }));
  const all = [];
  for (let i = 0; i < 20; i++) all.push(await server.receive());
  for (const received of all.toReversed()) {
    await server.send(answerWith(`127.0.0.1:${received.from.port}`, received.request), received);
  }
  for (const { reflexive, local } of await Promise.all(asking)) {
    assertEquals(reflexive.port, local.port);
  }
  assertEquals(new Set(all.map(({ request }) => request.transactionId.toHex())).size, 20);
});

/** Asks a TCP server that does this with its one connection. */
async function overTcp(script: (connection: Deno.TcpConn) => Promise<void>) {
  using server = new ScriptedTcpServer();
  const answered = query(server.uri, { transport: "tcp", clock: new VirtualClock() });
  // Whoever awaits the result sees a rejection that comes before
  answered.catch(() => {});
  const connection = await server.accept();
  try {
    await script(connection);
    return await answered;
  } finally {
    try {
      connection.close();
    } catch {
      // The script has closed it
    }
  }
}
