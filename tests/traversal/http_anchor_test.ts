import { assertEquals } from "@std/assert";
import { listenPublicTcp } from "../../lib/traversal/mod.ts";
import { leakTest } from "../support/leak_test.ts";
import { EventLog } from "./event_log.ts";
import { fastClock } from "./fast_clock.ts";
import { ScriptedStunServer } from "./scripted_stun_server.ts";
import { WebServer } from "./web_server.ts";

const ONE = "203.0.113.1:5000";
const TWO = "203.0.113.2:6000";

leakTest("keepAliveUrl holds the mapping by HEAD requests from the same port", async () => {
  await using stun = new ScriptedStunServer({ reflexive: ONE });
  await using web = new WebServer("HTTP/1.1 204 No Content\r\n\r\n");
  const log = new EventLog();
  await using listener = await listenPublicTcp({
    servers: [stun.uri],
    keepAliveUrl: `${web.origin}/a/b?c=d`,
    keepAliveMs: 100,
    onEvent: log.take,
  });
  await web.requests(3);
  assertEquals(web.ports, [listener.localAddress.port]);
  assertEquals(
    web.heads[0],
    `HEAD /a/b?c=d HTTP/1.1\r\nHost: ${new URL(web.origin).host}\r\n` +
      "Connection: keep-alive\r\n\r\n",
  );
  log.assertLines(/^(closed|failed|lost)/, []);
});

leakTest("keepAliveUrl holds the mapping while no STUN server does", async () => {
  await using stun = new ScriptedStunServer({ reflexive: ONE });
  await using web = new WebServer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  const log = new EventLog();
  await using listener = await listenPublicTcp({
    servers: [stun.uri],
    keepAliveUrl: web.origin,
    onEvent: log.take,
    clock: fastClock,
  });
  await web.requests(1);
  await stun.kill();
  await log.until(/^failed/);
  assertEquals(listener.publicAddress?.port, 5000);
  stun.script.reflexive = TWO;
  stun.revive();
  await log.until(/^refresh 203.0.113.2/);
  log.assertLines(/^lost/, []);
});

leakTest("keepAliveUrl is dialled again when its server closes the connection", async () => {
  await using stun = new ScriptedStunServer();
  await using web = new WebServer("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", { closes: true });
  const log = new EventLog();
  await using listener = await listenPublicTcp({
    servers: [stun.uri],
    keepAliveUrl: web.origin,
    keepAliveMs: 1_000,
    onEvent: log.take,
    clock: fastClock,
  });
  await web.requests(2);
  assertEquals(web.ports.every((port) => port === listener.localAddress.port), true);
  log.assertLines(/^lost/, []);
});

for (
  const [what, answer] of [
    ["has an answer without an end", "X-A: " + "b".repeat(20_000)],
    ["does not answer", ""],
  ] as const
) {
  leakTest(`keepAliveUrl is given up for a while when its server ${what}`, async () => {
    await using stun = new ScriptedStunServer();
    await using web = new WebServer(answer);
    const log = new EventLog();
    await using _listener = await listenPublicTcp({
      servers: [stun.uri],
      keepAliveUrl: web.origin,
      onEvent: log.take,
      clock: fastClock,
    });
    assertEquals(await log.until(/^closed/), `closed ${web.origin}/`);
    log.assertLines(/^lost/, []);
  });
}

leakTest("keepAliveUrl alone gives no public address", async () => {
  await using stun = new ScriptedStunServer({ answers: "garbage" });
  await using web = new WebServer("HTTP/1.1 200 OK\r\n\r\n");
  let code: unknown;
  await listenPublicTcp({ servers: [stun.uri], keepAliveUrl: web.origin })
    .catch((error) => code = error.code);
  assertEquals(code, "bad-response");
});
