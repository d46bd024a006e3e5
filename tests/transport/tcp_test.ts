import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { connect as connectNode } from "node:net";
import {
  AcceptError,
  ConnectionError,
  connectTcp,
  ListenError,
  listenTcp,
  type StreamConnection,
} from "../../lib/transport/mod.ts";
import { libcIo } from "../../lib/transport/_libc.ts";
import { DenoStreamListener } from "../../lib/transport/deno_stream.ts";
import { listenEpoll } from "../../lib/transport/epoll_stream.ts";
import { formatIp, type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";
import { testStreamTransport } from "../contracts/stream_transport_contract.ts";
import { receivePattern, sendPattern } from "../support/stream_bytes.ts";

/** Every way to listen that there is here. */
const WAYS = [
  { io: "deno", name: "listenTcp()", listen: listenTcp },
  ...libcIo().available
    ? [{ io: "epoll", name: "listenEpoll()", listen: listenEpoll } as const]
    : [],
] as const;

for (const { io, name, listen } of WAYS) {
  testStreamTransport(`${name} and connectTcp()`, {
    listen,
    connect: connectTcp,
    connectToReset: async ({ ip, port }) => {
      const socket = connectNode(port, formatIp(ip));
      await once(socket, "connect");
      return () => socket.resetAndDestroy();
    },
  });

  Deno.test(`${name} throws when the port is in use`, () => {
    const listener = listen({ ip: LOOPBACK, port: 0 });
    const { port } = listener.localAddress;
    const error = assertThrows(() => listen({ ip: LOOPBACK, port }), ListenError);
    listener.close();
    assertEquals(error.code, "address-in-use");
    assertEquals(error.address, listener.localAddress);
    assertEquals(error.transport, "tcp");
    assertEquals(
      error.message,
      `Cannot listen on tcp 127.0.0.1:${port}: the address is in use by another program`,
    );
  });

  Deno.test(`${name} throws when the address is not this host's`, () => {
    const ip = Uint8Array.of(203, 0, 113, 1);
    const error = assertThrows(() => listen({ ip, port: 0 }), ListenError);
    assertEquals(error.code, "address-not-available");
  });

  Deno.test(`${name} shares a port when both listeners ask for it`, () => {
    const first = listen({ ip: LOOPBACK, port: 0, reusePort: true });
    const second = listen({ ip: LOOPBACK, port: first.localAddress.port, reusePort: true });
    assertEquals(second.localAddress, first.localAddress);
    first.close();
    second.close();
  });

  Deno.test(`${name} throws when its arguments are bad`, () => {
    assertThrows(() => listen({ ip: new Uint8Array(5), port: 0 }), RangeError);
    assertThrows(() => listen({ ip: LOOPBACK, port: 65_536 }), RangeError);
  });

  for (
    const [maxReadBytes, most] of [[undefined, 16_384], [65_536, 65_536], [4_096, 4_096]] as const
  ) {
    const option = maxReadBytes === undefined ? {} : { maxReadBytes };
    const when = `when maxReadBytes is ${maxReadBytes ?? "left out"}`;
    Deno.test(`${name} and connectTcp() read ${most} bytes at once ${when}`, async () => {
      const listener = listen({ ip: LOOPBACK, port: 0, ...option });
      const [client, server] = await Promise.all([
        connectTcp(listener.localAddress, option),
        listener.accept(),
      ]);
      const total = 1024 * 1024;
      for (const [from, to] of [[client, server!], [server!, client]] as const) {
        let largest = 0;
        await Promise.all([
          sendPattern(from, total),
          receivePattern(to, total, (bytes) => {
            largest = Math.max(largest, bytes);
            // So that there is more to be read the next time
            return new Promise((resolve) => setTimeout(resolve, 0));
          }),
        ]);
        assertEquals(largest, most);
      }
      for (const one of [client, server!, listener]) one.close();
    });
  }

  Deno.test(`${name} accepts again when descriptors have run out and some are free`, async () => {
    await assertSurvivesFullTable(io);
  });
}

Deno.test("connectTcp() rejects when nobody listens", async () => {
  const dead = deadAddress();
  const error = await assertRejects(() => connectTcp(dead), ConnectionError);
  assertEquals(error.code, "refused");
  assertEquals(
    error.message,
    `Cannot connect to tcp 127.0.0.1:${dead.port}: the peer refuses connections`,
  );
});

Deno.test("connectTcp() rejects when there is no way to the peer", async () => {
  const broadcast = socketAddress(Uint8Array.of(255, 255, 255, 255), 9);
  const error = await assertRejects(() => connectTcp(broadcast), ConnectionError);
  assertEquals(error.code, "unreachable");
});

Deno.test("connectTcp() rejects when the port is 0", async () => {
  await assertRejects(
    () => connectTcp(socketAddress(LOOPBACK, 0)),
    RangeError,
    "Cannot connect to tcp 127.0.0.1:0: the port is 0, wanted 1 to 65535",
  );
});

Deno.test("connectTcp() rejects when it is given up before it began", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(() => connectTcp(deadAddress(), { signal }), ConnectionError);
  assertEquals(error.code, "aborted");
  assertEquals(error.cause, reason);
});

