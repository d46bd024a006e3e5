import { assert, assertEquals } from "@std/assert";
import { HoldingEvent, listenPublicTcp } from "../../lib/traversal/mod.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import { Turnserver } from "../support/turnserver.ts";
import { EventLog } from "../traversal/event_log.ts";
import { WebServer } from "../traversal/web_server.ts";

testWithTool({
  name: "listenPublicTcp() recognises that turnserver -S holds for 3 s, and is held by HTTP",
  tools: [TOOLS.turnserver],
  fn: async () => {
    await using server = await Turnserver.start({ args: ["-S"] });
    await using web = new WebServer("HTTP/1.1 204 No Content\r\n\r\n");
    const log = new EventLog();
    const held: number[] = [];
    await using listener = await listenPublicTcp({
      servers: [`stun:${server.target.hostname}:${server.target.port}`],
      keepAliveUrl: web.origin,
      keepAliveMs: 1_000,
      onEvent: (event) => {
        if (event instanceof HoldingEvent && event.state === "not-holding") {
          held.push(event.afterMs!);
        }
        log.take(event);
      },
    });
    await log.until(/^not-holding/);
    // It goes on looking from time to time
    await log.until(/^connected 127.0.0.1:\d+$/, log.lines.length);
    assertEquals(held.length, 1);
    assert(held[0]! > 1_000 && held[0]! < 10_000, `${held[0]} ms`);
    assertEquals(listener.publicAddress, listener.localAddress);
    log.assertLines(/^(lost|failed)/, []);
  },
});
