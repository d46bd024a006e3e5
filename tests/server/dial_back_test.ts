import { assertEquals, assertLess } from "@std/assert";
import { silentLogger, systemClock } from "../../lib/ops/mod.ts";
import { type Arrival, DialBackPolicy, type Reply, StunResponder } from "../../lib/protocol/mod.ts";
import { planListeners } from "../../lib/server/listen_plan.ts";
import { type AcceptingListener, openListeners } from "../../lib/server/listeners.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { StreamService } from "../../lib/server/stream_service.ts";
import { listenTcp } from "../../lib/transport/mod.ts";
import { formatIp, formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { ID, raw, request } from "../protocol/binding_cases.ts";
import { SERVER } from "../support/certificate.ts";
import { leakTest } from "../support/leak_test.ts";
import { askTls, type Heard, readVisit, TcpClient, UdpClient } from "./loopback_client.ts";

const TOKEN = "0102030405060708";
const DIAL_BACK = raw(0xc0d1, "00000000" + TOKEN);
const DIAL_BACK_ELSEWHERE = raw(0xc0d1, "00000004" + TOKEN);

for (const hostname of ["127.0.0.1", "0.0.0.0", "::", "::1"]) {
  leakTest(`StunServer bound to ${hostname} dials back from the same address`, async () => {
    await using server = new StunServer({ hostnames: [hostname], port: 0 });
    const { port } = start(server, "tcp");
    const local = hostname === "::1" ? "::1" : "127.0.0.1";
    await using client = await TcpClient.connect(loopback(local, port), local);
    using listener = client.listen();
    const [answer, visit] = await Promise.all([
      client.ask(request([DIAL_BACK])),
      listener.accept().then(readVisit),
    ]);
    assertEquals(resultOf(answer).outcome, "connected");
    assertEquals(answer.attributes["XOR-MAPPED-ADDRESS"], formatSocketAddress(client.address));
    const [from] = visit.map((heard) => heard.from);
    assertEquals(addressOf(from!), local);
    assertEquals(portOf(from!) === port, false);
    assertEquals(visit, [{
      from: from!,
      kind: "indication",
      number: 0,
      attributes: { "DIAL-BACK": { changeAddress: false, changePort: false, token: TOKEN } },
    }]);
  });
}

for (const role of ["primary", "alternate-port", "alternate-address", "alternate-both"] as const) {
  leakTest(`StunServer dials back from the other address when ${role} is asked to`, async () => {
    await using server = new StunServer(PAIR);
    const target = server.start().find((one) => one.transport === "tcp" && one.role === role)!;
    const other = formatIp(target.address.ip) === "127.0.0.1" ? "127.0.0.2" : "127.0.0.1";
    await using client = await TcpClient.connect(target.address);
    using listener = client.listen();
    const [answer, visit] = await Promise.all([
      client.ask(request([DIAL_BACK_ELSEWHERE])),
      listener.accept().then(readVisit),
    ]);
    assertEquals(resultOf(answer).outcome, "connected");
    assertEquals(visit.map(({ from }) => addressOf(from)), [other]);
    assertEquals(visit.map(({ attributes }) => attributes), [
      { "DIAL-BACK": { changeAddress: true, changePort: false, token: TOKEN } },
    ]);
    // And once more from where the client is connected to
    const [again, second] = await Promise.all([
      client.ask(request([DIAL_BACK])),
      listener.accept().then(readVisit),
    ]);
    assertEquals(resultOf(again).outcome, "connected");
    assertEquals(second.map(({ from }) => addressOf(from)), [formatIp(target.address.ip)]);
  });
}

leakTest("StunServer says that the dial-back was refused when nobody listens", async () => {
  await using server = new StunServer(SINGLE);
  await using client = await TcpClient.connect(start(server, "tcp"));
  const answer = await client.ask(request([DIAL_BACK]));
  assertEquals({ ...answer, attributes: { ...answer.attributes, "DIAL-BACK-RESULT": "" } }, {
    from: answer.from,
    kind: "success",
    number: 0xae,
    attributes: {
      "XOR-MAPPED-ADDRESS": formatSocketAddress(client.address),
      "DIAL-BACK-RESULT": "",
    },
  });
  assertEquals(resultOf(answer).outcome, "refused");
  assertLess(resultOf(answer).elapsedMs, 5000);
});

leakTest("StunServer dials back for clients on TLS too", async () => {
  await using server = new StunServer({ ...PAIR, tls: { ...SERVER, port: 0 } });
  const { address } = server.start().find(({ transport }) => transport === "tls")!;
  for (const wanted of [DIAL_BACK, DIAL_BACK_ELSEWHERE]) {
    // Nobody listens on the port that the connection comes from, and that is found out
    assertEquals(resultOf(await askTls(request([wanted]), address)).outcome, "refused");
  }
});

leakTest("StunServer cannot dial back from another address without one", async () => {
  await using server = new StunServer(SINGLE);
  await using client = await TcpClient.connect(start(server, "tcp"));
  const answer = await client.ask(request([DIAL_BACK_ELSEWHERE]));
  assertEquals(resultOf(answer), { outcome: "unsupported", elapsedMs: 0 });
});

leakTest("StunServer cannot dial back when that is switched off", async () => {
  await using server = new StunServer({ ...PAIR, dialBack: false });
  await using client = await TcpClient.connect(start(server, "tcp"));
  using listener = client.listen();
  const accepted = listener.accept().then(() => true, () => false);
  for (const wanted of [DIAL_BACK, DIAL_BACK_ELSEWHERE]) {
    const answer = await client.ask(request([wanted]));
    assertEquals(resultOf(answer), { outcome: "unsupported", elapsedMs: 0 });
  }
  listener.close();
  assertEquals(await accepted, false);
});

leakTest("StunServer does not permit the eleventh dial-back of one source", async () => {
  await using server = new StunServer(SINGLE);
  await using client = await TcpClient.connect(start(server, "tcp"));
  client.send(...Array.from({ length: 11 }, () => request([DIAL_BACK])));
  const answers: string[] = [];
  for (let i = 0; i < 11; i++) answers.push(resultOf(await client.receive()).outcome);
  assertEquals(answers, [...new Array(10).fill("refused"), "not-permitted"]);
  // A plain request is still answered
  assertEquals((await client.ask(request())).kind, "success");
  assertEquals(server.snapshot().dialBacks, { "refused": 10, "not-permitted": 1 });
});

leakTest("StunServer ignores DIAL-BACK over UDP", async () => {
  await using server = new StunServer(PAIR);
  const target = start(server, "udp");
  using client = new UdpClient();
  const answer = await client.ask(request([DIAL_BACK]), target);
  assertEquals(answer, await client.ask(request(), target));
  assertEquals(server.snapshot().dialBacks, {});
});

leakTest("StunServer answers what is pipelined around a dial-back in order", async () => {
  await using server = new StunServer(SINGLE);
  await using client = await TcpClient.connect(start(server, "tcp"));
  using listener = client.listen();
  const visits = (async () => [
    await readVisit(await listener.accept()),
    await readVisit(await listener.accept()),
  ])();
  client.send(
    numbered(1),
    numbered(2, [DIAL_BACK]),
    numbered(3),
    numbered(4),
    numbered(5, [DIAL_BACK]),
    numbered(6),
  );
  const answers: Heard[] = [];
  for (let i = 0; i < 6; i++) answers.push(await client.receive());
  assertEquals(answers.map(({ number }) => number), [1, 2, 3, 4, 5, 6]);
  assertEquals(
    answers.map((answer) => "DIAL-BACK-RESULT" in answer.attributes && resultOf(answer).outcome),
    [false, "connected", false, false, "connected", false],
  );
  assertEquals((await visits).map(({ length }) => length), [1, 1]);
});

leakTest("StreamService counts dial-backs by outcome, and says how long each took", async () => {
  const { service, target } = serve(300);
  await using client = await TcpClient.connect(target);
  assertEquals(resultOf(await client.ask(request([DIAL_BACK]))).outcome, "refused");
  using listener = client.listen({ backlog: 1 });
  const crowd = await crowdOut(listener);
  const late = resultOf(await client.ask(request([DIAL_BACK])));
  assertEquals([late.outcome, late.elapsedMs >= 299], ["timed-out", true]);
  for (const one of crowd) {
    one.close();
    (await listener.accept()).close();
  }
  const [answer] = await Promise.all([
    client.ask(request([DIAL_BACK])),
    listener.accept().then(readVisit),
  ]);
  assertEquals(resultOf(answer).outcome, "connected");
  assertEquals(Object.fromEntries(service.dialBacks), {
    "refused": 1,
    "timed-out": 1,
    "connected": 1,
  });
  await service.close();
});

leakTest("StreamService.close() gives up all dial-backs at once and answers them", async () => {
  const { service, target } = serve(60_000);
  await using client = await TcpClient.connect(target);
  using listener = client.listen({ backlog: 1 });
  const crowd = await crowdOut(listener);
  const begun = performance.now();
  client.send(numbered(1), numbered(2, [DIAL_BACK]), numbered(3, [DIAL_BACK]), numbered(4));
  // The first answer is out before the dial-back begins, so the server is at it now
  assertEquals((await client.receive()).number, 1);
  await service.close();
  const answers = await client.end();
  assertEquals(answers.map(({ number }) => number), [2, 3, 4]);
  assertEquals(answers.slice(0, 2).map((answer) => resultOf(answer).outcome), [
    "timed-out",
    "timed-out",
  ]);
  // CLOSE_PATIENCE_MS would be 5000
  assertLess(performance.now() - begun, 4000);
  for (const one of crowd) one.close();
});

leakTest("StreamService ends a dial-back whose client has gone, and goes on", async () => {
  const { service, target } = serve(300);
  {
    await using client = await TcpClient.connect(target);
    client.send(numbered(1), numbered(2, [DIAL_BACK]));
    assertEquals((await client.receive()).number, 1);
  }
  await using client = await TcpClient.connect(target);
  assertEquals((await client.ask(request())).kind, "success");
  await service.close();
  assertEquals(service.connections, 0);
});

const SINGLE: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };
const PAIR: StunServerOptions = { ...SINGLE, alternateHostnames: ["127.0.0.2"] };

