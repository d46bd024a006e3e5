// The executable of `deno task compile`, as far as it can be judged where it cannot be run: what Deno
// would put into it. In place of the runtime that is downloaded for it, it is built around the Deno
// that runs this test; the result starts as plain Deno, so nobody runs it. The release workflow has
// the real runtime and runs `deno task test:binary`.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { compileArguments, PERMISSIONS, PLATFORMS, workerPrograms } from "../../.ci/compile.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { filesUnder } from "../support/files_under.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno } from "../support/process.ts";
import { codeOf, importsOf } from "../support/source_code.ts";

Deno.test("deno task compile embeds what pinhole needs, tests and their tools apart (built around the CLI, not run)", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "pinhole-binary" });
  try {
    const files = await compile(`${folder}/pinhole`);
    const embeds = (path: string) =>
      files.some((one) => one.endsWith("*") ? path.startsWith(one.slice(0, -1)) : path === one);

    await t.step("the workers, which nothing imports", () => {
      const workers = workerPrograms(`${ROOT}lib`).map((path) => path.slice(ROOT.length));
      assertEquals([workers.length > 0, workers.filter((path) => !embeds(path))], [true, []]);
    });
    await t.step("what is imported as text or JSON", () => {
      const assets = importedAssets();
      assertEquals([assets.length > 0, assets.filter((path) => !embeds(path))], [true, []]);
    });
    await t.step("the packages that lib/ imports, and what those need", () => {
      const embedded = packagesIn(files);
      const wanted = importedPackages();
      assertEquals(wanted.filter((name) => !embedded.includes(name)), []);
      const others = Object.values(denoJson.imports).map(packageName)
        .filter((name) => !wanted.includes(name));
      assertEquals([others.length > 0, embedded.filter((name) => others.includes(name))], [
        true,
        [],
      ]);
    });
    await t.step("nothing of tests/", () => {
      assertEquals(files.filter((path) => path.startsWith("tests/")), []);
    });
    await t.step("its permissions, and no prompt", async () => {
      assertEquals(await permissionsIn(`${folder}/pinhole`), {
        allow_env: ["NOTIFY_SOCKET"],
        allow_ffi: valuesOf("ffi"),
        allow_net: [],
        allow_read: [],
        allow_run: valuesOf("run"),
        allow_sys: ["networkInterfaces"],
        allow_write: ["/run/systemd/notify"],
        prompt: false,
      });
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the executable may do whatever lib/ tells people to permit", () => {
  const asked = sources().flatMap((path) => [
    ...codeOf(Deno.readTextFileSync(ROOT + path), { strings: true })
      .matchAll(/--allow-(\w+)(?:=([\w/.,-]+))?/g),
  ]).map(([, kind, value]) => [kind!, value] as const);
  assertEquals(asked.length > 0, true);
  const refused = asked.filter(([kind, value]) => {
    const granted = PERMISSIONS.find((flag) => flag.split("=")[0] === `--allow-${kind}`);
    if (granted === undefined) return true;
    const values = valuesOf(kind);
    // A program is asked for by its name and permitted by its path
    return value !== undefined && values.length > 0 &&
      !values.some((one) => one === value || one.endsWith(`/${value}`));
  });
  assertEquals(refused, []);
});

Deno.test("deno task compile refuses a platform that it does not know", async () => {
  await using child = deno(
    ["run", "--no-prompt", "--allow-read", "--allow-run", `${ROOT}.ci/compile.ts`, "plan9"],
    { cwd: ROOT },
  );
  assertEquals(await child.result(30_000), {
    code: 2,
    stdout: "",
    stderr: "error: Cannot compile for plan9: wanted some of linux-x86_64, linux-arm64, " +
      "macos-x86_64, macos-arm64, windows-x86_64\n",
  });
});

Deno.test("compileArguments() names a target that Deno knows, for every platform", async () => {
  // Deno lists them when it is given one that it does not know
  await using child = deno(["compile", "--target=none", "x.ts"]);
  const { stderr } = await child.result(30_000);
  for (const target of Object.values(PLATFORMS)) {
    assertStringIncludes(stderr, target);
    assertEquals(compileArguments({ output: "x", target }).includes(`--target=${target}`), true);
  }
});

/** Builds it; the paths that Deno says it embedded, where `folder/*` is all of a folder. */
async function compile(output: string): Promise<string[]> {
  await using child = deno(compileArguments({ output }), {
    cwd: ROOT,
    env: { DENORT_BIN: Deno.execPath() },
  });
  const { code, stdout, stderr } = await child.result(300_000);
  assertEquals(code, 0, stderr);
  const [, tree] = /Embedded Files\n\npinhole\n([^]*?)\n\n/.exec(stdout + stderr) ?? [];
  if (tree === undefined) throw new Error(`Cannot read what was embedded: ${stdout}${stderr}`);
  const folders: string[] = [];
  return tree.split("\n").flatMap((line) => {
    // Two characters of lines for each level, then the name and in brackets its size
    const [, lines, name] = /^([│├└─┬ ]+)(.*) \([^(]*\)$/.exec(line)!;
    const depth = Math.ceil(lines!.length / 2) - 2;
    folders.splice(depth, Infinity, name!);
    return lines!.includes("┬") ? [] : [folders.join("/")];
  });
}

function sources(): string[] {
  return filesUnder(`${ROOT}lib`).filter((path) => /(?<!\.d)\.ts$/.test(path))
    .map((path) => `lib/${path}`);
}

/** The files of the project that the sources import and that are not TypeScript. */
function importedAssets(): string[] {
  const paths = sources().flatMap((path) =>
    importsOf(Deno.readTextFileSync(ROOT + path))
      .filter((specifier) => specifier.startsWith(".") && !specifier.endsWith(".ts"))
      .map((specifier) => new URL(specifier, `file:///${path}`).pathname.slice(1))
  );
  return [...new Set(paths)];
}

/** The packages of npm that the sources import. */
function importedPackages(): string[] {
  const imports: Readonly<Record<string, string>> = denoJson.imports;
  const names = sources().flatMap((path) => importsOf(Deno.readTextFileSync(ROOT + path)))
    // What only writes the schema of the configuration is no part of pinhole
    .filter((specifier) => specifier in imports && specifier !== "@valibot/to-json-schema")
    .map((specifier) => packageName(imports[specifier]!));
  return [...new Set(names)];
}

/** `@noble/hashes` of `npm:@noble/hashes@2.4.0/hmac.js`. */
function packageName(specifier: string): string {
  return /^npm:\/?(@?[^@]+)@/.exec(specifier)![1]!;
}

/** The packages of npm that were embedded. */
function packagesIn(files: readonly string[]): string[] {
  return files.flatMap((path) =>
    /^\.deno_compile_node_modules\/[^/]+\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []
  );
}

/** What the executable says about its permissions, as far as it says anything. */
async function permissionsIn(path: string): Promise<unknown> {
  const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
  const start = text.lastIndexOf('"permissions":{') + '"permissions":'.length;
  const all = JSON.parse(text.slice(start, text.indexOf("}", start) + 1));
  delete all.allow_import;
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

/** What the executable may do of one kind. */
function valuesOf(kind: string): string[] {
  const flag = PERMISSIONS.find((one) => one.startsWith(`--allow-${kind}=`));
  return flag?.split("=")[1]?.split(",") ?? [];
}
