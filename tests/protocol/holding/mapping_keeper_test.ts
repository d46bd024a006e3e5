import { assertEquals } from "@std/assert";
import { KeeperDrill, OWN } from "./keeper_drill.ts";

const ONE = "203.0.113.1:5000";
const TWO = "203.0.113.2:6000";

Deno.test("MappingKeeper dials all at first and tells an address when all have answered", () => {
  const drill = new KeeperDrill(2);
  assertEquals(drill.take(), ["dial 0", "dial 1"]);
  drill.connect(0);
  assertEquals(drill.take(), ["0 connected", "ask 0"]);
  assertEquals(drill.answer(0, ONE), []);
  assertEquals(drill.keeper.state, "settling");
  assertEquals(drill.meet(1, ONE), [`refresh ${ONE}`]);
  assertEquals(drill.keeper.state, "found");
});

Deno.test("MappingKeeper waits 2 s for the others after the first answer", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  assertEquals(drill.meet(0, ONE), []);
  assertEquals(drill.pass(1_999), []);
  assertEquals(drill.pass(1), [`2000 refresh ${ONE}`]);
});

Deno.test("MappingKeeper does not wait for one that cannot be connected to", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.meet(0, ONE);
  assertEquals(drill.fail(1), ["1 failed, refused, redial 1000", `refresh ${ONE}`]);
});

Deno.test("MappingKeeper has lost before it has found when nobody can be connected to", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.fail(0);
  assertEquals(drill.keeper.state, "settling");
  drill.fail(1);
  assertEquals(drill.keeper.state, "lost");
});

Deno.test("MappingKeeper tells that there is no NAT", () => {
  const drill = new KeeperDrill(1);
  drill.take();
  assertEquals(drill.meet(0, OWN), [`refresh ${OWN} own`]);
});

Deno.test("MappingKeeper asks again after the keep-alive time, counted from the answer", () => {
  const drill = new KeeperDrill(1);
  drill.take();
  drill.meet(0, ONE);
  assertEquals(drill.pass(25_000), ["25000 ask 0"]);
  assertEquals(drill.pass(1_000), []);
  assertEquals(drill.answer(0, ONE), []);
  assertEquals(drill.pass(25_000), ["51000 ask 0"]);
});

Deno.test("MappingKeeper asks the others at once when one sees a new address", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.meet(0, ONE);
  drill.meet(1, ONE);
  assertEquals(drill.pass(25_000), ["25000 ask 0", "25000 ask 1"]);
  drill.answer(1, ONE);
  assertEquals(drill.answer(0, TWO), ["ask 1"]);
  assertEquals(drill.answer(1, TWO), [`refresh ${TWO} after ${ONE}`]);
});

Deno.test("MappingKeeper asks again what was asked before the address changed", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.meet(0, ONE);
  drill.meet(1, ONE);
  drill.pass(25_000);
  assertEquals(drill.answer(0, TWO), []);
  assertEquals(drill.answer(1, ONE), ["ask 1"]);
  assertEquals(drill.answer(1, TWO), [`refresh ${TWO} after ${ONE}`]);
});

Deno.test("MappingKeeper tells a new address after 2 s though another does not answer", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.meet(0, ONE);
  drill.meet(1, ONE);
  drill.pass(25_000);
  drill.answer(0, TWO);
  assertEquals(drill.pass(2_000), [`27000 refresh ${TWO} after ${ONE}`]);
});

Deno.test("MappingKeeper says that servers see two addresses, and only two can take it back", () => {
  const drill = new KeeperDrill(3);
  drill.take();
  drill.meet(0, ONE);
  drill.fail(2);
  const reason = "192.0.2.1 sees port 5000 of 203.0.113.1, 192.0.2.2 sees port 6000 of 203.0.113.2";
  assertEquals(drill.meet(1, TWO), [`lost: ${reason}`]);
  assertEquals(drill.keeper.state, "depends");
  assertEquals(drill.end(0), ["0 closed, after 0, it was closed, redial 1000", "ask 1"]);
  assertEquals(drill.answer(1, TWO), []);
  assertEquals(drill.keeper.state, "depends");
  drill.pass(1_000);
  assertEquals(drill.meet(0, TWO), ["ask 1"]);
  assertEquals(drill.answer(1, TWO), [`refresh ${TWO}`]);
});

Deno.test("MappingKeeper dials at once and tells nothing when the only holder is soon back", () => {
  const drill = new KeeperDrill(1);
  drill.take();
  drill.meet(0, ONE);
  drill.pass(5_000);
  assertEquals(drill.end(0), ["0 closed, after 5000, it was closed, redial 0", "dial 0"]);
  assertEquals(drill.meet(0, ONE), []);
  assertEquals(drill.keeper.state, "found");
});

Deno.test("MappingKeeper tells the new address when the only holder is back behind another", () => {
  const drill = new KeeperDrill(1);
  drill.take();
  drill.meet(0, ONE);
  drill.end(0, "by-us");
  assertEquals(drill.meet(0, TWO), [`refresh ${TWO} after ${ONE}`]);
});

