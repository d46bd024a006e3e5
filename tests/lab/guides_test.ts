// What docs/ shows of commands behind NATs is what they print there: each block of output that follows
// a command is compared with that command, run in the lab. Ports and times are left out.

import { assertEquals } from "@std/assert";
import { commandOutputs } from "../support/guide.ts";
import { testWithTool } from "../support/tool.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { LAB_SERVERS, serverAnswers } from "./lab_servers.ts";
import { NatLab, NFT, whyNoLab } from "./nat_lab.ts";
import type { NatKind } from "./nat_kind.ts";

/** The pages, and the NAT that each of their commands is run behind, in their order. */
const GUIDES: readonly (readonly [page: string, nats: readonly NatKind[]])[] = [
  ["nat-report.md", ["port-restricted", "symmetric"]],
  ["tcp-traversal.md", ["full-cone", "port-restricted"]],
];

for (const [page, nats] of GUIDES) {
  testWithTool({
    name: `docs/${page} shows what its commands print behind ${nats.join(" and ")} NATs`,
    tools: [NFT],
    skip: whyNoLab(),
    fn: async () => {
      const shown = commandOutputs(page);
      const printed = await Promise.all(nats.map((nat, i) => run(shown[i]!.command, nat)));
      assertEquals(printed.map(masked), shown.map(({ output }) => masked(output)));
    },
  });
}

/** Runs a command of a page in host1, with the lab's server in place of the example. */
async function run(command: string, nat1: NatKind): Promise<string> {
  await using lab = await NatLab.open({ nat1 });
  const { server, host1 } = lab;
  await serverAnswers(lab, { child: LAB_SERVERS.ours(server), ip: server.ip });
  const args = command.replace(/^deno task pinhole /, "").replaceAll("stun.example.org", server.ip);
  await using child = host1.deno([
    ...["--allow-net", "--allow-sys=networkInterfaces", `${ROOT}lib/cli/pinhole.ts`],
    ...args.split(" "),
  ]);
  return (await child.result(90_000)).stdout.trimEnd();
}

/** Text without what is another number each time; the frames of a drawing keep their width. */
function masked(text: string): string {
  return text
    .replace(/(\d+\.\d+\.\d+\.\d+):(?!3478\b)\d+(\s*)/g, "$1:PORT ")
    .replace(/\d+ ms/g, "N ms")
    .replace(/\d+ of \d+ answers/g, "N of M answers")
    .replace(/[─ ]+/g, " ");
}
