import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PinholeServer } from "../support/pinhole_server.ts";
import { run } from "../support/process.ts";
import { LOOPBACKS, testWithTool, TOOLS } from "../support/tool.ts";

for (const { family, hostname, skip } of LOOPBACKS) {
  testWithTool({
    name: `turnutils_stunclient reads its address from our answer over ${family}`,
    tools: [TOOLS.turnutilsStunclient],
    skip,
    fn: async () => {
      await using server = await PinholeServer.start({ hostname });
      const { port } = server.target("udp");
      const { code, stdout, stderr } = await run("turnutils_stunclient", [
        ...["-p", `${port}`],
        hostname,
      ], { timeoutMs: 15_000 });
      assertEquals(code, 0, stdout + stderr);
      const address = stdout.match(/UDP reflexive addr: (\S+):(\d+)/);
      assertEquals(address?.[1], hostname, stdout);
      assertMatch(address?.[2] ?? "", /^\d{4,5}$/);
      assertStringIncludes(stdout, `${family}. UDP reflexive addr`);
    },
  });
}

testWithTool({
  name: "the classic stun client (RFC 3489) reads its address from our answer",
  tools: [TOOLS.stun],
  fn: async () => {
    await using server = await PinholeServer.start();
    const { port } = server.target("udp");
    const { stdout, stderr } = await run("stun", [`127.0.0.1:${port}`, "1", "-v"]);
    const said = stdout + stderr;
    const from = said.match(/Opened port (\d+)/)?.[1];
    assertStringIncludes(said, `MappedAddress = 127.0.0.1:${from}`);
    assertStringIncludes(said, "ok=1");
  },
});
