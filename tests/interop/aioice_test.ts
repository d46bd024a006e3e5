// A full implementation of ICE by others as the other side of a punch.

import { assertEquals } from "@std/assert";
import type { PunchDescription } from "../../lib/protocol/punch/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import { punchUdp } from "../../lib/traversal/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { simAddress } from "../sim/mod.ts";
import { Child, run } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";

const PYTHON = { command: "/usr/bin/python3", package: "python3-aioice" } as const;

for (const role of ["controlling", "controlled"] as const) {
  testWithTool({
    name: `punchUdp() connects with aioice in the ${role} role, a datagram each way`,
    tools: [],
    skip: await whyNoAioice(),
    fn: async () => {
      await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
      const uri = `stun:${formatSocketAddress(server.start()[0]!.address)}`;
      // Above or below every number that this side draws
      const tieBreaker = new Uint8Array(8).fill(role === "controlling" ? 255 : 0);
      const number = new DataView(tieBreaker.buffer).getBigUint64(0);
      const script = new URL("_aioice_peer.py", import.meta.url).pathname;
      await using peer = new Child(PYTHON.command, [script, role, `${number}`], { stdin: "piped" });
      const [line] = await peer.line(/^\{"usernameFragment.*$/);
      const { usernameFragment, password, addresses } = JSON.parse(line);
      const channel = await punchUdp({
        servers: [uri],
        signalling: {
          async send(own: PunchDescription): Promise<void> {
            await peer.write(
              JSON.stringify({
                usernameFragment: own.usernameFragment,
                password: own.password,
                addresses: own.candidates.map(({ address }) => formatSocketAddress(address)),
              }) + "\n",
            );
          },
          receive: () =>
            Promise.resolve({
              transport: "udp",
              usernameFragment,
              password,
              tieBreaker,
              candidates: addresses.map((text: string) => {
                return { kind: "host", address: simAddress(text) };
              }),
            }),
        },
      });
      await using _ = channel;
      await peer.line(/"connected": true/);
      await channel.send(new TextEncoder().encode("from Pinhole"));
      await peer.line(/"received": "from Pinhole"/);
      for await (const bytes of channel) {
        assertEquals(new TextDecoder().decode(bytes), "from aioice");
        break;
      }
      assertEquals((await peer.result(10_000)).code, 0);
    },
  });
}

async function whyNoAioice(): Promise<string | undefined> {
  const missing = `needs aioice (Debian package ${PYTHON.package})`;
  try {
    const { code } = await run(PYTHON.command, ["-c", "import aioice"]);
    return code === 0 ? undefined : missing;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return missing;
    throw error;
  }
}
