// `pinhole punch --udp` between real NATs: every pair of the four kinds, against predictPunch().

import { testWithTool } from "../support/tool.ts";
import { NFT, whyNoLab } from "./nat_lab.ts";
import { testPunchMatrix } from "./punch_matrix.ts";

testWithTool({
  name: "pinhole punch --udp connects where predictPunch() says so, and nowhere else",
  tools: [NFT],
  skip: whyNoLab(),
  fn: () => testPunchMatrix("udp", { rounds: 1 }),
});
