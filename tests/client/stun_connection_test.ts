import { assertEquals } from "@std/assert";
import { StunConnection } from "../../lib/client/mod.ts";
import { systemClock } from "../../lib/ops/mod.ts";
import { bindingRequest } from "../../lib/protocol/discovery/mod.ts";
import { ConnectionError, connectTcp } from "../../lib/transport/mod.ts";
import { socketAddress } from "../../lib/wire/mod.ts";
import { leakTest } from "../support/leak_test.ts";
import { ScriptedStunServer } from "../traversal/scripted_stun_server.ts";

const OPTIONS = { timeoutMs: 5_000, clock: systemClock };
const question = (id: number) => bindingRequest(new Uint8Array(12).fill(id));

leakTest("StunConnection asks several times over one connection", async () => {
  await using server = new ScriptedStunServer();
  await using connection = new StunConnection(await connectTcp(server.address));
  const answers = await Promise.all(
    [1, 2, 3].map((id) => connection.ask(question(id), OPTIONS)),
  );
  assertEquals(answers.map((answer) => answer?.response.transactionId[0]), [1, 2, 3]);
  assertEquals([server.accepted, connection.end], [1, undefined]);
});

leakTest(
  "StunConnection tells that the server has closed it, and has no answers then",
  async () => {
    await using server = new ScriptedStunServer();
    server.script.onRequest = () => Promise.resolve(void server.closeConnections());
    await using connection = new StunConnection(await connectTcp(server.address));
    assertEquals(await connection.ask(question(1), OPTIONS), undefined);
    const { kind, error } = await connection.ended;
    assertEquals([kind, error.code, error.message], [
      "closed",
      "closed",
      `Cannot ask ${server.name}: the server closed the connection`,
    ]);
    assertEquals(connection.end, { kind, error });
    assertEquals(await connection.ask(question(2), OPTIONS), undefined);
  },
);

leakTest("StunConnection tells that the server does not speak STUN", async () => {
  await using server = new ScriptedStunServer({ answers: "garbage" });
  await using connection = new StunConnection(await connectTcp(server.address));
  assertEquals(await connection.ask(question(1), OPTIONS), undefined);
  const { kind, error } = await connection.ended;
  assertEquals([kind, error.code], ["garbage", "bad-response"]);
});

Deno.test("StunConnection tells that the connection broke", async () => {
  const address = socketAddress(Uint8Array.of(127, 0, 0, 1), 1);
  const broken = new ConnectionError("Cannot read: it broke", { code: "reset" });
  await using connection = new StunConnection({
    localAddress: address,
    remoteAddress: address,
    read: () => Promise.reject(broken),
    write: () => Promise.reject(broken),
    closeWrite: () => Promise.resolve(),
    close: () => {},
  });
  assertEquals(await connection.ended, { kind: "broken", error: broken });
});
