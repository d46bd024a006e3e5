import { assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { type Child, deno } from "../support/process.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { LOOPBACKS, testWithTool, TOOLS } from "../support/tool.ts";
import { Turnserver } from "../support/turnserver.ts";

for (const { family, hostname, skip } of LOOPBACKS) {
  for (const transport of ["udp", "tcp"] as const) {
    testWithTool({
      name:
        `pinhole query reads its address from turnserver's answer over ${transport} and ${family}`,
      tools: [TOOLS.turnserver],
      skip,
      fn: async () => {
        await using server = await Turnserver.start({ hostname });
        const host = hostname.includes(":") ? `[${hostname}]` : hostname;
        const address = `${host}:${server.target.port}`;
        await using query = pinhole([
          ...["query", `stun:${address}`, "--json"],
          ...(transport === "tcp" ? ["--tcp"] : []),
        ]);
        const { code, stdout, stderr } = await query.result(20_000);
        assertEquals(code, 0, stdout + stderr);
        const { rttMs, local, reflexive, software, ...rest } = JSON.parse(stdout) as Record<
          string,
          unknown
        >;
        assertEquals(rest, { server: address, transport, nat: false, attempts: 1 });
        assertMatch(`${software}`, /coturn/i);
        assertEquals(reflexive, local);
        assertEquals(`${local}`.replace(/:\d+$/, ""), host);
        assertGreater(Number(rttMs), 0);
        assertLess(Number(rttMs), 5_000);
      },
    });
  }
}

function pinhole(args: readonly string[]): Child {
  return deno([
    ...["run", "--no-prompt", "--allow-net", "--allow-sys=networkInterfaces"],
    ...[`${ROOT}lib/cli/pinhole.ts`, ...args],
  ]);
}
