import { assertEquals } from "@std/assert";
import { NetworkNamespace, whyNoNamespace } from "../support/network_namespace.ts";
import { run } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";
import { NFT } from "./nat_lab.ts";

const skip = whyNoNamespace();

for (const sharing of ["reuse-port", "turns"]) {
  for (const state of ["listening", "not listening"]) {
    testWithTool({
      name:
        `SharedTcpPort.connect() as ${sharing} opens simultaneously when both sides are ${state}`,
      tools: [NFT],
      skip,
      fn: async () => {
        await using namespace = await NetworkNamespace.create();
        // Two SYNs of 60 bytes, one from each side; TCP sends the next ones a second later
        const rules = "table inet crossing { chain input { type filter hook input priority 0; " +
          "tcp flags & (syn | ack) == syn quota until 121 bytes drop; }; }";
        const firewall = await run(...namespace.command(NFT.command, [rules]));
        assertEquals(firewall, { code: 0, stdout: "", stderr: "" });
        const program = new URL("./_crossing_connections.ts", import.meta.url).pathname;
        const { code, stdout, stderr } = await run(
          ...namespace.command(Deno.execPath(), [
            ...["run", "--no-prompt", "--cached-only", "--unstable-net"],
            ...["--allow-net", "--allow-ffi", program, sharing, state],
          ]),
        );
        assertEquals(code, 0, stderr);
        const { ends, peers, bytes } = JSON.parse(stdout);
        assertEquals(peers, ends);
        assertEquals(bytes, [[1], [2]]);
      },
    });
  }
}
