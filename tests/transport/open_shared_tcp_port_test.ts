import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { connect as connectNode } from "node:net";
import { openTurnsTcpPort } from "../../lib/transport/_turns_tcp_port.ts";
import { libcIo } from "../../lib/transport/_libc.ts";
import {
  connectTcp,
  LibcError,
  ListenError,
  listenTcp,
  LocalPortError,
  openSharedTcpPort,
  type OpenSharedTcpPortOptions,
  type StreamConnection,
  type StreamListener,
} from "../../lib/transport/mod.ts";
import { formatIp } from "../../lib/wire/mod.ts";
import { testSharedTcpPort } from "../contracts/shared_tcp_port_contract.ts";
import { testStreamTransport } from "../contracts/stream_transport_contract.ts";
import { leakTest } from "../support/leak_test.ts";
import { unless, whyNotLinux } from "../support/skipped.ts";
import { readBytes } from "../support/stream_bytes.ts";
import { keepAliveIn } from "../support/tcp_table.ts";

/** Where there is no C library to call, there is one implementation. */
const AVAILABLE = libcIo().available;

for (const sharing of ["reuse-port", "turns"] as const) {
  if (sharing === "reuse-port" && !AVAILABLE) continue;
  const open = (options: Omit<OpenSharedTcpPortOptions, "sharing">) =>
    openSharedTcpPort({ ...options, sharing });

  testSharedTcpPort(`openSharedTcpPort() as ${sharing}`, { sharing, open });

  const used = new Set<number>();
  testStreamTransport(`SharedTcpPort.connect() as ${sharing}`, {
    listen: listenTcp,
    connect: async (address) => {
      const options = { ip: new Uint8Array(address.ip.length), port: 0 };
      let port = await open(options);
      // Nothing reserves a port that is used in turns: of twenty at once two may be given the same one
      while (used.has(port.localAddress.port)) {
        port.close();
        port = await open(options);
      }
      used.add(port.localAddress.port);
      try {
        return await port.connect(address);
      } finally {
        port.close();
      }
    },
    connectToReset: async ({ ip, port }) => {
      const socket = connectNode(port, formatIp(ip));
      await once(socket, "connect");
      return () => socket.resetAndDestroy();
    },
  });

  Deno.test({
    ...unless(
      whyNotLinux(),
      `SharedTcpPort.connect() as ${sharing} has keep-alive probes sent as it is told`,
    ),
    fn: async () => {
      const peer = listenTcp({ ip: LOOPBACK, port: 0 });
      const waits: number[] = [];
      for (const keepAliveMs of [60_999, undefined]) {
        const port = await open({ ip: LOOPBACK, port: 0 });
        const [mine, theirs] = await Promise.all([
          port.connect(peer.localAddress, { keepAliveMs }),
          peer.accept(),
        ]);
        port.close();
        waits.push(await keepAliveIn(mine.localAddress.port));
        closeAll([mine, theirs!]);
      }
      closeAll([peer]);
      const [chosen = 0, system = 0] = waits;
      assert(chosen > 50 && chosen <= 60, `${chosen} s, wanted 60`);
      assert(system > 60, `${system} s, wanted more than 60`);
    },
  });
}

if (AVAILABLE) {
  leakTest("openSharedTcpPort() as reuse-port loses no visitor while it connects", async () => {
    const port = await openSharedTcpPort({ ip: LOOPBACK, port: 0, sharing: "reuse-port" });
    port.listen();
    const peers = Array.from({ length: 50 }, () => listenTcp({ ip: LOOPBACK, port: 0 }));
    const opened: { close(): void }[] = [port, ...peers];
    let isConnecting = true;
    const visiting = (async () => {
      let served = 0;
      while (isConnecting || served < 100) {
        const visitor = await connectTcp(port.localAddress);
        await visitor.write(Uint8Array.of(served % 256));
        assertEquals(await readBytes(visitor, 1), [served % 256]);
        visitor.close();
        served++;
      }
    })();
    const serving = (async () => {
      for (let visit = await port.accept(); visit; visit = await port.accept()) {
        await visit.write(Uint8Array.from(await readBytes(visit, 1)));
        visit.close();
      }
    })();
    for (const peer of peers) {
      const [mine, theirs] = await Promise.all([port.connect(peer.localAddress), peer.accept()]);
      opened.push(mine, theirs!);
    }
    isConnecting = false;
    await visiting;
    closeAll(opened);
    await serving;
  });

  leakTest("openSharedTcpPort() as reuse-port makes one of two crossing connections", async () => {
    const options = { ip: LOOPBACK, port: 0, sharing: "reuse-port" } as const;
    const [one, two] = [await openSharedTcpPort(options), await openSharedTcpPort(options)];
    for (const port of [one, two]) port.listen();
    const crossing = [one.connect(two.localAddress), two.connect(one.localAddress)];
    const outcomes = await Promise.allSettled(crossing);
    const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
    const loser = outcomes[1 - winner];
    assert(loser?.status === "rejected" && loser.reason instanceof LocalPortError);
    assertEquals(loser.reason.problem, "pair-in-use");
    const mine = await crossing[winner]!;
    const theirs = (await [two, one][winner]!.accept())!;
    assertEquals(theirs.remoteAddress, mine.localAddress);
    await mine.write(Uint8Array.of(1));
    assertEquals(await readBytes(theirs, 1), [1]);
    closeAll([mine, theirs, one, two]);
  });

  leakTest(
    "openSharedTcpPort() as reuse-port keeps the port before it is listened on",
    async () => {
      const port = await openSharedTcpPort({ ip: LOOPBACK, port: 0, sharing: "reuse-port" });
      const error = assertThrows(() => listenTcp(port.localAddress), ListenError);
      assertEquals(error.code, "address-in-use");
      port.listen();
      closeAll([port]);
      closeAll([listenTcp(port.localAddress)]);
    },
  );

  Deno.test({
    name: "openSharedTcpPort() as auto takes turns when the C library is not allowed",
    permissions: { net: ["127.0.0.1"] },
    fn: async () => {
      const port = await openSharedTcpPort({ ip: LOOPBACK, port: 0 });
      assertEquals(port.sharing, "turns");
      await assertWorks(port);
    },
  });

  Deno.test({
    name: "openSharedTcpPort() as auto shares the port when the C library alone is allowed",
    permissions: {
      net: ["127.0.0.1"],
      ffi: [`/lib/${Deno.build.arch}-linux-gnu/libc.so.6`, "/lib64/libc.so.6"],
    },
    fn: async () => {
      const port = await openSharedTcpPort({ ip: LOOPBACK, port: 0 });
      assertEquals(port.sharing, "reuse-port");
      await assertWorks(port);
    },
  });

  Deno.test({
    name: "openSharedTcpPort() as reuse-port rejects when the C library is not allowed",
    permissions: { net: ["127.0.0.1"] },
    fn: async () => {
      await assertRejects(
        () => openSharedTcpPort({ ip: LOOPBACK, port: 0, sharing: "reuse-port" }),
        LibcError,
        "Cannot call the C library: Deno was run without permission",
      );
    },
  });
}

