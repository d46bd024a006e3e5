import { assert, assertEquals, assertRejects } from "@std/assert";
import { query, QueryError, type QueryErrorCode } from "../../lib/client/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import {
  attribute,
  ERROR_CODE,
  MAPPED_ADDRESS,
  type RawAttribute,
  SOFTWARE,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { answerTo, answerWith, ScriptedUdpServer, socketAddressOf } from "./scripted_server.ts";

for (const host of ["127.0.0.1", "::1"]) {
  for (const transport of ["udp", "tcp"] as const) {
    leakTest(`query() gives the whole result over ${transport} from ${host}`, async () => {
      await using server = new StunServer({ hostnames: [host], port: 0, software: "Pinhole" });
      const { address } = server.start()[0]!;
      const uri = `stun:${host === "::1" ? "[::1]" : host}:${address.port}`;
      const result = await query(uri, { transport, clock: new VirtualClock() });
      assertEquals(result, {
        server: address,
        transport,
        local: { ip: address.ip, port: result.local.port },
        reflexive: { ip: address.ip, port: result.local.port },
        nat: false,
        rttMs: 0,
        attempts: 1,
        software: "Pinhole",
      });
    });
  }
}

leakTest("query() takes a parsed URI, and says no SOFTWARE where there is none", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const { port } = server.start()[0]!.address;
  const result = await query({ scheme: "stun", host: "127.0.0.1", port });
  assertEquals("software" in result, false);
  assertEquals(result.nat, false);
});

leakTest("query() sends 20 bytes with the id that the randomness gives", async () => {
  using server = new ScriptedUdpServer();
  const answered = query(server.uri, {
    randomness: { bytes: (length) => new Uint8Array(length).fill(7) },
  });
  const received = await server.receive();
  assertEquals(
    received.request.bytes.toHex(),
    "00010000" + "2112a442" + "07".repeat(12),
  );
  await server.send(answerWith("192.0.2.1:1000", received.request), received);
  await answered;
});

leakTest("query() sends again until it is answered", async () => {
  using server = new ScriptedUdpServer();
  const clock = new VirtualClock();
  const answered = query(server.uri, { clock });
  const first = await server.receive();
  clock.advance(500);
  const second = await server.receive();
  clock.advance(1000);
  const third = await server.receive();
  assertEquals([second, third].map(({ request }) => request.bytes), [
    first.request.bytes,
    first.request.bytes,
  ]);
  await server.send(answerWith("192.0.2.1:1000", third.request), third);
  const { attempts, rttMs, reflexive } = await answered;
  assertEquals([attempts, rttMs, reflexive], [3, 0, socketAddressOf("192.0.2.1:1000")]);
  assertEquals(clock.timers, []);
});

leakTest(
  "query() keeps to the times of RFC 8489 section 6.2.1 in each of its transactions",
  async () => {
    using server = new ScriptedUdpServer();
    const clock = new VirtualClock();
    const failed = assertRejects(() => query(server.uri, { clock }), QueryError);
    const times = new Map<string, number[]>();
    for (let i = 0; i < 14; i++) {
      const { request } = await server.receive();
      const id = request.transactionId.toHex();
      times.set(id, [...times.get(id) ?? [], clock.now()]);
      clock.advance(clock.timers[0]! - clock.now());
    }
    const error = await failed;
    assertEquals([...times.values()], [
      [0, 500, 1500, 3500, 7500, 15_500, 31_500],
      [5000, 5500, 6500, 8500, 12_500, 20_500, 36_500],
    ]);
    assertEquals(clock.now(), 39_500);
    assertEquals(error.code, "timed-out");
    assertEquals(
      error.message,
      `Cannot query 127.0.0.1:${server.port} over UDP: no answer to 14 requests`,
    );
    assertEquals(clock.timers, []);
  },
);

leakTest("query() gives up after the timeout and keeps to the RTO that it is given", async () => {
  using server = new ScriptedUdpServer();
  const clock = new VirtualClock();
  const failed = assertRejects(
    () => query(server.uri, { clock, timeoutMs: 250, rtoMs: 100 }),
    QueryError,
    "no answer to 2 requests",
  );
  await server.receive();
  clock.advance(100);
  await server.receive();
  assertEquals(clock.timers, [250]);
  clock.advance(150);
  assertEquals((await failed).code, "timed-out");
});

leakTest("query() ignores answers from elsewhere, to others, and broken ones", async () => {
  using server = new ScriptedUdpServer();
  using stranger = new ScriptedUdpServer();
  const answered = query(server.uri, { clock: new VirtualClock() });
  const received = await server.receive();
  const right = answerWith("192.0.2.1:1000", received.request);
  await stranger.send(answerWith("192.0.2.66:666", received.request), received);
  await server.send(answerWith("192.0.2.66:666", { transactionId: new Uint8Array(12) }), received);
  await server.send(new Uint8Array(0), received);
  await server.send(right.subarray(0, 31), received);
  await server.send(received.request.bytes, received);
  await server.send(right, received);
  assertEquals((await answered).reflexive, socketAddressOf("192.0.2.1:1000"));
});

