// `server.ts` under as much load as it takes.

import { assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes";
import { until } from "../server/loopback_client.ts";
import { bindingRequest } from "../support/binding_request.ts";
import { DatagramLoad } from "../support/datagram_load.ts";
import { PinholeServer } from "../support/pinhole_server.ts";
import { unless, whyNoLibc } from "../support/skipped.ts";

for (
  const { io, permissions } of [
    { io: "deno", permissions: [] },
    { io: "batched", permissions: ["--allow-ffi"] },
  ]
) {
  Deno.test({
    // The load is made in batches
    ...unless(
      whyNoLibc(),
      `server.ts --udp ${io} stops cleanly at SIGTERM while it is under full load`,
    ),
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

for (const io of ["deno", "epoll"]) {
  Deno.test({
    ...unless(
      io === "epoll" ? whyNoLibc() : undefined,
      `server.ts --tcp ${io} stops cleanly at SIGTERM while connections ask without a pause`,
    ),
    async fn() {
      await using server = await PinholeServer.start({
        args: ["--udp", "deno", "--tcp", io, "--rate-limit", "0"],
        permissions: io === "epoll" ? ["--allow-ffi"] : [],
      });
      const { hostname, port } = server.target("tcp");
      let answers = 0;
      const asking = Array.from({ length: 16 }, async () => {
        using connection = await Deno.connect({ hostname, port });
        const requests = concat(Array.from({ length: 32 }, () => bindingRequest()));
        const buffer = new Uint8Array(16_384);
        try {
          for (;;) {
            await connection.write(requests);
            const read = await connection.read(buffer);
            if (read === null) return;
            answers += read / ANSWER_BYTES;
          }
        } catch {
          // The server has closed it
        }
      });
      await until(() => answers > 10_000);
      const { code, stderr } = await server.stop();
      assertEquals([code, stderr], [0, ""]);
      assertMatch(server.child.stdout, /"message":"stopped"[^\n]*\n$/);
      await Promise.all(asking);
    },
  });
}

/** A header, and XOR-MAPPED-ADDRESS of IPv4. */
const ANSWER_BYTES = 32;
