import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { connect as connectNode } from "node:net";
import {
  ConnectionError,
  connectTcp,
  connectTcpFrom,
  type ConnectTcpFromOptions,
  freeTcpPort,
  ListenError,
  listenTcp,
  LocalPortError,
  type ResettableConnection,
  type StreamConnection,
  type StreamListener,
} from "../../lib/transport/mod.ts";
import { formatIp, socketAddress } from "../../lib/wire/mod.ts";
import { testStreamTransport } from "../contracts/stream_transport_contract.ts";
import { leakTest } from "../support/leak_test.ts";
import { unless, whyNotLinux } from "../support/skipped.ts";
import { keepAliveIn, loopbackSocketsOn } from "../support/tcp_table.ts";
import { ResettingPeer, SilentPeer } from "./difficult_peers.ts";

testStreamTransport("listenTcp() and connectTcpFrom()", {
  listen: listenTcp,
  connect: (address) => connectTcpFrom(address, { localPort: 0 }),
  connectToReset: async ({ ip, port }) => {
    const socket = connectNode(port, formatIp(ip));
    await once(socket, "connect");
    return () => socket.resetAndDestroy();
  },
});

leakTest(
  "connectTcpFrom() connects to several peers from one port, then it is listened on",
  async () => {
    const peers = [listen(), listen("127.0.0.2"), listen("127.0.0.2")];
    const localPort = freeTcpPort();
    const pairs = await Promise.all(peers.map((peer) => meet(peer, { localPort })));
    assertEquals(
      pairs.map(([mine, theirs]) => [mine.localAddress, theirs.remoteAddress]),
      pairs.map(() => [socketAddress(LOOPBACK, localPort), socketAddress(LOOPBACK, localPort)]),
    );
    assertEquals(
      pairs.map(([mine]) => mine.remoteAddress),
      peers.map(({ localAddress }) => localAddress),
    );

    const own = listenTcp({ ip: ANY, port: localPort });
    const [visitor, visit] = await Promise.all([
      connectTcp(socketAddress(LOOPBACK, localPort)),
      own.accept(),
    ]);
    for (const [i, [mine, theirs]] of pairs.entries()) {
      await mine.write(Uint8Array.of(i));
      assertEquals(await theirs.read(), Uint8Array.of(i));
    }
    await visitor.write(Uint8Array.of(9));
    assertEquals(await visit!.read(), Uint8Array.of(9));
    closeAll(pairs.flat(), [visitor, visit!], [own], peers);
  },
);

leakTest("connectTcpFrom() shares the port that the system chose", async () => {
  const peers = [listen(), listen()];
  const [first, theirs] = await meet(peers[0]!, { localPort: 0 });
  const { port } = first.localAddress;
  assert(port > 0);
  const second = await meet(peers[1]!, { localPort: port });
  assertEquals(second[0].localAddress, first.localAddress);
  closeAll([first, theirs], second, peers);
});

leakTest("connectTcpFrom() leaves from the IP address that it is given", async () => {
  const peer = listen();
  const localIp = Uint8Array.of(127, 0, 0, 7);
  const localPort = freeTcpPort(localIp);
  const [mine, theirs] = await meet(peer, { localPort, localIp });
  assertEquals(theirs.remoteAddress, { ip: localIp, port: localPort });
  assertEquals(mine.localAddress, { ip: localIp, port: localPort });
  closeAll([mine, theirs], [peer]);
});

leakTest("connectTcpFrom() rejects when somebody listens on the port", async () => {
  const [peer, own] = [listen(), listen("0.0.0.0")];
  const localPort = own.localAddress.port;
  const error = await assertRejects(
    () => connectTcpFrom(peer.localAddress, { localPort }),
    LocalPortError,
  );
  assertEquals([error.code, error.problem], ["other", "in-use"]);
  assertEquals(
    error.message,
    `Cannot connect to tcp 127.0.0.1:${peer.localAddress.port} from port ${localPort}: ` +
      "the local port is in use; what listens on it has to listen afterwards",
  );
  closeAll([peer, own]);
});

