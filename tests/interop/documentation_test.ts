// The documentation that is made of the docstrings, as `deno task docs` and JSR make it.

import { assert, assertEquals } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { ROOT } from "../support/pinhole_server.ts";
import { deno } from "../support/process.ts";

const ENTRY_POINTS = Object.values(denoJson.exports).map((path) => path.replace("./", ""));

Deno.test("deno doc --html has nothing to complain about", async () => {
  const folder = await Deno.makeTempDir({ prefix: "pinhole-docs" });
  try {
    await using child = deno([
      "doc",
      "--html",
      `--name=${denoJson.name}`,
      `--output=${folder}/docs`,
      ...ENTRY_POINTS,
    ], { cwd: ROOT });
    const { code, stdout, stderr } = await child.result(60_000);
    assertEquals(code, 0, stderr);
    assertEquals(
      (stdout + stderr).replace(/\d+/, "N"),
      `Written N files to "${folder}/docs"\n`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("every entry point of the package says what it is for", () => {
  for (const path of ENTRY_POINTS) {
    const [, doc] = /^\/\*\*([^]*?)\*\//.exec(Deno.readTextFileSync(ROOT + path)) ?? [];
    assert(doc?.includes("@module"), `${path} has no module documentation`);
  }
});

Deno.test("the tasks look at every entry point of the package", () => {
  const { verify, docs } = denoJson.tasks;
  for (const { command } of [verify, docs]) {
    assert(command.includes(ENTRY_POINTS.join(" ")), command);
  }
});
