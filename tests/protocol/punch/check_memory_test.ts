import { assertEquals } from "@std/assert";
import { CheckMemory } from "../../../lib/protocol/punch/check_memory.ts";
import { simAddress } from "../../sim/mod.ts";

const HERE = simAddress("192.0.2.1:1000");
const ELSEWHERE = simAddress("192.0.2.1:1001");

Deno.test("CheckMemory.isReplay() is true of a check that comes from elsewhere than at first", () => {
  const memory = new CheckMemory();
  const found = [HERE, HERE, ELSEWHERE, HERE].map((source) => memory.isReplay(idOf(1), source));
  assertEquals(found, [false, false, true, false]);
  assertEquals(memory.isReplay(idOf(2), ELSEWHERE), false);
});

Deno.test("CheckMemory.isReplay() keeps no view on the source that it is shown", () => {
  const memory = new CheckMemory();
  const ip = Uint8Array.of(192, 0, 2, 1);
  memory.isReplay(idOf(1), { ip, port: 1000 });
  ip[3] = 9;
  assertEquals(memory.isReplay(idOf(1), HERE), false);
});

Deno.test("CheckMemory remembers the latest 1024 checks", () => {
  const memory = new CheckMemory();
  for (let i = 0; i < 1_024; i++) memory.isReplay(idOf(i), HERE);
  assertEquals(memory.isReplay(idOf(0), ELSEWHERE), true);
  memory.isReplay(idOf(1_024), HERE);
  assertEquals(memory.isReplay(idOf(1), ELSEWHERE), true);
  assertEquals(memory.isReplay(idOf(0), ELSEWHERE), false);
});

function idOf(number: number): Uint8Array {
  const id = new Uint8Array(12);
  new DataView(id.buffer).setUint32(0, number);
  return id;
}
