// `pinhole punch --tcp` between real NATs: every pair of the four kinds, and with NATs that answer a
// SYN which comes too early, against predictPunch().

import { testWithTool } from "../../support/tool.ts";
import { NFT, whyNoLab } from "../nat_lab.ts";
import { punchPairs, refusingPunchPairs, testPunchMatrix } from "../punch_matrix.ts";

testWithTool({
  name:
    "pinhole punch --tcp connects where predictPunch() says so, and nowhere else, five times each",
  tools: [NFT],
  skip: whyNoLab(),
  fn: () =>
    testPunchMatrix("tcp", {
      rounds: 5,
      pairs: [
        ...punchPairs(),
        ...refusingPunchPairs("reset"),
        ...refusingPunchPairs("icmp"),
      ],
    }),
});
