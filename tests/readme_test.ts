// What the documents promise is there: commands, tasks, files. The code examples themselves run
// under `deno test --doc`.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { exists, matches } from "./support/document.ts";
import { ROOT } from "./support/pinhole_server.ts";

const DOCUMENTS = ["README.md", ".github/ARCHITECTURE.md", ".github/CONTRIBUTING.md"];

const { tasks } = JSON.parse(Deno.readTextFileSync(ROOT + "deno.json")) as {
  tasks: Record<string, string | { command: string }>;
};

for (const document of DOCUMENTS) {
  const read = () => Deno.readTextFileSync(ROOT + document);

  Deno.test(`${document} names tasks that exist`, () => {
    const named = matches(read(), /deno(?:@[\d.]+)? task ([\w:-]+)/g);
    assertEquals(named.filter((name) => !(name in tasks)), []);
  });

  Deno.test(`${document} links to and names files that exist`, () => {
    const folder = document.replace(/[^/]*$/, "");
    const links = matches(read(), /\]\((?!https?:|#|mailto:)([^)#\s]+)/g).map((link) =>
      folder + link
    );
    const names = matches(read(), /`((?:lib|tests|docs|\.github|\.ci)\/[\w./-]*)`/g);
    assertEquals([...links, ...names].filter((path) => !exists(path)), []);
  });

  Deno.test(`${document} runs files that exist`, () => {
    const run = matches(read(), /deno(?:@[\d.]+)? run (?:-\S+ )*([\w./]+\.ts)\b/g);
    assertEquals(run.filter((path) => !exists(path)), []);
  });
}

Deno.test("README.md shows how to start the server and run the tests, with Deno and without", () => {
  const text = Deno.readTextFileSync(ROOT + "README.md");
  for (const deno of ["deno", "npx -y deno@2.9.6"]) {
    assertStringIncludes(text, `${deno} run --allow-net server.ts`);
    assertStringIncludes(text, `${deno} task test`);
  }
});

Deno.test("the task `ok` is `verify` and `test`, as the CI script takes for granted", () => {
  assertEquals(commandOf("ok"), "deno task verify && deno task test");
  const script = Deno.readTextFileSync(ROOT + ".ci/run");
  for (const task of ["test", "verify", "test:interop", "test:lab", "test:browser", "test:soak"]) {
    assertStringIncludes(script, `run deno task ${task}\n`);
  }
});

Deno.test("the task `start` is the command that README.md shows", () => {
  assertEquals(commandOf("start"), "deno run --allow-net server.ts");
});

Deno.test("the CI script and the workflow use the same version of Deno as README.md", () => {
  const versions = ["README.md", ".ci/run", ".github/workflows/ci.yml"].map((path) => {
    const found = Deno.readTextFileSync(ROOT + path).match(
      /deno(?:@|.version[=:] ?)(\d+\.\d+\.\d+)/,
    );
    assert(found !== null, `${path} names no version`);
    return found[1];
  });
  assertEquals(new Set(versions).size, 1, versions.join());
});

function commandOf(name: string): string | undefined {
  const task = tasks[name];
  return typeof task === "object" ? task.command : task;
}
