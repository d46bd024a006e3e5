import { assertEquals } from "@std/assert";
import { DatagramQueue } from "../../lib/traversal/_datagram_queue.ts";

Deno.test("DatagramQueue.next() gives what was pushed, in order, and waits for more", async () => {
  const queue = new DatagramQueue();
  const bytes = Uint8Array.of(1);
  queue.push(bytes);
  queue.push(new Uint8Array(0));
  // The buffer is another's
  bytes[0] = 9;
  assertEquals(await queue.next(), Uint8Array.of(1));
  assertEquals(await queue.next(), new Uint8Array(0));
  const waiting = queue.next();
  queue.push(Uint8Array.of(2));
  assertEquals(await waiting, Uint8Array.of(2));
});

Deno.test("DatagramQueue.end() leaves what has come to be read, and takes nothing more", async () => {
  const queue = new DatagramQueue();
  queue.push(Uint8Array.of(1));
  queue.end();
  queue.push(Uint8Array.of(2));
  assertEquals(await queue.next(), Uint8Array.of(1));
  assertEquals(await queue.next(), undefined);
  assertEquals(await queue.next(), undefined);
});

for (
  const [what, size, room] of [
    ["256 KiB", 1_024, 256],
    ["1024 datagrams, empty ones too", 0, 1_024],
  ] as const
) {
  Deno.test(`DatagramQueue.push() drops what comes when ${what} are waiting`, async () => {
    const queue = new DatagramQueue();
    for (let i = 0; i < room; i++) queue.push(new Uint8Array(size));
    assertEquals(queue.dropped, 0);
    queue.push(Uint8Array.of(1));
    queue.push(Uint8Array.of(2));
    assertEquals(queue.dropped, 2);
    await queue.next();
    queue.push(Uint8Array.of(3));
    for (let i = 1; i < room; i++) assertEquals(await queue.next(), new Uint8Array(size));
    assertEquals(await queue.next(), Uint8Array.of(3));
  });
}
