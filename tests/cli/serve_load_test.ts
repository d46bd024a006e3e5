// `server.ts` under as much load as it takes.

import { assertEquals, assertMatch } from "@std/assert";
import { libcIo } from "../../lib/transport/_libc.ts";
import { until } from "../server/loopback_client.ts";
import { DatagramLoad } from "../support/datagram_load.ts";
import { PinholeServer } from "../support/pinhole_server.ts";

for (
  const { io, permissions } of [
    { io: "deno", permissions: [] },
    { io: "batched", permissions: ["--allow-ffi"] },
  ]
) {
  Deno.test({
    name: `server.ts --udp ${io} stops cleanly at SIGTERM while it is under full load`,
    // The load is made in batches
    ignore: !libcIo().available,
    async fn() {
      await using server = await PinholeServer.start({ args: ["--udp", io], permissions });
      using load = new DatagramLoad(server.target("udp"));
      await until(() => load.answers > 1000);
      // It is killed, and the code another one, when it takes more than five seconds
      const { code, stderr } = await server.stop();
      assertEquals([code, stderr], [0, ""]);
      assertMatch(server.child.stdout, /"message":"stopped"[^\n]*\n$/);
    },
  });
}
