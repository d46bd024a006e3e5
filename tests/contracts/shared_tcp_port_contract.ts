import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ConnectionError,
  connectTcp,
  ListenError,
  LocalPortError,
  type OpenSharedTcpPortOptions,
  type SharedTcpPort,
  type StreamConnection,
  type TcpPortSharing,
} from "../../lib/transport/mod.ts";
import { formatSocketAddress, socketAddress } from "../../lib/wire/mod.ts";
import { leakTest } from "../support/leak_test.ts";
import { processUsage } from "../support/process_usage.ts";
import { readToEnd, receivePattern, sendPattern } from "../support/stream_bytes.ts";
import { exchange, ip, type Meeting, Scene } from "./_tcp_port_scene.ts";
import { ResettingPeer, SilentPeer } from "../transport/difficult_peers.ts";

/** The implementation under test. */
export interface SharedTcpPortUnderTest {
  /** What it says that it is. */
  readonly sharing: TcpPortSharing;
  /** Opens a port. */
  open(options: Omit<OpenSharedTcpPortOptions, "sharing">): Promise<SharedTcpPort>;
}

/** Registers the tests that every shared TCP port passes. */
export function testSharedTcpPort(name: string, { sharing, open }: SharedTcpPortUnderTest): void {
  const test = (behaviour: string, run: (scene: Scene) => Promise<void>) =>
    leakTest(`${name} ${behaviour}`, async () => {
      await using scene = new Scene(await open({ ip: LOOPBACK, port: 0 }));
      await run(scene);
    });

  for (
    const [bound, host] of [
      ["0.0.0.0", "127.0.0.1"],
      ["127.0.0.2", "127.0.0.2"],
      ["::", "127.0.0.1"],
      ["::", "::1"],
      ["::1", "::1"],
    ] as const
  ) {
    leakTest(
      `${name} is connected and reached at ${host} when it is bound to ${bound}`,
      async () => {
        await using scene = new Scene(await open({ ip: ip(bound), port: 0 }));
        const { port: number } = scene.port.localAddress;
        assertEquals(scene.port.localAddress, { ip: ip(bound), port: number });
        assertEquals(scene.port.sharing, sharing);
        scene.port.listen();
        const out = await scene.meet(scene.peer(host));
        const visit = await scene.visit(host);
        for (const one of [out.mine, visit.mine]) {
          assertEquals(one.localAddress, { ip: ip(host), port: number });
        }
        assertEquals(out.theirs.remoteAddress, out.mine.localAddress);
        assertEquals(out.mine.remoteAddress, out.theirs.localAddress);
        assertEquals(visit.mine.remoteAddress, visit.theirs.localAddress);
        await exchange(out);
        await exchange(visit);
      },
    );
  }

  for (
    const order of [
      ["connect", "listen", "accept"],
      ["connect", "accept", "listen"],
      ["listen", "connect", "accept"],
      ["listen", "accept", "connect"],
      ["accept", "listen", "connect"],
      ["accept", "connect", "listen"],
    ] as const
  ) {
    test(`does ${order.join(", ")} at one go`, async (scene) => {
      const peer = scene.peer();
      let connecting: Promise<Meeting> | undefined;
      let accepting: Promise<StreamConnection | undefined> | undefined;
      for (const step of order) {
        if (step === "connect") connecting = scene.meet(peer);
        if (step === "listen") scene.port.listen();
        if (step === "accept") accepting = scene.port.accept();
      }
      await exchange(await connecting!);
      const theirs = scene.keep(await connectTcp(scene.port.localAddress));
      await exchange({ mine: scene.keep((await accepting!)!), theirs });
    });
  }

  leakTest(`${name} begins many connections at once while it is listened on`, async () => {
    const gaps: number[] = [];
    const onGap = (ms: number) => gaps.push(ms);
    await using scene = new Scene(await open({ ip: LOOPBACK, port: 0, onGap }));
    scene.port.listen();
    const peers = Array.from({ length: 20 }, () => scene.peer());
    const meetings = await Promise.all(peers.map((peer) => scene.meet(peer)));
    for (const meeting of meetings) await exchange(meeting);
    await exchange(await scene.visit());
    // All of them share one gap
    assertEquals(gaps.length, sharing === "turns" ? 1 : 0);
    assert(gaps.every((ms) => ms >= 0));
  });

  test("gives out who came before each of 50 connections, and listens after them", async (scene) => {
    scene.port.listen();
    for (let i = 0; i < 50; i++) {
      const visitor = scene.keep(await connectTcp(scene.port.localAddress));
      const out = await scene.meet(scene.peer());
      const accepted = scene.keep((await scene.port.accept())!);
      assertEquals(accepted.remoteAddress, visitor.localAddress);
      await exchange({ mine: accepted, theirs: visitor });
      await exchange(out);
    }
    await exchange(await scene.visit());
  });

  test("preserves half-closes of both sides, connected and accepted", async (scene) => {
    scene.port.listen();
    const meetings = [await scene.meet(scene.peer()), await scene.visit()];
    const reversed = [await scene.meet(scene.peer()), await scene.visit()]
      .map(({ mine, theirs }) => ({ mine: theirs, theirs: mine }));
    for (const { mine, theirs } of [...meetings, ...reversed]) {
      await mine.write(Uint8Array.of(1));
      await mine.closeWrite();
      assertEquals(await readToEnd(theirs), [1]);
      await theirs.write(Uint8Array.of(2, 3));
      await theirs.closeWrite();
      assertEquals(await readToEnd(mine), [2, 3]);
    }
  });

  test("reads what came with the end before anybody read", async (scene) => {
    const peer = scene.peer();
    const connecting = scene.port.connect(peer.localAddress);
    const theirs = scene.keep((await peer.accept())!);
    await theirs.write(Uint8Array.of(1, 2, 3));
    await theirs.closeWrite();
    const mine = scene.keep(await connecting);
    assertEquals(await readToEnd(mine), [1, 2, 3]);
    await mine.write(Uint8Array.of(4));
    await mine.closeWrite();
    assertEquals(await readToEnd(theirs), [4]);
  });

  test("tells when the peer resets the connection", async (scene) => {
    await using peer = await ResettingPeer.open();
    const mine = scene.keep(await scene.port.connect(peer.address));
    const pending = assertRejects(() => mine.read(), ConnectionError);
    (await peer.accepted).resetAndDestroy();
    assertEquals((await pending).code, "reset");
  });

  test("carries 32 MB each way at once, connected and accepted", async (scene) => {
    scene.port.listen();
    for (const { mine, theirs } of [await scene.meet(scene.peer()), await scene.visit()]) {
      const both = [mine, theirs];
      await Promise.all([
        ...both.map((from) => sendPattern(from, 32 * MEGABYTE)),
        ...both.map((to) => receivePattern(to, 32 * MEGABYTE)),
      ]);
    }
  });

  test("has a writer wait for a reader who is 64 MB behind", async (scene) => {
    scene.port.listen();
    for (const { mine, theirs } of [await scene.meet(scene.peer()), await scene.visit()]) {
      for (const [from, to] of [[mine, theirs], [theirs, mine]] as const) {
        let underWay = 0;
        let most = 0;
        const sending = sendPattern(from, 64 * MEGABYTE, (bytes) => underWay += bytes);
        await receivePattern(to, 64 * MEGABYTE, async (bytes) => {
          underWay -= bytes;
          most = Math.max(most, underWay);
          // Slower than any writer
          for (let turn = 0; turn < 3; turn++) await nextTurn();
        });
        await sending;
        // Linux lets a socket hold 4 MB to be sent and up to 32 MB received
        assert(most < 40 * MEGABYTE, `${most} bytes under way`);
      }
    }
  });

  test("connects to itself, which is what simultaneous open is", async (scene) => {
    // Its SYN meets a socket that has sent one, as that of a peer does in a punch
    const mine = scene.keep(await scene.port.connect(scene.port.localAddress));
    assertEquals(mine.remoteAddress, mine.localAddress);
    await mine.write(Uint8Array.of(1, 2));
    await mine.closeWrite();
    assertEquals(await readToEnd(mine), [1, 2]);
  });

  test("rejects when nobody listens, and can be used on", async (scene) => {
    scene.port.listen();
    const dead = scene.peer();
    dead.close();
    const error = await assertRejects(
      () => scene.port.connect(dead.localAddress),
      ConnectionError,
    );
    assertEquals([error.code, error.message], [
      "refused",
      `Cannot connect to tcp ${formatSocketAddress(dead.localAddress)} ` +
      `from port ${scene.port.localAddress.port}: the peer refuses connections`,
    ]);
    await exchange(await scene.meet(scene.peer()));
    await exchange(await scene.visit());
  });

  test("rejects when it is connected to the peer already", async (scene) => {
    scene.port.listen();
    const peer = scene.peer();
    const meeting = await scene.meet(peer);
    const error = await assertRejects(
      () => scene.port.connect(peer.localAddress),
      LocalPortError,
    );
    assertEquals([error.code, error.problem], ["other", "pair-in-use"]);
    await exchange(meeting);
    await exchange(await scene.visit());
  });

  for (
    const [how, reason, code] of [
      ["given up", new Error("enough"), "aborted"],
      ["given up without an error", null, "aborted"],
      ["out of time", new DOMException("too long", "TimeoutError"), "timed-out"],
    ] as const
  ) {
    for (const listening of [true, false]) {
      const state = listening ? "listened on" : "not listened on";
      test(`rejects an attempt that is ${how}, and no other, when it is ${state}`, async (scene) => {
        await using silent = await SilentPeer.open();
        if (listening) scene.port.listen();
        const controller = new AbortController();
        const { signal } = controller;
        const failing = assertRejects(
          () => scene.port.connect(silent.address, { signal }),
          ConnectionError,
        );
        const meeting = await scene.meet(scene.peer());
        controller.abort(reason);
        const error = await failing;
        assertEquals([error.code, error.name], [code, "ConnectionError"]);
        await exchange(meeting);
        scene.port.listen();
        await exchange(await scene.visit());
      });
    }
  }

  test("rejects an attempt that was given up before it began", async (scene) => {
    const signal = AbortSignal.abort(new Error("enough"));
    const error = await assertRejects(
      () => scene.port.connect(scene.peer().localAddress, { signal }),
      ConnectionError,
    );
    assertEquals(error.code, "aborted");
  });

  test("forgets the signal when the connection is there", async (scene) => {
    const controller = new AbortController();
    const meeting = await scene.meet(scene.peer(), controller.signal);
    controller.abort();
    await exchange(meeting);
  });

  for (
    const [what, peer, options] of [
      ["the peer's port is 0", socketAddress(LOOPBACK, 0), {}],
      ["the peer is of the other family", socketAddress(ip("::1"), 9), {}],
      ["keepAliveMs is less than TCP can count", socketAddress(LOOPBACK, 9), { keepAliveMs: 999 }],
      ["an IP address has 5 bytes", { ip: new Uint8Array(5), port: 9 }, {}],
    ] as const
  ) {
    test(`rejects when ${what}`, async (scene) => {
      await assertRejects(() => scene.port.connect(peer, options), RangeError);
    });
  }

  test("is not opened when somebody listens on the port", async (scene) => {
    const { localAddress: address } = scene.peer();
    const error = await assertRejects(() => open(address), ListenError);
    assertEquals([error.code, error.address, error.transport], ["address-in-use", address, "tcp"]);
    scene.port.listen();
    const again = await assertRejects(() => open(scene.port.localAddress), ListenError);
    assertEquals(again.code, "address-in-use");
  });

  leakTest(`${name} is not opened at an address that is not this host's or is none`, async () => {
    const foreign = { ip: Uint8Array.of(203, 0, 113, 5), port: 0 };
    const error = await assertRejects(() => open(foreign), ListenError);
    assertEquals([error.code, error.address], ["address-not-available", foreign]);
    await assertRejects(() => open({ ip: new Uint8Array(5), port: 0 }), RangeError);
    await assertRejects(() => open({ ip: LOOPBACK, port: 65_536 }), RangeError);
  });

  test("is opened again while connections of before live on", async (scene) => {
    scene.port.listen();
    const meetings = [await scene.meet(scene.peer()), await scene.visit()];
    scene.port.close();
    await using again = new Scene(await open(scene.port.localAddress));
    again.port.listen();
    meetings.push(await again.meet(again.peer()), await again.visit());
    for (const meeting of meetings) await exchange(meeting);
  });

  test("can be listened on twice, and not once it is closed", async ({ port }) => {
    port.listen();
    port.listen();
    port.close();
    port.close();
    port.listen();
    const error = await assertRejects(() => connectTcp(port.localAddress), ConnectionError);
    assertEquals(error.code, "refused");
  });

  for (const listening of [true, false]) {
    const state = listening ? "listened on" : "not listened on";
    test(`ends a pending accept and the later ones when it is ${state} and closed`, async (scene) => {
      if (listening) scene.port.listen();
      const pending = scene.port.accept();
      scene.port.close();
      assertEquals(await pending, undefined);
      assertEquals(await scene.port.accept(), undefined);
    });

    test(`rejects attempts under way and later ones when it is ${state} and closed`, async (scene) => {
      await using silent = await SilentPeer.open();
      if (listening) scene.port.listen();
      const meetings = [await scene.meet(scene.peer())];
      if (listening) meetings.push(await scene.visit());
      const underWay = assertRejects(() => scene.port.connect(silent.address), ConnectionError);
      await scene.meet(scene.peer()); // so that it has begun
      const justAsked = assertRejects(() => scene.port.connect(silent.address), ConnectionError);
      scene.port.close();
      const later = assertRejects(() => scene.port.connect(silent.address), ConnectionError);
      const errors = await Promise.all([underWay, justAsked, later]);
      const message = `Cannot connect to tcp 127.0.0.1:${silent.address.port} ` +
        `from port ${scene.port.localAddress.port}: the port is closed`;
      assertEquals(
        errors.map((error) => [error.code, error.message]),
        errors.map(() => ["closed", message]),
      );
      for (const meeting of meetings) await exchange(meeting);
    });
  }

  test("lets go of a visitor whom nobody accepts when it is closed", async (scene) => {
    scene.port.listen();
    const visitor = scene.keep(await connectTcp(scene.port.localAddress));
    await scene.meet(scene.peer());
    scene.port.close();
    // The operating system's queue answers with a reset, a connection of our own with its end
    assertEquals(
      await visitor.read().catch((error: ConnectionError) => error.code) ?? "reset",
      "reset",
    );
  });

  leakTest(`${name} gives every descriptor back`, async () => {
    await using silent = await SilentPeer.open();
    const round = async () => {
      await using scene = new Scene(await open({ ip: LOOPBACK, port: 0 }));
      scene.port.listen();
      const controller = new AbortController();
      const { signal } = controller;
      const attempts = [
        scene.port.connect(silent.address, { signal }),
        scene.port.connect(NOBODY),
        scene.port.connect(socketAddress(LOOPBACK, 0)),
        scene.port.connect(scene.peer().localAddress, { signal: AbortSignal.abort() }),
      ];
      const settled = Promise.allSettled(attempts);
      await exchange(await scene.meet(scene.peer()));
      await exchange(await scene.visit());
      controller.abort();
      assertEquals((await settled).map(({ status }) => status), attempts.map(() => "rejected"));
      const last = assertRejects(() => scene.port.connect(silent.address), ConnectionError);
      scene.port.close();
      await last;
    };
    await round();
    const { descriptors: before } = await processUsage(Deno.pid);
    for (let i = 0; i < 20; i++) await round();
    const { descriptors: after } = await processUsage(Deno.pid);
    // Sockets of earlier tests come and go; one that is lost in each round would make twenty
    assert(after < before + 10, `${after} descriptors after, ${before} before`);
  });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
/** Where nobody listens: a port that was just closed may be the next peer's. */
const NOBODY = socketAddress(Uint8Array.of(127, 0, 0, 77), 9);
const MEGABYTE = 1024 * 1024;