function start(server: StunServer, transport: "udp" | "tcp"): SocketAddress {
  return server.start().find((one) => one.transport === transport)!.address;
}

/** A TCP service on loopback whose dial-backs take so long at most. */
function serve(timeoutMs: number): { service: StreamService; target: SocketAddress } {
  const groups = openListeners({
    addresses: planListeners({ hostnames: ["127.0.0.1"] }),
    services: [{ transports: ["tcp"], port: 0 }],
    open: (_transport, address) => listenTcp(address),
  }) as readonly (readonly AcceptingListener[])[];
  const service = new StreamService({
    groups,
    policy: {
      responder: new ImpatientResponder(timeoutMs),
      limits: {
        maxConnections: 100,
        maxConnectionsPerAddress: 100,
        maxMessageBytes: 2048,
        timeouts: { idleMs: 60_000, partialMs: 60_000, writeMs: 60_000 },
      },
      proxies: [],
    },
    clock: systemClock,
    logger: silentLogger,
  });
  service.start();
  return { service, target: groups[0]![0]!.socket.localAddress };
}

/** Orders dial-backs with a patience of the test's choice. */
class ImpatientResponder extends StunResponder {
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    super({ dialBackPolicy: new DialBackPolicy() });
    this.#timeoutMs = timeoutMs;
  }

  override handle(arrival: Arrival): Reply | undefined {
    const reply = super.handle(arrival);
    if (reply?.dialBack === undefined) return reply;
    return { ...reply, dialBack: { ...reply.dialBack, timeoutMs: this.#timeoutMs } };
  }
}

/** Fills the queue of a listener, so that the system leaves further connections without an answer. */
async function crowdOut(listener: Deno.TcpListener): Promise<Deno.TcpConn[]> {
  const { hostname, port } = listener.addr;
  // Linux lets one more wait than the backlog says
  return await Promise.all([0, 1].map(() => Deno.connect({ hostname, port })));
}

function numbered(number: number, attributes = [] as ReturnType<typeof raw>[]): Uint8Array {
  const transactionId = ID.slice();
  transactionId[11] = number;
  return request(attributes, { transactionId });
}

function loopback(hostname: string, port: number): SocketAddress {
  return { ip: hostname === "::1" ? new Uint8Array(16).fill(1, 15) : LOOPBACK, port };
}

function resultOf({ attributes }: Heard): { outcome: string; elapsedMs: number } {
  return attributes["DIAL-BACK-RESULT"] as { outcome: string; elapsedMs: number };
}

function addressOf(text: string): string {
  return text.slice(0, text.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

function portOf(text: string): number {
  return Number(text.slice(text.lastIndexOf(":") + 1));
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
