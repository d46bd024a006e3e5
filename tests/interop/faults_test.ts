// What goes wrong on a public server, done to server.ts as a process of its own: slow, silent, deaf
// and dead clients, too many of them, no file descriptors left. Each test ends with a plain query
// over UDP and TCP that is answered promptly, and a server that stops cleanly, without a complaint.

import { assert, assertEquals, assertLess } from "@std/assert";
import { askTcp, askUdp, bindingRequest } from "../support/binding_request.ts";
import { connectFrom, HeldConnection, isReset } from "../support/held_connection.ts";
import { PinholeServer } from "../support/pinhole_server.ts";
import { Child, run } from "../support/process.ts";
import { processUsage } from "../support/process_usage.ts";
import { testWithTool, type Tool } from "../support/tool.ts";

Deno.test("a connection that sends a byte a second is answered, or closed after 30 s", async () => {
  await using server = await PinholeServer.start();
  using plain = await HeldConnection.open(server.target("tcp"));
  using long = await HeldConnection.open(server.target("tcp"));
  const begun = performance.now();

  const answered = async () => {
    const request = bindingRequest();
    await drip(plain, request);
    await plain.answerTo(request);
    await assertAnswers(server);
  };
  const closed = async () => {
    const request = new Uint8Array(48); // would take 47 s
    request.set(bindingRequest());
    request[3] = request.length - 20;
    const end = long.end({ timeoutMs: 60_000 });
    await drip(long, request, end);
    return await end;
  };
  const [, end] = await Promise.all([answered(), closed()]);

  const elapsedMs = performance.now() - begun;
  assertEquals(end, "fin");
  assert(elapsedMs > 29_000 && elapsedMs < 45_000, `closed after ${elapsedMs} ms, wanted 30 s`);
  await assertSound(server);
});

Deno.test("2,000 connections that say nothing hinder nobody, and go when their time is up", async () => {
  await using server = await PinholeServer.start({
    args: ["--max-connections-per-address", "4000", "--idle-timeout", "10"],
  });
  const silent = await HeldConnection.openMany(server.target("tcp"), 2_000);
  try {
    await eventually("all are accepted", async () => (await descriptors(server)) > 2_000);
    await assertAnswers(server);
    const ends = await Promise.all(silent.map((one) => one.end({ timeoutMs: 30_000 })));
    assertEquals(ends.filter((end) => end !== "fin"), []);
  } finally {
    for (const one of silent) one.close();
  }
  await eventually("all are gone", async () => (await descriptors(server)) < 200);
  await assertSound(server);
});

Deno.test("clients that ask and never read are closed, and not buffered for", async () => {
  await using server = await PinholeServer.start({ args: ["--rate-limit", "0"] });
  await assertAnswers(server);
  const before = await processUsage(server.pid);
  const deaf = await HeldConnection.openMany(server.target("tcp"), 50);
  const begun = performance.now();
  const talks = Promise.all(deaf.map(talkUntilReset));
  const timeout = setTimeout(() => deaf.forEach((one) => one.close()), 90_000);
  try {
    await assertAnswers(server);
    await talks;
  } finally {
    clearTimeout(timeout);
    for (const one of deaf) one.close();
  }
  // 30 s for the answers to be taken, a second of sweeping, and the time to fill the buffers
  const elapsedMs = performance.now() - begun;
  assert(elapsedMs > 29_000 && elapsedMs < 60_000, `closed after ${elapsedMs} ms, wanted 30 s`);
  const { peakResidentBytes } = await processUsage(server.pid);
  const grown = peakResidentBytes - before.residentBytes;
  // The heap of a busy server finds its size, some 100 MB; a server that buffered what it is asked
  // in half a minute would take thousands
  assertLess(grown, 250 * MEGABYTE, `the server grew by ${grown} bytes`);
  await assertSound(server);
});

