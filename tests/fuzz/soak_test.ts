// A long rain of damaged input on a server of its own process. SEED=… in the environment repeats a
// run whose seed a failure has printed.

import { assert, assertEquals } from "@std/assert";
import type { DatagramTransport } from "../../lib/transport/mod.ts";
import { askTcp, askUdp, bindingRequest, type Target } from "../support/binding_request.ts";
import { PinholeServer, ROOT } from "../support/pinhole_server.ts";
import { run } from "../support/process.ts";
import { unless, whyNoLibc } from "../support/skipped.ts";
import { mutatedMessage, mutatedStream, SeededRandom } from "./_mutator.ts";

for (const [io, workers] of [["deno", 1], ["batched", 1], ["batched", 2]] as const) {
  Deno.test({
    ...unless(
      io === "batched" ? whyNoLibc() : undefined,
      "the server survives 100,000 damaged datagrams and 2,000 damaged streams, " +
        `io ${io}, workers ${workers}`,
    ),
    fn: () => soak(io, workers),
  });
}

async function soak(io: DatagramTransport["io"], workers: number): Promise<void> {
  const seed = Number(Deno.env.get("SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  await Deno.stdout.write(new TextEncoder().encode(`SEED=${seed}\n`));
  const random = new SeededRandom(seed);
  await using server = await PinholeServer.start({
    args: ["--udp", io, "--workers", `${workers}`],
    permissions: io === "batched" ? ["--allow-ffi", `--allow-read=${ROOT}lib`] : [],
  });
  const [udp, tcp] = [server.target("udp"), server.target("tcp")];

  // The heap finds its size first, so that what is measured later is what does not come back.
  await sendDatagrams(udp, random, WARM_UP.datagrams);
  await sendStreams(tcp, random, WARM_UP.streams);
  const before = await residentBytes(server.pid);

  await sendDatagrams(udp, random, DATAGRAMS);
  await sendStreams(tcp, random, STREAMS);
  const grown = await residentBytes(server.pid) - before;

  for (const { bytes } of [await askUdp(udp), await askTcp(tcp)]) {
    assertEquals([bytes.length, bytes[0], bytes[1]], [32, 0x01, 0x01]);
  }
  assert(grown < MAX_GROWTH, `the server grew by ${grown} bytes (SEED=${seed})`);
  const { code, stderr } = await server.stop();
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
}

const DATAGRAMS = 100_000;
const STREAMS = 2_000;
const WARM_UP = { datagrams: 10_000, streams: 200 };
const MAX_GROWTH = 50 * 1024 * 1024;

// A batch fits the receive buffer of the server's socket (212,992 bytes, each datagram counting
// with the kernel's own structures), so that none is lost unread.
const BATCH = 32;
const STREAMS_AT_ONCE = 8;

async function sendDatagrams(target: Target, random: SeededRandom, count: number): Promise<void> {
  const socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  const address = { transport: "udp", ...target } as const;
  try {
    for (let sent = 0; sent < count; sent += BATCH) {
      for (let i = 0; i < BATCH; i++) await socket.send(mutatedMessage(random), address);
      // The server reads in order: the answer to this shows that it is through with the batch.
      await ask(socket, address);
    }
  } finally {
    socket.close();
  }
}

async function ask(socket: Deno.DatagramConn, address: Deno.NetAddr): Promise<void> {
  const request = bindingRequest();
  let attempts = 0;
  const send = () => {
    if (++attempts > 10) socket.close();
    else void socket.send(request, address).catch(() => {});
  };
  send();
  const resend = setInterval(send, 500);
  try {
    for await (const [bytes] of socket) {
      if (bytes.subarray(4, 20).join() === request.subarray(4).join()) return;
    }
    throw new Error("Cannot go on: the server no longer answers over UDP");
  } finally {
    clearInterval(resend);
  }
}

async function sendStreams(target: Target, random: SeededRandom, count: number): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await sendStream(target, random);
  };
  await Promise.all(Array.from({ length: STREAMS_AT_ONCE }, worker));
}

/** Writes a stream in pieces, then reads to its end, or leaves without a word. */
async function sendStream(target: Target, random: SeededRandom): Promise<void> {
  const bytes = mutatedStream(random);
  const cut = random.below(bytes.length + 1);
  const leaves = random.below(4) === 0;
  const connection = await Deno.connect(target);
  const timeout = setTimeout(() => connection.close(), 10_000);
  try {
    await writeAll(connection, bytes.subarray(0, cut));
    await writeAll(connection, bytes.subarray(cut));
    if (leaves) return;
    await connection.closeWrite();
    const buffer = new Uint8Array(65_536);
    while (await connection.read(buffer) !== null);
  } catch (error) {
    // The server closes on garbage, and may do so before everything is written or read.
    if (!CLOSED_BY_PEER.some((type) => error instanceof type)) throw error;
  } finally {
    clearTimeout(timeout);
    connection.close();
  }
}

const CLOSED_BY_PEER = [
  Deno.errors.ConnectionReset,
  Deno.errors.BrokenPipe,
  Deno.errors.NotConnected,
];

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await connection.write(bytes.subarray(written));
  }
}

// Deno opens /proc only with every permission; a child does without.
async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await run("cat", [`/proc/${pid}/status`]);
  const kilobytes = stdout.match(/^VmRSS:\s+(\d+) kB$/m)?.[1];
  assert(kilobytes !== undefined, `the server is gone, or this is not Linux: ${stdout}`);
  return Number(kilobytes) * 1024;
}