leakTest("connectTcpFrom() rejects when the port is connected to the same peer", async () => {
  const peer = listen();
  const pair = await meet(peer, { localPort: 0 });
  const localPort = pair[0].localAddress.port;
  const name = `Cannot connect to tcp 127.0.0.1:${peer.localAddress.port} from port ${localPort}`;
  for (
    const [localIp, doubt] of [
      [undefined, ""],
      [LOOPBACK, ", or there is no way to 127.0.0.1 from 127.0.0.1"],
    ] as const
  ) {
    const error = await assertRejects(
      () => connectTcpFrom(peer.localAddress, { localPort, localIp }),
      LocalPortError,
    );
    assertEquals([error.code, error.problem], ["other", "pair-in-use"]);
    assertEquals(
      error.message,
      `${name}: the port is, or was a moment ago, connected to that address${doubt}`,
    );
  }
  closeAll(pair, [peer]);
});

leakTest("connectTcpFrom() rejects when the local IP address is somebody else's", async () => {
  const peer = listen();
  const localIp = Uint8Array.of(203, 0, 113, 5);
  const error = await assertRejects(
    () => connectTcpFrom(peer.localAddress, { localPort: 0, localIp }),
    LocalPortError,
  );
  assertEquals([error.code, error.problem], ["other", "not-local"]);
  assertEquals(
    error.message,
    `Cannot connect to tcp 127.0.0.1:${peer.localAddress.port} from port 0: ` +
      "203.0.113.5 is not an address of this host",
  );
  closeAll([peer]);
});

leakTest("connectTcpFrom() rejects when nobody listens", async () => {
  const dead = socketAddress(LOOPBACK, freeTcpPort(LOOPBACK));
  const localPort = freeTcpPort();
  const error = await assertRejects(() => connectTcpFrom(dead, { localPort }), ConnectionError);
  assertEquals(error.code, "refused");
  assertEquals(
    error.message,
    `Cannot connect to tcp 127.0.0.1:${dead.port} from port ${localPort}: ` +
      "the peer refuses connections",
  );
});

leakTest("connectTcpFrom() rejects when there is no way to the peer", async () => {
  const broadcast = socketAddress(Uint8Array.of(255, 255, 255, 255), 9);
  const error = await assertRejects(
    () => connectTcpFrom(broadcast, { localPort: 0 }),
    ConnectionError,
  );
  assertEquals(error.code, "unreachable");
});

leakTest("connectTcpFrom() rejects when it is given up before it began", async () => {
  const peer = listen();
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(
    () => connectTcpFrom(peer.localAddress, { localPort: 0, signal }),
    ConnectionError,
  );
  assertEquals([error.code, error.cause], ["aborted", reason]);
  closeAll([peer]);
});

for (
  const [how, reason, code] of [
    ["is given up", new Error("enough"), "aborted"],
    ["takes too long", new DOMException("too long", "TimeoutError"), "timed-out"],
  ] as const
) {
  linuxTest(`connectTcpFrom() rejects and frees the port when it ${how}`, async () => {
    await using silent = await SilentPeer.open();
    const localPort = freeTcpPort();
    const controller = new AbortController();
    const dialling = connectTcpFrom(silent.address, { localPort, signal: controller.signal });
    // Others see from the system's table alone that it has begun
    while ((await loopbackSocketsOn(localPort)).length === 0);
    controller.abort(reason);
    const error = await assertRejects(() => dialling, ConnectionError);
    assertEquals(error.code, code);
    while ((await loopbackSocketsOn(localPort)).length > 0);
  });
}

leakTest("connectTcpFrom() forgets the signal when the connection is there", async () => {
  const peer = listen();
  const controller = new AbortController();
  const [mine, theirs] = await meet(peer, { localPort: 0, signal: controller.signal });
  controller.abort();
  await mine.write(Uint8Array.of(1));
  assertEquals(await theirs.read(), Uint8Array.of(1));
  closeAll([mine, theirs], [peer]);
});