Deno.test("connectTcp() rejects when the peer does not answer in time", async () => {
  // A full queue of waiting connections does not answer on Linux.
  const listener = listenTcp({ ip: LOOPBACK, port: 0, backlog: 1 });
  const waiting: StreamConnection[] = [];
  let error: unknown;
  while (error === undefined && waiting.length < 10) {
    const signal = AbortSignal.timeout(100);
    const attempt = connectTcp(listener.localAddress, { signal });
    await attempt.then((connection) => waiting.push(connection), (reason) => error = reason);
  }
  for (const connection of waiting) connection.close();
  listener.close();
  assert(error instanceof ConnectionError);
  assertEquals(error.code, "timed-out");
});

for (
  const [code, transient] of [
    ["EMFILE", true],
    ["ENFILE", true],
    ["ENOBUFS", true],
    ["ECONNABORTED", true],
    ["ENOTCONN", true],
    ["EPERM", true],
    ["EINVAL", false],
    [undefined, false],
  ] as const
) {
  Deno.test(`StreamListener.accept() rejects when the system says ${code}`, async () => {
    const cause = Object.assign(new Error("the system's words"), code && { code });
    const listener = new DenoStreamListener({
      addr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
      accept: () => Promise.reject(cause),
      close: () => {},
    });
    const error = await assertRejects(() => listener.accept(), AcceptError);
    assertEquals(error.code, code ?? "other");
    assertEquals(error.transient, transient);
    assertEquals(error.peerGaveUp, code === "ECONNABORTED" || code === "ENOTCONN");
    assertEquals(error.cause, cause);
  });
}

async function assertSurvivesFullTable(io: "deno" | "epoll"): Promise<void> {
  const child = new Deno.Command("sh", {
    // The child's own files take some 30 of these.
    args: ["-c", 'ulimit -n 60 && exec "$0" "$@"', Deno.execPath(), "run", ...CHILD, io],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new LineStream()).getReader();
  const said = async () => (await lines.read()).value;
  const address = socketAddress(LOOPBACK, Number((await said())!.split(" ")[1]));

  const held: StreamConnection[] = [];
  for (let i = 0; i < 60; i++) held.push(await connectTcp(address));
  assertEquals(
    await said(),
    "full EMFILE: Cannot accept a connection: " +
      "this process has no file descriptor left (ulimit -n)",
  );
  await held[0]!.write(Uint8Array.of(1));
  assertEquals(await held[0]!.read(), Uint8Array.of(1));
  for (const connection of held) connection.close();

  const later = await connectTcp(address);
  await later.write(Uint8Array.of(2));
  assertEquals(await later.read(), Uint8Array.of(2));
  later.close();
  child.kill("SIGTERM");
  await child.status;
  // It complained once: nothing else was said.
  assertEquals(await said(), undefined);
}

class LineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
    });
  }
}

function deadAddress(): SocketAddress {
  const listener = listenTcp({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  listener.close();
  return listener.localAddress;
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

const CHILD = [
  "--no-prompt",
  "--allow-net=127.0.0.1",
  "--allow-ffi",
  new URL("descriptor_limit_child.ts", import.meta.url).pathname,
];
