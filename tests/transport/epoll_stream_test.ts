// What TCP through epoll does beyond the contract of all streams, which tcp_test.ts holds it to.

import { assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { epollAtRest, listenEpoll } from "../../lib/transport/epoll_stream.ts";
import { LibcError } from "../../lib/transport/libc_error.ts";
import { chooseStreamIo, connectTcp, type StreamConnection } from "../../lib/transport/mod.ts";
import { unless, whyNoLibc } from "../support/skipped.ts";

test("listenEpoll() reads every connection once before it reads one twice", async () => {
  await using hall = await Hall.open(2);
  const [[loud, quiet], [fromLoud, fromQuiet]] = [hall.clients, hall.servers];
  // Less than the sockets take without a reader, and many reads
  await loud!.write(new Uint8Array(200_000));
  await quiet!.write(Uint8Array.of(1));
  const order: string[] = [];
  const drain = async (name: string, connection: StreamConnection, total: number) => {
    for (let bytes = 0; bytes < total; bytes += (await connection.read())!.length) order.push(name);
  };
  await Promise.all([drain("loud", fromLoud!, 200_000), drain("quiet", fromQuiet!, 1)]);
  assertLessOrEqual(order.indexOf("quiet"), 1);
  assertEquals(order.filter((name) => name === "quiet").length, 1);
});

test("listenEpoll() lets a timer come through while a connection never pauses", async () => {
  await using hall = await Hall.open(2);
  // Two ends of this process that throw one chunk to and fro as fast as they can
  const [client, server] = [hall.clients[0]!, hall.servers[0]!];
  let isOver = false;
  const echo = (async () => {
    for (let bytes = await server.read(); bytes; bytes = await server.read()) {
      await server.write(bytes);
    }
  })();
  const play = (async () => {
    for (await client.write(Uint8Array.of(1)); !isOver;) {
      await client.read();
      await client.write(Uint8Array.of(1));
    }
    await client.closeWrite();
  })();
  await new Promise((resolve) => setTimeout(resolve, 20));
  isOver = true;
  await Promise.all([echo, play]);
});

test("listenEpoll() gives chunks that stay what they are until the next read", async () => {
  await using hall = await Hall.open(3);
  for (const [i, client] of hall.clients.entries()) await client.write(new Uint8Array(9).fill(i));
  const chunks = await Promise.all(hall.servers.map((server) => server.read()));
  assertEquals(chunks.map((chunk) => [...chunk!]), [0, 1, 2].map((i) => Array(9).fill(i)));
  await hall.clients[0]!.write(Uint8Array.of(7));
  assertEquals([...(await hall.servers[0]!.read())!], [7]);
  assertEquals(chunks.slice(1).map((chunk) => chunk![0]), [1, 2]);
});

test("listenEpoll() gives no bytes of one connection to another that gets its descriptor", async () => {
  await using hall = await Hall.open(1);
  for (let i = 0; i < 50; i++) {
    const client = await connectTcp(hall.listener.localAddress);
    const server = (await hall.listener.accept())!;
    await client.write(Uint8Array.of(i));
    assertEquals([...(await server.read())!], [i]);
    // Unread, and closed at once: the next one takes this descriptor
    await client.write(Uint8Array.of(255));
    server.close();
    client.close();
  }
});

test("epollAtRest() resolves at once while something is open, and when all is closed", async () => {
  await epollAtRest();
  const listener = listenEpoll({ ip: LOOPBACK, port: 0 });
  await epollAtRest();
  listener.close();
  await epollAtRest();
});

test("chooseStreamIo() takes what is wanted, or else the fastest", async () => {
  for (const [wanted, io] of [["auto", "epoll"], ["epoll", "epoll"], ["deno", "deno"]] as const) {
    const chosen = await chooseStreamIo(wanted);
    assertEquals(chosen.io, io);
    const listener = chosen.listen({ ip: LOOPBACK, port: 0 });
    listener.close();
    await chosen.atRest();
  }
});

test("chooseStreamIo() says what is missing when the permission is", async () => {
  assertEquals((await chooseStreamIo("auto")).io, "deno");
  await assertRejects(
    () => chooseStreamIo("epoll"),
    LibcError,
    "Cannot call the C library: Deno was run without permission, pass --allow-ffi",
  );
}, { ffi: false });

/** A listener with so many connections to it. */
class Hall implements AsyncDisposable {
  readonly listener = listenEpoll({ ip: LOOPBACK, port: 0 });
  readonly clients: StreamConnection[] = [];
  readonly servers: StreamConnection[] = [];

  static async open(connections: number): Promise<Hall> {
    const hall = new Hall();
    for (let i = 0; i < connections; i++) {
      hall.clients.push(await connectTcp(hall.listener.localAddress));
      hall.servers.push((await hall.listener.accept())!);
    }
    return hall;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [...this.clients, ...this.servers, this.listener]) one.close();
    await epollAtRest();
  }
}

function test(
  name: string,
  fn: () => Promise<void>,
  permissions: Deno.PermissionOptions = "inherit",
): void {
  const sanitize = { sanitizeOps: true, sanitizeResources: true };
  Deno.test({ ...unless(whyNoLibc(), name), fn, permissions, ...sanitize });
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
