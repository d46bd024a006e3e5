import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  ConnectionError,
  type StreamConnection,
  type StreamListener,
} from "../../lib/transport/mod.ts";
import { parseIp, type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";
import { readBytes, readToEnd } from "../support/stream_bytes.ts";

/** How the stream transport under test listens and connects. */
export interface StreamTransportUnderTest {
  /** Opens a listener. */
  listen(options: { readonly ip: Uint8Array; readonly port: number }): StreamListener;
  /** Connects to it. */
  connect(address: SocketAddress): Promise<StreamConnection>;
  /** Connects to it; the function that it gives resets the connection instead of ending it. */
  connectToReset(address: SocketAddress): Promise<() => void>;
  /**
   * Whether the operating system gives a closed client connection up at once; Deno's TLS client
   * keeps it until the server has closed it as well.
   *
   * @default {true}
   */
  readonly clientClosesAtOnce?: boolean;
}

/** Registers the tests that every stream transport passes, on both of its ends. */
export function testStreamTransport(name: string, transport: StreamTransportUnderTest): void {
  const test = (behaviour: string, run: (pair: Pair) => Promise<void>) =>
    Deno.test(`${name} ${behaviour}`, async () => {
      await using pair = await Pair.open(transport, "127.0.0.1");
      await run(pair);
    });

  for (const [bound, host] of [["127.0.0.1", "127.0.0.1"], ["::1", "::1"]] as const) {
    Deno.test(`${name} gives both ends the addresses when it is bound to ${bound}`, async () => {
      await using pair = await Pair.open(transport, bound, host);
      assertEquals(pair.listener.localAddress.ip, ip(bound));
      assertNotEquals(pair.listener.localAddress.port, 0);
      assertEquals(pair.client.remoteAddress, pair.listener.localAddress);
      assertEquals(pair.server.localAddress, pair.listener.localAddress);
      assertEquals(pair.server.remoteAddress, pair.client.localAddress);
      assertEquals(pair.client.localAddress.ip, ip(host));
    });
  }

  for (const host of ["127.0.0.1", "::1"]) {
    Deno.test(`${name} gives ${host} its own family's address when it is bound to ::`, async () => {
      await using pair = await Pair.open(transport, "::", host);
      const { port } = pair.listener.localAddress;
      assertEquals(pair.listener.localAddress, { ip: ip("::"), port });
      assertEquals(pair.server.localAddress, { ip: ip(host), port });
      assertEquals(pair.server.remoteAddress, pair.client.localAddress);
    });
  }

  test("carries bytes both ways", async ({ client, server }) => {
    await client.write(Uint8Array.of(1, 2, 3));
    assertEquals(await readBytes(server, 3), [1, 2, 3]);
    await server.write(Uint8Array.of(4, 5));
    assertEquals(await readBytes(client, 2), [4, 5]);
  });

  test("writes nothing when there is nothing to write", async ({ client, server }) => {
    await client.write(new Uint8Array(0));
    await client.write(Uint8Array.of(1));
    assertEquals(await readBytes(server, 1), [1]);
  });

  test("gives what is there without waiting for more", async ({ client, server }) => {
    for (let i = 0; i < 50; i++) {
      await client.write(Uint8Array.of(i));
      assertEquals([...(await server.read())!], [i]);
    }
  });

  test("joins writes of one byte into the same stream", async ({ client, server }) => {
    const sent = Array.from({ length: 300 }, (_, i) => i % 256);
    const writing = (async () => {
      for (const byte of sent) await client.write(Uint8Array.of(byte));
      await client.closeWrite();
    })();
    assertEquals(await readToEnd(server), sent);
    await writing;
  });

  for (const size of [127, 128, 129, 1_151, 1_152, 1_153, 9_344, 25_728, 100_000]) {
    test(`carries ${size} bytes and then single ones`, async ({ client, server }) => {
      const bytes = pattern(size);
      await client.write(bytes);
      assertEquals(await readBytes(server, size), [...bytes]);
      for (let i = 0; i < 20; i++) {
        await client.write(Uint8Array.of(i));
        assertEquals([...(await server.read())!], [i]);
      }
    });
  }

  test("answers after the client's FIN", async ({ client, server }) => {
    await client.write(Uint8Array.of(1));
    await client.closeWrite();
    assertEquals(await readToEnd(server), [1]);
    await server.write(Uint8Array.of(2));
    await server.closeWrite();
    assertEquals(await readToEnd(client), [2]);
  });

  test("is answered after the server's FIN", async ({ client, server }) => {
    await server.closeWrite();
    assertEquals(await client.read(), undefined);
    await client.write(Uint8Array.of(3));
    await client.closeWrite();
    assertEquals(await readToEnd(server), [3]);
  });

  test("reads the end again and again after the peer's FIN", async ({ client, server }) => {
    await client.closeWrite();
    assertEquals(await server.read(), undefined);
    assertEquals(await server.read(), undefined);
  });

  test("writes no more after its own FIN, sent once or twice", async ({ client, server }) => {
    await client.closeWrite();
    await client.closeWrite();
    const error = await assertRejects(() => client.write(Uint8Array.of(1)), ConnectionError);
    assertEquals(error.code, "closed");
    assertEquals(await readToEnd(server), []);
  });

  test("writes 8 MB whole when the reader is slow", async ({ client, server }) => {
    const bytes = pattern(8 * 1024 * 1024);
    let written = false;
    const writing = client.write(bytes).then(() => {
      written = true;
      return client.closeWrite();
    });
    const found = new Uint8Array(bytes.length);
    let length = 0;
    for (let chunk = await server.read(); chunk !== undefined; chunk = await server.read()) {
      // More than the buffers of both ends hold, so the writer has to wait for the reader.
      if (length < 1_000) assert(!written);
      found.set(chunk, length);
      length += chunk.length;
    }
    await writing;
    assertEquals(length, bytes.length);
    assert(found.every((byte, i) => byte === bytes[i]));
  });

  test("keeps overlapping writes apart and sends FIN after them", async ({ client, server }) => {
    const size = 3 * 1024 * 1024;
    const writing = [1, 2, 3].map((fill) => client.write(new Uint8Array(size).fill(fill)));
    const ending = client.closeWrite();
    const runs: { byte: number; length: number }[] = [];
    for (let chunk = await server.read(); chunk !== undefined; chunk = await server.read()) {
      for (const byte of chunk) {
        if (runs.at(-1)?.byte !== byte) runs.push({ byte, length: 0 });
        runs.at(-1)!.length++;
      }
    }
    await Promise.all([...writing, ending]);
    assertEquals(runs, [1, 2, 3].map((byte) => ({ byte, length: size })));
  });

  test("ends a pending read and all later ones when it is closed", async ({ client }) => {
    const pending = client.read();
    client.close();
    assertEquals(await pending, undefined);
    assertEquals(await client.read(), undefined);
  });

  test("rejects a pending write and all later ones when it is closed", async ({ client }) => {
    const writes = [client.write(new Uint8Array(32 * 1024 * 1024)), client.write(Uint8Array.of(1))];
    client.close();
    writes.push(client.write(Uint8Array.of(2)));
    const outcomes = await Promise.allSettled(writes);
    const codes = outcomes.map((outcome) =>
      outcome.status === "rejected" && outcome.reason instanceof ConnectionError
        ? outcome.reason.code
        : outcome.status
    );
    assertEquals(codes, ["closed", "closed", "closed"]);
  });

  test("can be closed twice, and ended once it is closed", async ({ client, server }) => {
    client.close();
    client.close();
    await client.closeWrite();
    assertEquals(await server.read(), undefined);
  });

  test("keeps its addresses when it is closed", ({ client, server }) => {
    server.close();
    client.close();
    assertEquals(server.remoteAddress, client.localAddress);
    return Promise.resolve();
  });

  test("rejects writing sooner or later when the server has closed", async (pair) => {
    await pair.server.write(Uint8Array.of(1));
    await readBytes(pair.client, 1);
    await assertWritesReject(pair.client, pair.server);
  });

  if (transport.clientClosesAtOnce ?? true) {
    test("rejects writing sooner or later when the client has closed", async (pair) => {
      await assertWritesReject(pair.server, pair.client);
    });
  }

  Deno.test(`${name} rejects a pending read when the peer resets the connection`, async () => {
    const listener = transport.listen({ ip: ip("127.0.0.1"), port: 0 });
    const [server, reset] = await Promise.all([
      listener.accept(),
      transport.connectToReset(listener.localAddress),
    ]);
    const pending = assertRejects(() => server!.read(), ConnectionError);
    reset();
    assertEquals((await pending).code, "reset");
    const error = await assertRejects(() => server!.write(Uint8Array.of(1)), ConnectionError);
    assertEquals(error.code, "reset");
    server!.close();
    listener.close();
  });

  Deno.test(`${name} accepts connections that came before it was asked`, async () => {
    const listener = transport.listen({ ip: ip("127.0.0.1"), port: 0 });
    const dialling = Array.from({ length: 20 }, () => transport.connect(listener.localAddress));
    const accepted: StreamConnection[] = [];
    while (accepted.length < 20) accepted.push((await listener.accept())!);
    const clients = await Promise.all(dialling);
    const ports = (found: SocketAddress[]) => found.map(({ port }) => port).sort((a, b) => a - b);
    assertEquals(
      ports(accepted.map(({ remoteAddress }) => remoteAddress)),
      ports(clients.map(({ localAddress }) => localAddress)),
    );
    for (const connection of [...accepted, ...clients]) connection.close();
    listener.close();
  });

  test("ends a pending accept, not the connections, when the listener is closed", async (pair) => {
    const pending = pair.listener.accept();
    pair.listener.close();
    pair.listener.close();
    assertEquals(await pending, undefined);
    assertEquals(await pair.listener.accept(), undefined);
    await pair.client.write(Uint8Array.of(1));
    assertEquals(await readBytes(pair.server, 1), [1]);
  });
}

/** A listener with one connection to it. */
class Pair implements AsyncDisposable {
  readonly listener: StreamListener;
  readonly client: StreamConnection;
  readonly server: StreamConnection;

  constructor(listener: StreamListener, client: StreamConnection, server: StreamConnection) {
    this.listener = listener;
    this.client = client;
    this.server = server;
  }

  static async open(
    transport: StreamTransportUnderTest,
    bound: string,
    host: string = bound,
  ): Promise<Pair> {
    const listener = transport.listen({ ip: ip(bound), port: 0 });
    const address = socketAddress(ip(host), listener.localAddress.port);
    const [client, server] = await Promise.all([transport.connect(address), listener.accept()]);
    return new Pair(listener, client, server!);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.server.close();
    this.listener.close();
    return Promise.resolve();
  }
}

async function assertWritesReject(
  writer: StreamConnection,
  closer: StreamConnection,
): Promise<void> {
  closer.close();
  const error = await assertRejects(async () => {
    // The first write is what makes the peer's system reset the connection.
    for (let i = 0; i < 1_000; i++) await writer.write(pattern(1_000));
  }, ConnectionError);
  assertEquals(error.code, "reset");
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

function ip(text: string): Uint8Array {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
