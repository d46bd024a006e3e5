import { assertEquals } from "@std/assert";
import { SourceQuota } from "../../lib/protocol/mod.ts";

const A = Uint8Array.of(192, 0, 2, 1);
const B = Uint8Array.of(192, 0, 2, 2);

Deno.test("SourceQuota counts each source and all together, and lets out once", () => {
  const quota = new SourceQuota({ total: 3, perSource: 2 });
  const room = () => [quota.hasRoom(A), quota.hasRoom(B), quota.total];
  const leave = quota.enter(A);
  quota.enter(A);
  assertEquals(room(), [false, true, 2]);
  quota.enter(B);
  assertEquals(room(), [false, false, 3]);
  leave();
  leave();
  assertEquals(room(), [true, true, 2]);
});

Deno.test("SourceQuota takes an IPv6 /64 for one source", () => {
  const quota = new SourceQuota({ total: 9, perSource: 1 });
  const ip = (subnet: number, host: number) =>
    Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, subnet, 0, 0, 0, 0, 0, 0, 0, host);
  quota.enter(ip(1, 1));
  assertEquals([quota.hasRoom(ip(1, 2)), quota.hasRoom(ip(2, 1))], [false, true]);
});
