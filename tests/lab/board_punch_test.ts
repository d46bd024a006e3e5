// `pinhole punch --board` between real NATs: every pair of the punch matrix that can connect.

import { assertEquals, assertMatch } from "@std/assert";
import type { Child } from "../support/process.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import {
  boardUrl,
  connectingPairs,
  meet,
  punchByBoard,
  startBoardNode,
  startBoardPunch,
} from "./board_punch.ts";
import { NatLab, NFT, whyNoLab } from "./nat_lab.ts";
import { testPunchMatrix } from "./punch_matrix.ts";

for (const transport of ["udp", "tcp"] as const) {
  testWithTool({
    name: `pinhole punch --board --${transport} connects where predictPunch() says so`,
    tools: [NFT],
    skip: whyNoLab(),
    fn: () =>
      testPunchMatrix(transport, {
        rounds: 1,
        pairs: connectingPairs(),
        punch: (pair) => punchByBoard(pair, [`--${transport}`]),
      }),
  });
}

for (const nats of [["port-restricted", "port-restricted"], ["symmetric", "full-cone"]] as const) {
  testWithTool({
    name: `pinhole punch --board chooses a transport that works between ${nats.join(" and ")}`,
    tools: [NFT],
    skip: whyNoLab(),
    fn: async () => assertEquals((await punchByBoard({ nats })).outcome, "connected"),
  });
}

testWithTool({
  name: "pinhole punch --board tries both transports where neither will do, and says why",
  tools: [NFT],
  skip: whyNoLab(),
  async fn() {
    const nats = ["symmetric", "symmetric"] as const;
    const { outcome, reason } = await punchByBoard({ nats }, ["--timeout", "4"]);
    assertEquals(outcome, "unheard");
    assertMatch(reason!, /^Cannot punch over UDP: .*; the NATs of both sides give each /);
  },
});

testWithTool({
  name: "pinhole punch --board connects peers on different servers that share one Redis",
  tools: [NFT, TOOLS.redisServer],
  skip: whyNoLab(),
  async fn() {
    await using lab = await NatLab.open({ nat1: "port-restricted", nat2: "address-restricted" });
    const { server } = lab;
    const redis = server.exec(TOOLS.redisServer.command, [
      ...["--port", "6379", "--bind", "127.0.0.1"],
      ...["--save", "", "--appendonly", "no", "--daemonize", "no"],
    ]);
    await redis.line(/Ready to accept connections/);
    const ips = [server.ip, server.alternateIp] as const;
    const store = ["--board-store", "redis://127.0.0.1:6379"];
    await Promise.all(
      ips.map((ip) => startBoardNode(server, ["--hostname", ip, "--http-hostname", ip, ...store])),
    );
    const sides = [lab.host1, lab.host2].map((host, i) =>
      startBoardPunch(host, { board: boardUrl(ips[i]!) })
    ) as [Child, Child];
    assertEquals((await meet(sides)).outcome, "connected");
  },
});
