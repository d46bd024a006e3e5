import { assertEquals } from "@std/assert";
import { useJsrStd } from "../../.ci/use_jsr_std.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { type Child, type ChildOptions, deno, run } from "../support/process.ts";
import { JsrRegistry } from "./_jsr_registry.ts";

/**
 * Pinhole on a JSR registry of its own: uploaded by `deno publish` as the release workflow does it,
 * with the standard library from JSR too, and used from an empty folder with an empty cache.
 */
export class PublishedPackage implements AsyncDisposable {
  /** Where it was published. */
  readonly registry: JsrRegistry;
  /** How a program that uses it is to be started. */
  readonly child: Required<Pick<ChildOptions, "cwd" | "env">>;

  private constructor(registry: JsrRegistry, child: Required<Pick<ChildOptions, "cwd" | "env">>) {
    this.registry = registry;
    this.child = child;
  }

  /** Publishes it. */
  static async publish(): Promise<PublishedPackage> {
    const registry = await JsrRegistry.start();
    const cwd = await Deno.makeTempDir({ prefix: "pinhole-user" });
    const published = new PublishedPackage(registry, {
      cwd,
      env: { JSR_URL: registry.url, DENO_DIR: `${cwd}/.deno` },
    });
    try {
      const npm = await npmCache();
      await Deno.mkdir(`${cwd}/.deno`);
      // The packages of npm alone are those that are here already
      await Deno.symlink(npm, `${cwd}/.deno/npm`);
      addStandardLibrary(registry, npm);
      await published.#upload();
      return published;
    } catch (error) {
      await published[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs Deno as somebody would who has nothing but Deno. */
  run(...args: readonly string[]): Child {
    return deno(["run", "--quiet", "--no-prompt", ...args], this.child);
  }

  /** Stops the registry and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await Deno.remove(this.child.cwd, { recursive: true });
  }

  async #upload(): Promise<void> {
    const cwd = `${this.child.cwd}/checkout`;
    await copyProject(cwd);
    await Deno.writeTextFile(
      `${cwd}/deno.json`,
      useJsrStd(await Deno.readTextFile(`${ROOT}deno.json`)),
    );
    await using publish = deno(
      ["publish", "--quiet", "--allow-dirty", "--no-provenance", "--token=any"],
      { ...this.child, cwd },
    );
    const { code, stderr } = await publish.result(120_000);
    assertEquals(code, 0, stderr);
    await Deno.remove(cwd, { recursive: true });
  }
}

async function copyProject(target: string): Promise<void> {
  await Deno.mkdir(target);
  const sources = ["mod.ts", "server.ts", "lib", "tests", "README.md", "LICENSE", "CHANGELOG.md"];
  const { code, stderr } = await run("cp", ["-r", ...sources, target], { cwd: ROOT });
  assertEquals(code, 0, stderr);
}

async function npmCache(): Promise<string> {
  await using child = deno(["info", "--json"]);
  const { stdout } = await child.result(20_000);
  return (JSON.parse(stdout) as { npmCache: string }).npmCache;
}

/** `@std/…` out of the npm package that republishes it, one JSR package for each part in use. */
function addStandardLibrary(registry: JsrRegistry, npm: string): void {
  const { imports } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)) as {
    imports: Record<string, string>;
  };
  for (const [name, specifier] of Object.entries(imports)) {
    const [, version, path] = /^npm:deno-std@([\d.]+)\/(.+)$/.exec(specifier) ?? [];
    if (version === undefined) continue;
    const [, scoped, module = ""] = /^(@std\/[\w-]+)(\/.+)?$/.exec(name)!;
    registry.add({
      name: scoped!,
      version,
      folder: findPackage(npm, `deno-std/${version}`),
      exports: { [`.${module}`]: `./${path}` },
    });
  }
}

function findPackage(npm: string, path: string): string {
  for (const { name } of Deno.readDirSync(npm)) {
    try {
      Deno.statSync(`${npm}/${name}/${path}`);
      return `${npm}/${name}/${path}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(`Cannot find npm's ${path} in ${npm}: run deno cache first`);
}
