// .github/workflows/release.yml cannot run here. What it takes for granted can be checked.

import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import { PLATFORMS } from "../../.ci/compile.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { ROOT } from "../support/pinhole_server.ts";

interface Workflow {
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly include: readonly Platform[] } };
  readonly steps: readonly {
    readonly uses?: string;
    readonly with?: Readonly<Record<string, unknown>>;
    readonly run?: string;
  }[];
}

interface Platform {
  readonly platform: string;
  readonly ending?: string;
}

const { jobs } = parse(Deno.readTextFileSync(`${ROOT}.github/workflows/release.yml`)) as Workflow;
const STEPS = Object.values(jobs).flatMap(({ steps }) => steps);

Deno.test("the release builds and tests an executable for every platform that has a name", () => {
  const platforms = jobs.executables!.strategy!.matrix.include;
  assertEquals(platforms.map(({ platform }) => platform).sort(), Object.keys(PLATFORMS).sort());
  for (const { platform, ending } of platforms) {
    assertEquals(ending, platform.startsWith("windows") ? ".exe" : undefined);
  }
});

Deno.test("the release may prove where the package came from, and publishes what was tested", () => {
  assertEquals(jobs.package!.permissions, { contents: "read", "id-token": "write" });
  const [, swap, test, publish] = jobs.package!.steps.flatMap(({ run }) => run ?? []);
  const [, script] = /(\.ci\/\w+\.ts)$/.exec(swap!)!;
  assert(Deno.statSync(ROOT + script!).isFile);
  assertEquals([test, publish], ["deno task ok", "deno publish --allow-dirty"]);
});

Deno.test("the release uses the Deno of .ci/run, and tasks that there are", () => {
  const [, wanted] = /^deno_version=(\S+)$/m.exec(Deno.readTextFileSync(`${ROOT}.ci/run`))!;
  const versions = STEPS.filter(({ uses }) => uses?.startsWith("denoland/setup-deno@"))
    .map((step) => step.with!["deno-version"]);
  assertEquals(versions, [wanted, wanted]);
  const tasks = STEPS.flatMap(({ run }) => [...(run ?? "").matchAll(/deno task ([\w:]+)/g)])
    .map(([, task]) => task!);
  assertEquals(tasks.filter((task) => !(task in denoJson.tasks)), []);
  assertEquals(tasks.length > 0, true);
});