testWithTool({
  name: "a client that is killed in the middle of a message leaves nothing behind",
  tools: [{ command: "bash", package: "bash" }],
  fn: async () => {
    await using server = await PinholeServer.start();
    await assertAnswers(server);
    const before = await descriptors(server);
    const { hostname, port } = server.target("tcp");
    const escaped = [...bindingRequest()].map((byte) => `\\x${byte.toString(16)}`);
    // With an answer that nobody reads the killed client's end is a reset, without one a FIN
    for (const bytes of [escaped.slice(0, 11), [...escaped, ...escaped.slice(0, 11)]]) {
      await using client = new Child("bash", [
        "-c",
        `exec 3<>/dev/tcp/${hostname}/${port}; printf '${bytes.join("")}' >&3; echo sent; ` +
        "exec sleep 60",
      ]);
      await client.line(/^sent$/);
      await eventually("it is accepted", async () => (await descriptors(server)) > before);
      await assertAnswers(server);
      client.kill("SIGKILL");
      assertEquals((await client.status).signal, "SIGKILL");
      await eventually("it is gone", async () => (await descriptors(server)) <= before);
    }
    await assertSound(server);
  },
});

const PRLIMIT: Tool = { command: "prlimit", package: "util-linux" };

testWithTool({
  name: "without a file descriptor left the server holds what it has, says so once, and recovers",
  tools: [PRLIMIT],
  fn: async () => {
    await using server = await PinholeServer.start();
    await assertAnswers(server);
    using held = await HeldConnection.open(server.target("tcp"));
    await held.ask();
    // As `ulimit -n 256` would have it
    const limited = await run("prlimit", ["--pid", `${server.pid}`, "--nofile=256:256"]);
    assertEquals(limited, { code: 0, stdout: "", stderr: "" });
    const greedy = await HeldConnection.openMany(server.target("tcp"), 300);
    try {
      await server.child.line(/"message":"cannot accept connections".*no file descriptor left/);
      assert(await descriptors(server) > 200);
      // The server tries again every 100 ms: ten times in this second
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await askUdp(server.target("udp"), { timeoutMs: PROMPTLY_MS });
      await held.ask();
    } finally {
      for (const one of greedy) one.close();
    }
    await eventually(
      "it accepts again",
      () => askTcp(server.target("tcp"), { timeoutMs: PROMPTLY_MS }).then(() => true, () => false),
    );
    await held.ask();
    assertEquals(linesWith(server, "cannot accept connections"), 1);
    await assertSound(server);
  },
});

for (
  const { flag, limit, refusal } of [
    { flag: "--max-connections", limit: 50, refusal: "too many connections" },
    {
      flag: "--max-connections-per-address",
      limit: 10,
      refusal: "too many connections of one address",
    },
  ] as const
) {
  Deno.test(`a flood of connections over ${flag} is refused, and those held stay`, async () => {
    await using server = await PinholeServer.start({ args: [flag, `${limit}`] });
    const target = server.target("tcp");
    const held = await HeldConnection.openMany(target, limit);
    try {
      for (const one of held) await one.ask();
      const flood = await HeldConnection.openMany(target, 500);
      const ends = await Promise.all(flood.map((one) => one.end({ timeoutMs: 10_000 })));
      for (const one of flood) one.close();
      assertEquals(ends.filter((end) => end !== "fin"), []);
      for (const one of held) await one.ask();
      assertEquals(linesWith(server, "connection refused"), 1);
      assertEquals(linesWith(server, `connection refused: ${refusal}"`), 1);
      if (flag === "--max-connections-per-address") await assertAnswersOther(server);
      await askUdp(server.target("udp"), { timeoutMs: PROMPTLY_MS });
    } finally {
      for (const one of held) one.close();
    }
    await eventually(
      "there is room again",
      () => askTcp(target, { timeoutMs: PROMPTLY_MS }).then(() => true, () => false),
    );
    await assertSound(server);
  });
}