for (
  const [name, address, options, message] of [
    ["the peer's port is 0", [4, 0], {}, "from port 1024: the port is 0, wanted 1 to 65535"],
    [
      "the addresses are of two families",
      [4, 9],
      { localIp: new Uint8Array(16) },
      "from port 1024: the local IP address has 16 bytes, wanted 4",
    ],
    [
      "keepAliveMs is less than TCP can count",
      [4, 9],
      { keepAliveMs: 999 },
      "from port 1024: keepAliveMs is 999, wanted 1000 to 32767000",
    ],
    [
      "keepAliveMs is more than TCP can count",
      [4, 9],
      { keepAliveMs: 32_768_000 },
      "from port 1024: keepAliveMs is 32768000, wanted 1000 to 32767000",
    ],
    ["keepAliveMs is no number", [4, 9], { keepAliveMs: NaN }, "keepAliveMs is NaN"],
    ["the local port is out of range", [4, 9], { localPort: 65_536 }, "65536"],
    ["the local port is no integer", [4, 9], { localPort: 1.5 }, "1.5"],
    ["an IP address has 5 bytes", [5, 9], {}, "5 bytes"],
  ] as const
) {
  leakTest(`connectTcpFrom() rejects when ${name}`, async () => {
    const [bytes, port] = address;
    const to = { ip: new Uint8Array(bytes).fill(127, 0, 1).fill(1, -1), port };
    await assertRejects(
      () => connectTcpFrom(to, { localPort: 1024, ...options }),
      RangeError,
      message,
    );
  });
}

leakTest("connectTcpFrom() reads what came before the peer reset the connection", async () => {
  await using peer = await ResettingPeer.open();
  const connection = await connectTcpFrom(peer.address, { localPort: 0 });
  const socket = await peer.accepted;
  const name = `127.0.0.1:${peer.address.port}`;
  const sent = new Promise<void>((resolve) => socket.write(Uint8Array.of(1, 2), () => resolve()));
  await sent;
  assertEquals(await connection.read(), Uint8Array.of(1, 2));
  const pending = assertRejects(() => connection.read(), ConnectionError);
  socket.resetAndDestroy();
  const errors = [
    await pending,
    await assertRejects(() => connection.read(), ConnectionError),
    await assertRejects(() => connection.write(Uint8Array.of(3)), ConnectionError),
    await assertRejects(() => connection.closeWrite(), ConnectionError),
  ];
  assertEquals(errors.map(({ code, message }) => [code, message]), [
    ["reset", `Cannot read from ${name}: the peer reset the connection`],
    ["reset", `Cannot read from ${name}: the peer reset the connection`],
    ["reset", `Cannot write to ${name}: the peer reset the connection`],
    ["reset", `Cannot end the stream to ${name}: the peer reset the connection`],
  ]);
  connection.close();
  assertEquals(await connection.read(), undefined);
});

linuxTest("connectTcpFrom() gives a connection whose reset() leaves nothing behind", async () => {
  const peer = listen();
  const [mine, theirs] = await meet(peer, { localPort: 0 });
  const { port } = mine.localAddress;
  mine.reset();
  mine.reset();
  mine.close();
  assertEquals(await mine.read(), undefined);
  await assertRejects(() => mine.write(Uint8Array.of(1)), ConnectionError, "is closed");
  const error = await assertRejects(() => theirs.read(), ConnectionError);
  assertEquals(error.code, "reset");
  assertEquals(await loopbackSocketsOn(port), []);
  closeAll([theirs], [peer]);
});

linuxTest("connectTcpFrom() gives a connection whose close() leaves TIME_WAIT behind", async () => {
  const peer = listen();
  const [mine, theirs] = await meet(peer, { localPort: 0 });
  const { port } = mine.localAddress;
  mine.close();
  assertEquals(await theirs.read(), undefined);
  theirs.close();
  // st: 06 is TIME_WAIT, after FIN_WAIT2
  while (!/ 06 /.test((await loopbackSocketsOn(port)).join()));
  closeAll([peer]);
});

