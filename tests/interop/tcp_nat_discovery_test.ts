// What a host learns about TCP from a server of somebody else's: the mapping, for which RFC 5780 is
// enough, and that the filtering takes a server with DIAL-BACK.

import { assertEquals } from "@std/assert";
import { TcpNatRunner } from "../../lib/client/discovery/tcp_nat_runner.ts";
import { systemClock } from "../../lib/ops/mod.ts";
import { discoverTcpNat } from "../../lib/protocol/discovery/mod.ts";
import { socketAddress } from "../../lib/wire/mod.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import { Turnserver } from "../support/turnserver.ts";

testWithTool({
  name: "discoverTcpNat() tells the mapping from turnserver, and why not the filtering",
  tools: [TOOLS.turnserver],
  fn: async () => {
    await using server = await Turnserver.start({ args: ["-S", "--listening-ip", "127.0.0.2"] });
    await using runner = new TcpNatRunner({ family: 4, clock: systemClock, signal: undefined });
    const steps = discoverTcpNat({
      servers: [socketAddress(Uint8Array.of(127, 0, 0, 1), server.target.port)],
      transactionId: () => crypto.getRandomValues(new Uint8Array(12)),
    });
    let next = steps.next();
    while (!next.done) next = steps.next(await runner.run(next.value));
    const { reachable, mapping, filtering, classic, evidence } = next.value;
    assertEquals({ reachable, mapping, filtering, classic }, {
      reachable: true,
      mapping: {
        value: "none",
        confidence: "high",
        reason: "every server sees this host's own address and port",
        depends: false,
      },
      filtering: {
        value: "unknown",
        confidence: "none",
        reason: "this cannot be told: the server does not know DIAL-BACK",
      },
      classic: "unknown",
    });
    // Two addresses and two ports of turnserver's: all of them were asked and have answered
    const asked = evidence.filter(({ socket, from }) => socket === "mapping" && from !== undefined);
    assertEquals(asked.length, 4);
  },
});
