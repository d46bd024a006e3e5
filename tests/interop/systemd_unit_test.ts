// docs/deploy/systemd/: systemd's own tools read the unit, our server its configuration.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { run } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";
import { assertServes, DEPLOY, read } from "./_deployment.ts";

const SYSTEMD = { command: "systemd-analyze", package: "systemd" };
const UNIT = read("systemd/pinhole.service");

testWithTool({
  name: "systemd-analyze verify has no complaint about the unit, and has one about a broken one",
  tools: [SYSTEMD],
  fn: async () => {
    assertEquals(await verify(UNIT), { code: 0, stdout: "", stderr: "" });
    const broken = await verify(UNIT.replace("ProtectSystem=strict", "ProtectSystem=strictly"));
    assertMatch(broken.stderr, /Failed to parse protect system value, ignoring: strictly/);
  },
});

testWithTool({
  name: "systemd-analyze security calls the unit's exposure small",
  tools: [SYSTEMD],
  fn: async () => {
    await withUnit(UNIT, async (path) => {
      // In tenths; a unit without any of it has 96
      const { code, stdout, stderr } = await run("systemd-analyze", [
        ...["security", "--no-pager", "--offline=true", "--threshold=20", path],
      ]);
      assertEquals(code, 0, stdout + stderr);
    });
  },
});

Deno.test("the unit runs pinhole serve with a configuration that is valid", async () => {
  const start = /^ExecStart=\/usr\/local\/bin\/pinhole (.*)$/m.exec(UNIT)![1]!.split(" ");
  const check = /^ExecStartPre=\/usr\/local\/bin\/pinhole (.*)$/m.exec(UNIT)![1]!.split(" ");
  assertEquals(check, [...start, "--check-config"]);
  const local = start.map((arg) => arg.replace("/etc/pinhole/", `${DEPLOY}systemd/`));
  assert(local.join() !== start.join());
  await assertServes(local);
});

Deno.test("the unit waits for readiness, reloads by SIGHUP and does not try wrong usage again", () => {
  for (
    const line of [
      "Type=notify",
      "ExecReload=/bin/kill -HUP $MAINPID",
      "RestartPreventExitStatus=2",
      "DynamicUser=yes",
      "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
    ]
  ) assert(UNIT.includes(`\n${line}\n`), line);
});

async function verify(unit: string) {
  // It looks for the program itself, which is not installed here
  const installed = unit.replaceAll("/usr/local/bin/pinhole", "/bin/true");
  return await withUnit(
    installed,
    (path) => run("systemd-analyze", ["verify", "--man=no", path]),
  );
}

async function withUnit<T>(unit: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/pinhole.service`;
    await Deno.writeTextFile(path, unit);
    return await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