leakTest(
  "connectTcpFrom() rejects pending writes when the peer resets the connection",
  async () => {
    await using peer = await ResettingPeer.open();
    const connection = await connectTcpFrom(peer.address, { localPort: 0 });
    const socket = await peer.accepted;
    const writes = [
      connection.write(new Uint8Array(32 * 1024 * 1024)),
      connection.write(Uint8Array.of(1)),
      connection.closeWrite(),
    ];
    socket.resetAndDestroy();
    const outcomes = await Promise.allSettled(writes);
    assertEquals(
      outcomes.map((one) => one.status === "rejected" && (one.reason as ConnectionError).code),
      ["reset", "reset", "reset"],
    );
    connection.close();
  },
);

linuxTest(
  "connectTcpFrom() has TCP send keep-alive probes after the time it is given",
  async () => {
    const peer = listen();
    const chosen = await meet(peer, { localPort: 0, keepAliveMs: 60_000 });
    const usual = await meet(peer, { localPort: 0 });
    const [seconds = 0, system = 0] = await Promise.all(
      [chosen, usual].map(([mine]) => keepAliveIn(mine.localAddress.port)),
    );
    assert(seconds > 50 && seconds <= 60, `${seconds} s, wanted 60`);
    assert(system > 60, `${system} s, wanted more than 60`);
    closeAll(chosen, usual, [peer]);
  },
);

leakTest("freeTcpPort() gives a port that can be listened on", () => {
  for (const ip of [undefined, ANY, LOOPBACK, new Uint8Array(16)]) {
    const port = freeTcpPort(ip);
    const listener = listenTcp({ ip: ip ?? ANY, port });
    assertEquals(listener.localAddress.port, port);
    listener.close();
  }
});

leakTest("freeTcpPort() throws when the IP address is somebody else's or none", () => {
  const error = assertThrows(() => freeTcpPort(Uint8Array.of(203, 0, 113, 5)), ListenError);
  assertEquals(error.code, "address-not-available");
  assertThrows(() => freeTcpPort(new Uint8Array(5)), RangeError);
});

Deno.test("lib/transport loads no module of Node's before one is needed", async () => {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL("../../lib/transport/mod.ts", import.meta.url).pathname],
    env: { NO_COLOR: "1" },
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: readonly {
      readonly specifier: string;
      readonly dependencies?: readonly {
        readonly specifier: string;
        readonly code?: unknown;
        readonly isDynamic?: boolean;
      }[];
    }[];
  };
  assert(modules.length > 20, new TextDecoder().decode(stderr));
  const eager = modules.flatMap(({ specifier, dependencies = [] }) =>
    dependencies.filter((one) =>
      one.specifier.startsWith("node:") && one.code !== undefined && one.isDynamic !== true
    ).map((one) => `${specifier}: ${one.specifier}`)
  );
  assertEquals(eager, []);
});

/** A test that looks into Linux's own table of sockets. */
function linuxTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ ...unless(whyNotLinux(), name), fn });
}

function listen(hostname: "127.0.0.1" | "127.0.0.2" | "0.0.0.0" = "127.0.0.1"): StreamListener {
  return listenTcp({ ip: Uint8Array.from(hostname.split("."), Number), port: 0 });
}

async function meet(
  peer: StreamListener,
  options: ConnectTcpFromOptions,
): Promise<readonly [mine: ResettableConnection, theirs: StreamConnection]> {
  const [mine, theirs] = await Promise.all([
    connectTcpFrom(peer.localAddress, options),
    peer.accept(),
  ]);
  return [mine, theirs!];
}

function closeAll(...groups: readonly (readonly { close(): void }[])[]): void {
  for (const one of groups.flat()) one.close();
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const ANY = new Uint8Array(4);