Deno.test("MappingKeeper tells the same address again when the NAT had forgotten it", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.meet(0, ONE);
  drill.meet(1, ONE);
  drill.pass(30_000);
  assertEquals(drill.end(0, "by-us").at(-1), "0 closed, after 30000, it was closed, redial 1000");
  drill.pass(1_000);
  assertEquals(drill.meet(0, ONE), []);
  assertEquals(drill.end(1, "by-us"), [
    "1 closed, after 31000, it was closed, redial 1000",
    `refresh ${ONE} after ${ONE}`,
    "ask 0",
  ]);
  assertEquals(drill.answer(0, ONE), []);
});

Deno.test("MappingKeeper tells nothing when one does not answer and an older one does", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.meet(0, ONE);
  drill.meet(1, ONE);
  drill.pass(30_000);
  drill.end(0, "by-us");
  drill.answer(1, ONE);
  drill.pass(1_000);
  assertEquals(drill.meet(0, ONE), []);
});

Deno.test("MappingKeeper tells the loss when the only holder cannot be connected to again", () => {
  const drill = new KeeperDrill(1);
  drill.take();
  drill.meet(0, ONE);
  drill.end(0);
  assertEquals(drill.fail(0), ["0 failed, refused, redial 1000", "lost: refused"]);
  assertEquals(drill.pass(1_000), ["1000 dial 0"]);
  assertEquals(drill.fail(0), ["0 failed, refused, redial 2000"]);
  assertEquals(drill.pass(2_000), ["3000 dial 0"]);
  assertEquals(drill.meet(0, ONE), [`refresh ${ONE}`]);
});

Deno.test("MappingKeeper tells the loss after 2 s when the only holder does not come back", () => {
  const drill = new KeeperDrill(1);
  drill.take();
  drill.meet(0, ONE);
  drill.end(0);
  assertEquals(drill.pass(2_000), ["2000 lost: it was closed"]);
});

Deno.test("MappingKeeper loses nothing when another holds, and asks it at once", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.meet(0, ONE);
  drill.meet(1, ONE);
  drill.pass(5_000);
  assertEquals(drill.end(0), ["0 closed, after 5000, it was closed, redial 1000", "ask 1"]);
  assertEquals(drill.answer(1, ONE), []);
  assertEquals(drill.pass(1_000), ["6000 dial 0"]);
  assertEquals(drill.meet(0, ONE), []);
});

Deno.test("MappingKeeper waits longer and longer for one that closes, until it has held 10 s", () => {
  const drill = new KeeperDrill(1, { keepAliveMs: 10_000 });
  drill.take();
  const delays = [];
  for (let i = 0; i < 4; i++) {
    drill.meet(0, ONE);
    const [closed] = drill.end(0);
    const delay = Number(closed!.split(" ").at(-1));
    delays.push(delay);
    drill.pass(delay);
  }
  assertEquals(delays, [0, 1_000, 2_000, 4_000]);
  drill.meet(0, ONE);
  drill.pass(10_000);
  drill.answer(0, ONE);
  assertEquals(drill.end(0)[0], "0 closed, after 10000, it was closed, redial 0");
});

Deno.test("MappingKeeper leaves one alone that does not hold as long as another does", () => {
  const drill = new KeeperDrill(2);
  drill.take();
  drill.meet(1, ONE);
  drill.meet(0, ONE);
  drill.pass(3_000);
  drill.end(0);
  drill.answer(1, ONE);
  drill.pass(1_000);
  drill.meet(0, ONE);
  drill.pass(3_000);
  assertEquals(drill.end(0), [
    "0 closed, after 3000, it was closed, redial undefined",
    "0 not-holding, after 3000",
    "ask 1",
  ]);
  drill.answer(1, ONE);
  assertEquals(drill.pass(25_000), ["32000 ask 1"]);
  assertEquals(drill.end(1), [
    "1 closed, after 32000, it was closed, redial 0",
    "dial 0",
    "dial 1",
  ]);
});

Deno.test("MappingKeeper has one that does not hold look from time to time beside an anchor", () => {
  const drill = new KeeperDrill(1, { anchors: 1 });
  drill.take();
  drill.connect(1);
  drill.take();
  drill.answer(1);
  drill.meet(0, ONE);
  for (const redial of [1_000, 25_000]) {
    drill.pass(3_000);
    const [closed] = drill.end(0);
    assertEquals(closed, `0 closed, after 3000, it was closed, redial ${redial}`);
    drill.answer(1);
    assertEquals(drill.keeper.state, "found");
    drill.pass(redial);
    if (redial === 1_000) drill.meet(0, ONE);
  }
  assertEquals(drill.meet(0, TWO), [`refresh ${TWO} after ${ONE}`]);
});

Deno.test("MappingKeeper takes nobody for one that does not hold who was away in between", () => {
  const drill = new KeeperDrill(1);
  drill.take();
  for (let i = 0; i < 3; i++) {
    drill.meet(0, ONE);
    drill.pass(3_000);
    assertEquals(drill.end(0).filter((line) => line.includes("not-holding")), []);
    drill.pass(60_000);
    drill.fail(0);
    drill.pass(60_000);
  }
});