Deno.test("SIGTERM with 500 open connections ends the server within seconds, each by FIN", async () => {
  await using server = await PinholeServer.start();
  const held = await HeldConnection.openMany(server.target("tcp"), 500);
  try {
    for (const one of held) await one.ask();
    await assertAnswers(server);
    const begun = performance.now();
    const ends = Promise.all(held.map((one) => one.end({ timeoutMs: 10_000 })));
    const { code, stderr } = await server.stop();
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertLess(performance.now() - begun, 4_000);
    assertEquals((await ends).filter((end) => end !== "fin"), []);
    assertEquals(linesWith(server, "stopped"), 1);
  } finally {
    for (const one of held) one.close();
  }
});

/** Writes a byte a second, until all are written or the connection has ended. */
async function drip(
  connection: HeldConnection,
  bytes: Uint8Array,
  end: Promise<unknown> = new Promise(() => {}),
): Promise<void> {
  const over = end.then(() => true);
  for (let i = 0; i < bytes.length; i++) {
    await connection.write(bytes.subarray(i, i + 1));
    if (i === bytes.length - 1) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const second = new Promise<false>((resolve) => timer = setTimeout(resolve, 1_000, false));
    const ended = await Promise.race([over, second]);
    clearTimeout(timer);
    if (ended) return;
  }
}

/** Writes requests as fast as they are taken and reads nothing, until the server breaks it off. */
async function talkUntilReset(connection: HeldConnection): Promise<void> {
  const requests = new Uint8Array(20 * 1_000);
  for (let at = 0; at < requests.length; at += 20) requests.set(bindingRequest(), at);
  try {
    for (;;) await connection.write(requests);
  } catch (error) {
    if (!isReset(error)) throw error;
  }
}

/** The server answers a plain query on either transport, at once. */
async function assertAnswers(server: PinholeServer): Promise<void> {
  const answers = await Promise.all([
    askUdp(server.target("udp"), { timeoutMs: PROMPTLY_MS }),
    askTcp(server.target("tcp"), { timeoutMs: PROMPTLY_MS }),
  ]);
  for (const { bytes } of answers) {
    assertEquals([bytes.length, bytes[0], bytes[1]], [32, 0x01, 0x01]);
  }
}

/** The same over TCP from another address than all the rest. */
async function assertAnswersOther(server: PinholeServer): Promise<void> {
  const socket = await connectFrom("127.0.0.2", server.target("tcp"));
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timeout = setTimeout(() => reject(new Error("Cannot ask: no answer")), PROMPTLY_MS);
    socket.once("data", resolve).once("error", reject);
    socket.once("close", () => reject(new Error("Cannot ask: the connection was closed")));
    socket.write(bindingRequest());
    const answer = await promise.finally(() => clearTimeout(timeout));
    assertEquals([answer.length, answer[0], answer[1]], [32, 0x01, 0x01]);
  } finally {
    socket.destroy();
  }
}

/** It answers, and when told to stop it does, without having complained of itself. */
async function assertSound(server: PinholeServer): Promise<void> {
  await assertAnswers(server);
  const { code, stdout, stderr } = await server.stop();
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const errors = stdout.split("\n").filter((line) => line.includes('"level":"error"'));
  assertEquals(errors, []);
}

/** Waits for what no event tells of. */
async function eventually(what: string, is: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!await is()) {
    if (performance.now() > deadline) throw new Error(`Cannot see that ${what}: 15 s have passed`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function descriptors(server: PinholeServer): Promise<number> {
  return (await processUsage(server.pid)).descriptors;
}

function linesWith(server: PinholeServer, text: string): number {
  return server.child.stdout.split("\n").filter((line) => line.includes(text)).length;
}

/** Much more than an answer takes on a busy machine, much less than a client's patience. */
const PROMPTLY_MS = 3_000;

const MEGABYTE = 1024 * 1024;