leakTest("openSharedTcpPort() takes turns when there is no --unstable-net", async () => {
  const found = Object.getOwnPropertyDescriptor(Deno, "listenDatagram")!;
  Object.defineProperty(Deno, "listenDatagram", { value: undefined, configurable: true });
  try {
    const port = await openSharedTcpPort({ ip: LOOPBACK, port: 0 });
    assertEquals(port.sharing, "turns");
    await assertWorks(port);
    const error = await assertRejects(
      () => openSharedTcpPort({ ip: LOOPBACK, port: 0, sharing: "reuse-port" }),
      ListenError,
    );
    assertEquals([error.code, error.message], [
      "unsupported",
      "Cannot listen on tcp 127.0.0.1:0: Deno was run without --unstable-net, which sharing a port takes",
    ]);
  } finally {
    Object.defineProperty(Deno, "listenDatagram", found);
  }
});

leakTest("openSharedTcpPort() as turns cannot listen when another program does", async () => {
  const port = await openSharedTcpPort({ ip: LOOPBACK, port: 0, sharing: "turns" });
  const thief = listenTcp(port.localAddress);
  assertEquals(assertThrows(() => port.listen(), ListenError).code, "address-in-use");
  thief.close();
  port.listen();
  await assertWorks(port);
});

leakTest(
  "openSharedTcpPort() as turns rejects accepts when the port is taken in a gap",
  async () => {
    const gaps: number[] = [];
    const thieves: StreamListener[] = [];
    const port = await openTurnsTcpPort({
      ip: LOOPBACK,
      port: 0,
      onGap: (ms) => gaps.push(ms),
      net: {
        connect: ((...args: Parameters<typeof connectNode>) => {
          thieves.push(listenTcp(port.localAddress));
          return connectNode(...args);
        }) as typeof connectNode,
      },
    });
    const peer = listenTcp({ ip: LOOPBACK, port: 0 });
    port.listen();
    const accepting = assertRejects(() => port.accept(), ListenError);
    const error = await assertRejects(() => port.connect(peer.localAddress), LocalPortError);
    assertEquals(error.problem, "in-use");
    assertEquals((await accepting).code, "address-in-use");
    assertEquals(gaps, []);
    closeAll(thieves);

    // The port is as good as new
    const pending = port.accept();
    port.listen();
    const visitor = await connectTcp(port.localAddress);
    const accepted = await pending;
    assertEquals(accepted!.remoteAddress, visitor.localAddress);
    closeAll([visitor, accepted!, peer, port]);
  },
);

/** Connects, listens, accepts and closes. */
async function assertWorks(port: Awaited<ReturnType<typeof openSharedTcpPort>>): Promise<void> {
  const peer = listenTcp({ ip: LOOPBACK, port: 0 });
  port.listen();
  const [mine, theirs] = await Promise.all([port.connect(peer.localAddress), peer.accept()]);
  assertEquals(theirs!.remoteAddress, port.localAddress);
  const [accepted, visitor] = await Promise.all([port.accept(), connectTcp(port.localAddress)]);
  assertEquals(accepted!.remoteAddress, visitor.localAddress);
  closeAll([mine, theirs!, accepted!, visitor, peer, port]);
}

function closeAll(all: readonly ({ close(): void } | StreamConnection)[]): void {
  for (const one of all) one.close();
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
