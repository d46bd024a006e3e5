import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatagramStream } from "../../lib/cli/datagram_stream.ts";
import { ConnectionError } from "../../lib/transport/mod.ts";
import type { UdpChannel, UdpChannelEnd } from "../../lib/traversal/mod.ts";
import { simAddress } from "../sim/mod.ts";

Deno.test("DatagramStream.read() gives a datagram at a time, and an empty one as the end", async () => {
  const stream = new DatagramStream(channelOf([Uint8Array.of(1), Uint8Array.of(2, 3), EMPTY]));
  assertEquals(await stream.read(), Uint8Array.of(1));
  assertEquals(await stream.read(), Uint8Array.of(2, 3));
  assertEquals(await stream.read(), undefined);
});

Deno.test("DatagramStream.read() takes a channel that was closed for the end", async () => {
  assertEquals(await new DatagramStream(channelOf([])).read(), undefined);
});

Deno.test("DatagramStream.read() rejects when the path is lost", async () => {
  const stream = new DatagramStream(channelOf([], { kind: "lost", reason: "it is gone" }));
  const error = await assertRejects(
    () => stream.read(),
    ConnectionError,
    "Cannot read: it is gone",
  );
  assertEquals(error.code, "timed-out");
});

Deno.test("DatagramStream.write() sends what fits into a packet at once, and no empty datagram", async () => {
  const channel = channelOf([]);
  const stream = new DatagramStream(channel);
  for (const size of [0, 1, 1_200, 1_201, 3_000]) await stream.write(new Uint8Array(size));
  assertEquals(channel.sent.map(({ length }) => length), [1, 1_200, 1_200, 1, 1_200, 1_200, 600]);
});

Deno.test("DatagramStream.closeWrite() sends the end three times", async () => {
  const channel = channelOf([]);
  await new DatagramStream(channel).closeWrite();
  assertEquals(channel.sent, [EMPTY, EMPTY, EMPTY]);
});

Deno.test("DatagramStream.write() rejects when the channel has ended", async () => {
  const channel = channelOf([]);
  const stream = new DatagramStream(channel);
  stream.close();
  const error = await assertRejects(() => stream.write(Uint8Array.of(1)), ConnectionError);
  assert(error.code === "closed");
});

const EMPTY = new Uint8Array(0);

/** A channel from which so much comes before it ends. */
function channelOf(
  datagrams: readonly Uint8Array[],
  end: UdpChannelEnd = { kind: "closed" },
): UdpChannel & { readonly sent: readonly Uint8Array[] } {
  const sent: Uint8Array[] = [];
  let isOpen = true;
  const close = () => Promise.resolve(void (isOpen = false));
  return {
    sent,
    localAddress: simAddress("127.0.0.1:1"),
    remoteAddress: simAddress("127.0.0.1:2"),
    pathKind: "host",
    elapsedMs: 1,
    rttMs: 1,
    dropped: 0,
    closed: Promise.resolve(end),
    send: (bytes) => {
      if (!isOpen) return Promise.reject(new TypeError("The channel has ended"));
      return Promise.resolve(void sent.push(bytes.slice()));
    },
    async *[Symbol.asyncIterator]() {
      yield* datagrams;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
