import { assert, assertEquals, assertThrows } from "@std/assert";
import { openBatchedDatagram } from "../../lib/transport/batched_datagram.ts";
import {
  adoptLentSocket,
  bindSharedDatagrams,
  type SharedDatagrams,
} from "../../lib/transport/shared_datagrams.ts";
import { type DatagramTransport, ListenError } from "../../lib/transport/mod.ts";
import { unless, whyNoLibc } from "../support/skipped.ts";

test("bindSharedDatagrams() binds sockets over which the system spreads the peers", async () => {
  using shared = disposable(bind(2));
  const sockets = [0, 1].map((index) => adoptLentSocket(shared.lend(index)));
  assertEquals(sockets.map(({ localAddress }) => localAddress), [
    shared.localAddress,
    shared.localAddress,
  ]);
  let left = PEERS;
  const received = sockets.map(async (socket) => {
    let count = 0;
    for (;;) {
      const batch = await socket.receive();
      if (batch.length === 0) return count;
      count += batch.length;
      left -= batch.length;
      if (left === 0) { for (const one of sockets) one.close(); }
    }
  });
  await sendFromManyPorts(shared, PEERS);
  const counts = await Promise.all(received);
  assertEquals(counts[0]! + counts[1]!, PEERS);
  // Were they not spread, one of them would have none: by chance that is so once in 2^63 runs
  assert(counts[0]! > 0 && counts[1]! > 0, `${counts}`);
});

test("bindSharedDatagrams() refuses a port that others share already", () => {
  using shared = disposable(bind(2));
  const { ip, port } = shared.localAddress;
  const error = assertThrows(() => bindSharedDatagrams({ ip, port, count: 2 }), ListenError);
  assertEquals(error.code, "address-in-use");
  assertEquals(error.address, { ip, port });
});

test("SharedDatagrams.lend() gives a dead worker's socket to another, with what waits in it", async () => {
  using shared = disposable(bind(1));
  const worker = await adopter(shared);
  worker.terminate();
  await sendFromManyPorts(shared, 3);
  const heir = adoptLentSocket(shared.lend(0));
  let received = 0;
  while (received < 3) received += (await heir.receive()).length;
  heir.close();
  assertEquals(received, 3);
});

test("SharedDatagrams.close() frees the port, a dead worker's wait for it notwithstanding", async () => {
  const shared = bind(2);
  const worker = await adopter(shared);
  worker.terminate();
  shared.close();
  shared.close();
  await untilFree(shared.localAddress);
});

test("adoptLentSocket() leaves the socket to its owner", async () => {
  using shared = disposable(bind(1));
  for (let round = 0; round < 3; round++) {
    const socket = adoptLentSocket(shared.lend(0));
    await sendFromManyPorts(shared, 1);
    assertEquals((await socket.receive()).length, 1);
    const pending = socket.receive();
    socket.close();
    assertEquals(await pending, []);
  }
});

test("adoptLentSocket() throws when there is no such socket", () => {
  assertThrows(() => adoptLentSocket({ descriptor: -1, bell: -1 }), Error, "getsockname: errno 9");
});

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const PEERS = 64;

function bind(count: number): SharedDatagrams {
  return bindSharedDatagrams({ ip: LOOPBACK, port: 0, count });
}

async function sendFromManyPorts(shared: SharedDatagrams, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const sender = openBatchedDatagram({ ip: LOOPBACK, port: 0 });
    await sender.send([{ bytes: Uint8Array.of(i), peer: shared.localAddress }]);
    sender.close();
  }
}

/** A worker that waits for datagrams on the first socket. */
async function adopter(shared: SharedDatagrams): Promise<Worker> {
  const worker = new Worker(new URL("./socket_adopter.ts", import.meta.url), { type: "module" });
  const waiting = new Promise<void>((resolve) => worker.onmessage = () => resolve());
  worker.postMessage(shared.lend(0));
  await waiting;
  return worker;
}

/** The system lets go of a port when the last thread that waits there has woken up. */
async function untilFree(address: DatagramTransport["localAddress"]): Promise<void> {
  for (let attempt = 0;; attempt++) {
    try {
      return openBatchedDatagram(address).close();
    } catch (error) {
      if (!(error instanceof ListenError) || attempt === 5000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

function disposable<T extends { close(): void }>(closable: T): T & Disposable {
  return Object.assign(closable, { [Symbol.dispose]: () => closable.close() });
}

/** Where there is no C library to call, there is nothing to test. */
function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ ...unless(whyNoLibc(), name), fn });
}