leakTest("query() keeps to the answer when something else follows it at once", async () => {
  for (let i = 0; i < 20; i++) {
    using server = new ScriptedUdpServer();
    using stranger = new ScriptedUdpServer();
    const answered = query(server.uri, { clock: new VirtualClock() });
    const received = await server.receive();
    // The stranger knows nothing but the client's port
    const forged = answerWith("192.0.2.66:666", { transactionId: new Uint8Array(12) });
    await Promise.all([
      server.send(answerWith("192.0.2.1:1000", received.request), received),
      ...Array.from({ length: 5 }, () => stranger.send(forged, received)),
    ]);
    assertEquals((await answered).reflexive, socketAddressOf("192.0.2.1:1000"));
  }
});

const MAPPED = attribute(MAPPED_ADDRESS, socketAddressOf("192.0.2.1:1000"));
const XOR_MAPPED = attribute(XOR_MAPPED_ADDRESS, socketAddressOf("192.0.2.2:2000"));
const READINGS: readonly {
  readonly what: string;
  readonly attributes: readonly (RawAttribute | WritableAttribute)[];
  readonly reflexive: string;
}[] = [
  { what: "MAPPED-ADDRESS alone", attributes: [MAPPED], reflexive: "192.0.2.1:1000" },
  {
    what: "XOR-MAPPED-ADDRESS after MAPPED-ADDRESS",
    attributes: [MAPPED, XOR_MAPPED],
    reflexive: "192.0.2.2:2000",
  },
  {
    what: "an unreadable XOR-MAPPED-ADDRESS and a MAPPED-ADDRESS",
    attributes: [{ type: 0x0020, value: new Uint8Array(3) }, MAPPED],
    reflexive: "192.0.2.1:1000",
  },
  {
    what: "attributes that need not be understood",
    attributes: [{ type: 0x8099, value: new Uint8Array(3) }, XOR_MAPPED, attribute(SOFTWARE, "x")],
    reflexive: "192.0.2.2:2000",
  },
];

for (const { what, attributes, reflexive } of READINGS) {
  leakTest(`query() reads an answer with ${what}`, async () => {
    const result = await ask(attributes);
    assertEquals(result.reflexive, socketAddressOf(reflexive));
  });
}

const FAILURES: readonly {
  readonly what: string;
  readonly attributes: readonly (RawAttribute | WritableAttribute)[];
  readonly class?: "error";
  readonly code: QueryErrorCode;
  readonly errorCode?: number;
  readonly message: RegExp;
}[] = [
  {
    what: "an error response",
    attributes: [attribute(ERROR_CODE, { code: 420, reason: "Unknown Attribute" })],
    class: "error",
    code: "error-response",
    errorCode: 420,
    message: /^Cannot query 127\.0\.0\.1:\d+: the server answered 420 Unknown Attribute$/,
  },
  {
    what: "an error response without a phrase",
    attributes: [attribute(ERROR_CODE, { code: 500, reason: "" })],
    class: "error",
    code: "error-response",
    errorCode: 500,
    message: /: the server answered 500$/,
  },
  {
    what: "an error response without ERROR-CODE",
    attributes: [],
    class: "error",
    code: "error-response",
    message: /: the server answered an error$/,
  },
  {
    what: "an answer without an address",
    attributes: [attribute(SOFTWARE, "x")],
    code: "bad-response",
    message: /: the answer holds no address$/,
  },
  {
    what: "an answer whose address cannot be read",
    attributes: [{ type: 0x0020, value: new Uint8Array(7) }],
    code: "bad-response",
    message: /: the answer holds no address$/,
  },
  {
    // RFC 8489 section 6.3.3
    what: "an answer with attributes that it must understand and does not",
    attributes: [XOR_MAPPED, { type: 0x7001, value: new Uint8Array(0) }, {
      type: 0x7002,
      value: new Uint8Array(0),
    }],
    code: "bad-response",
    message: /: the answer holds 0x7001, 0x7002, which must be understood$/,
  },
];

for (const { what, attributes, code, errorCode, message, ...response } of FAILURES) {
  leakTest(`query() rejects when it gets ${what}`, async () => {
    const error = await assertRejects(() => ask(attributes, response), QueryError);
    assertEquals([error.code, error.errorCode], [code, errorCode]);
    assert(message.test(error.message), error.message);
  });
}

leakTest("query() sees a NAT when the server saw another address", async () => {
  const { nat, reflexive, local } = await ask([XOR_MAPPED]);
  assertEquals([nat, reflexive], [true, socketAddressOf("192.0.2.2:2000")]);
  assert(local.port !== 0);
});

leakTest("query() sees a NAT when only the port is another", async () => {
  using server = new ScriptedUdpServer();
  const answered = query(server.uri, { clock: new VirtualClock() });
  const received = await server.receive();
  const port = received.from.port ^ 1;
  await server.send(answerWith(`127.0.0.1:${port}`, received.request), received);
  const { nat, local } = await answered;
  assertEquals([nat, local.port], [true, received.from.port]);
});

/** Asks a server that answers so. */
async function ask(
  attributes: readonly (RawAttribute | WritableAttribute)[],
  response: { readonly class?: "error" } = {},
) {
  using server = new ScriptedUdpServer();
  const answered = query(server.uri, { clock: new VirtualClock() });
  // Whoever awaits the result sees a rejection that comes before
  answered.catch(() => {});
  const received = await server.receive();
  await server.send(answerTo(received.request, attributes, response), received);
  return await answered;
}
