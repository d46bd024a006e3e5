import { assertEquals, assertRejects } from "@std/assert";
import { GreetedConnection } from "../../lib/client/greeted_connection.ts";
import { bindingRequest } from "../../lib/protocol/discovery/mod.ts";
import { ConnectionError, connectTcp, listenTcp } from "../../lib/transport/mod.ts";
import { leakTest } from "../support/leak_test.ts";

const MESSAGE = bindingRequest(new Uint8Array(12).fill(7));

leakTest("GreetedConnection shows the first message and takes nothing away", async () => {
  await using pair = await Pair.open();
  const greeting = pair.guest.greeting();
  await pair.send(MESSAGE.subarray(0, 9));
  await pair.send(Uint8Array.of(...MESSAGE.subarray(9), 1, 2, 3));
  assertEquals((await greeting)?.transactionId, new Uint8Array(12).fill(7));
  await pair.send(Uint8Array.of(4));
  assertEquals(await pair.read(24), [...MESSAGE, 1, 2, 3, 4]);
});

leakTest("GreetedConnection shows nothing when other bytes come, and keeps them", async () => {
  await using pair = await Pair.open();
  const greeting = pair.guest.greeting();
  await pair.send(new TextEncoder().encode("SSH-2.0-"));
  assertEquals(await greeting, undefined);
  assertEquals(new TextDecoder().decode(Uint8Array.from(await pair.read(8))), "SSH-2.0-");
});

leakTest("GreetedConnection looks no further when it is read", async () => {
  await using pair = await Pair.open();
  const greeting = pair.guest.greeting();
  await pair.send(MESSAGE.subarray(0, 9));
  assertEquals(await pair.read(9), [...MESSAGE.subarray(0, 9)]);
  await pair.send(MESSAGE.subarray(9));
  assertEquals(await greeting, undefined);
  assertEquals(await pair.read(11), [...MESSAGE.subarray(9)]);
});

leakTest(
  "GreetedConnection shows nothing at the end of the stream, which is kept too",
  async () => {
    await using pair = await Pair.open();
    const greeting = pair.guest.greeting();
    await pair.send(Uint8Array.of(0));
    await pair.theirs.closeWrite();
    assertEquals(await greeting, undefined);
    assertEquals(await pair.read(1), [0]);
    assertEquals(await pair.guest.read(), undefined);
    await pair.guest.write(Uint8Array.of(5));
    await pair.guest.closeWrite();
    assertEquals(await pair.theirs.read(), Uint8Array.of(5));
  },
);

Deno.test("GreetedConnection keeps the error of a connection that broke", async () => {
  const errors = [new ConnectionError("Cannot read: it broke", { code: "reset" })];
  const address = { ip: LOOPBACK, port: 1 };
  const guest = new GreetedConnection({
    localAddress: address,
    remoteAddress: address,
    // The system tells it once
    read: () => errors.length > 0 ? Promise.reject(errors.pop()) : Promise.resolve(undefined),
    write: () => Promise.resolve(),
    closeWrite: () => Promise.resolve(),
    close: () => {},
  });
  assertEquals(await guest.greeting(), undefined);
  await assertRejects(() => guest.read(), ConnectionError, "it broke");
  assertEquals(await guest.read(), undefined);
});

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

/** Two ends of a connection on loopback. */
class Pair implements AsyncDisposable {
  private constructor(
    readonly guest: GreetedConnection,
    readonly theirs: Awaited<ReturnType<typeof connectTcp>>,
  ) {}

  static async open(): Promise<Pair> {
    const listener = listenTcp({ ip: LOOPBACK, port: 0 });
    const [theirs, ours] = await Promise.all([
      connectTcp(listener.localAddress),
      listener.accept(),
    ]);
    listener.close();
    return new Pair(new GreetedConnection(ours!), theirs);
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.theirs.write(bytes);
  }

  async read(count: number): Promise<number[]> {
    const bytes: number[] = [];
    while (bytes.length < count) bytes.push(...await this.guest.read() ?? [NaN]);
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.guest.close();
    this.theirs.close();
    await Promise.resolve();
  }
}
