import { assertEquals, assertRejects } from "@std/assert";
import { CappedQueue } from "../../lib/traversal/_capped_queue.ts";

Deno.test("CappedQueue gives out what was pushed, in order, and waits for more", async () => {
  const queue = new CappedQueue<number>(2);
  assertEquals([queue.push(1), queue.push(2), queue.push(3), queue.size], [true, true, false, 2]);
  const iterator = queue[Symbol.asyncIterator]();
  assertEquals(await iterator.next(), { done: false, value: 1 });
  assertEquals(await iterator.next(), { done: false, value: 2 });
  const [third, fourth] = [iterator.next(), iterator.next()];
  assertEquals([queue.push(3), queue.push(4), queue.size], [true, true, 0]);
  assertEquals([(await third).value, (await fourth).value], [3, 4]);
});

Deno.test("CappedQueue gives each item to one iterator, and what one leaves to the next", async () => {
  const queue = new CappedQueue<number>(9);
  for (const i of [1, 2, 3]) queue.push(i);
  const seen: number[] = [];
  for await (const i of queue) {
    seen.push(i);
    break;
  }
  for await (const i of queue) {
    seen.push(i);
    if (i === 3) break;
  }
  assertEquals(seen, [1, 2, 3]);
});

Deno.test("CappedQueue.end() ends all iterations and gives back what nobody has taken", async () => {
  const queue = new CappedQueue<number>(9);
  const waiting = queue[Symbol.asyncIterator]().next();
  assertEquals(queue.end(), []);
  assertEquals(await waiting, { done: true, value: undefined });
  assertEquals(queue.push(1), false);
  const other = new CappedQueue<number>(9);
  other.push(1);
  assertEquals(other.end(), [1]);
  assertEquals(await other[Symbol.asyncIterator]().next(), { done: true, value: undefined });
});

Deno.test("CappedQueue.end() has iterations throw its error, then and later", async () => {
  const queue = new CappedQueue<number>(9);
  const waiting = assertRejects(() => queue[Symbol.asyncIterator]().next(), RangeError, "gone");
  queue.end(new RangeError("gone"));
  await waiting;
  await assertRejects(() => queue[Symbol.asyncIterator]().next(), RangeError, "gone");
});
