// `pinhole punch --board` between real NATs: every pair of the punch matrix that can connect.

import { testWithTool } from "../../support/tool.ts";
import { connectingPairs, punchByBoard } from "../board_punch.ts";
import { NFT, whyNoLab } from "../nat_lab.ts";
import { testPunchMatrix } from "../punch_matrix.ts";

for (const transport of ["udp", "tcp"] as const) {
  testWithTool({
    name: `pinhole punch --board --${transport} connects where it can, five times each`,
    tools: [NFT],
    skip: whyNoLab(),
    fn: () =>
      testPunchMatrix(transport, {
        rounds: 5,
        pairs: connectingPairs(),
        punch: (pair) => punchByBoard(pair, [`--${transport}`]),
      }),
  });
}
