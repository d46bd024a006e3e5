/**
 * Builds Pinhole as one executable that needs no Deno: `dist/pinhole` for this platform, or
 * `dist/pinhole-PLATFORM` for each one that is named.
 *
 * `deno task compile [PLATFORM …]`
 *
 * @module
 */

import { writeErr } from "../lib/cli/terminal.ts";

/** Platforms by the names that people know, and as `deno compile --target` wants them. */
export const PLATFORMS: Readonly<Record<string, string>> = {
  "linux-x86_64": "x86_64-unknown-linux-gnu",
  "linux-arm64": "aarch64-unknown-linux-gnu",
  "macos-x86_64": "x86_64-apple-darwin",
  "macos-arm64": "aarch64-apple-darwin",
  "windows-x86_64": "x86_64-pc-windows-msvc",
};

/**
 * What the executable may do. Nobody can add to it later, so it is what any command may ask for; it
 * never prompts.
 */
export const PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-net",
  // Configuration, certificates and what is to be sent may be anywhere
  "--allow-read",
  // Which of this host's addresses a packet left from
  "--allow-sys=networkInterfaces",
  // Readiness for systemd
  "--allow-env=NOTIFY_SOCKET",
  "--allow-write=/run/systemd/notify",
  // UDP in batches: the C library where lib/transport/_libc.ts looks for it
  "--allow-ffi=/lib/x86_64-linux-gnu/libc.so.6,/lib/aarch64-linux-gnu/libc.so.6,/lib64/libc.so.6," +
  "/usr/lib/libc.so.6",
  // Commands that a command line names, through the shell; by its path, because for a name that is not
  // on PATH, as on Windows or in a container, Deno grumbles at every start
  "--allow-run=/bin/sh,/usr/bin/sh",
];

/** What {@linkcode compileArguments} is to build. */
export interface CompileOptions {
  /** The executable's path; on Windows `.exe` is added. */
  readonly output: string;
  /** For which platform, as `--target` wants it. @default this one */
  readonly target?: string;
}

/** The arguments of Deno that build the executable. Run it in the project's folder. */
export function compileArguments({ output, target }: CompileOptions): string[] {
  return [
    ...["compile", "--unstable-net", "--exclude-unused-npm", ...PERMISSIONS],
    ...workerPrograms("lib").map((path) => `--include=${path}`),
    ...unreadableFolders().map((path) => `--exclude=${path}`),
    ...target === undefined ? [] : [`--target=${target}`],
    `--output=${output}`,
    "lib/cli/pinhole.ts",
  ];
}

/** The files that are started as workers: nothing imports them, so that Deno does not find them. */
export function workerPrograms(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return workerPrograms(`${folder}/${name}`);
    if (!name.endsWith(".ts")) return [];
    const text = Deno.readTextFileSync(`${folder}/${name}`);
    return [...text.matchAll(WORKER)].map(([, program]) => `${folder}/${program}`);
  });
}

/**
 * bintrees, which prom-client needs, ships 200,000 lines of numbers as `test/perf/100k`. Deno 2.9
 * parses them as one JavaScript expression and dies of it ("overflowed its stack").
 */
function unreadableFolders(): string[] {
  const { npmCache } = JSON.parse(deno(["info", "--json"]) ?? "{}") as { npmCache?: string };
  if (npmCache === undefined) {
    throw new Error("Cannot find npm's packages: deno info names no place");
  }
  const packages = children(npmCache).map((registry) => `${registry}/bintrees`);
  return packages.flatMap(children).map((version) => `${version}/test`);
}

function children(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => `${folder}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Runs Deno to its end and shows its complaints. Returns what it wrote; undefined if it failed. */
function deno(args: readonly string[]): string | undefined {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], stderr: "inherit" });
  const { success, stdout } = command.outputSync();
  return success ? new TextDecoder().decode(stdout) : undefined;
}

function main(names: readonly string[]): number {
  const unknown = names.find((name) => !Object.hasOwn(PLATFORMS, name));
  if (unknown !== undefined) {
    const known = Object.keys(PLATFORMS).join(", ");
    writeErr(`error: Cannot compile for ${unknown}: wanted some of ${known}`);
    return 2;
  }
  // Into the cache, where the packages are looked at
  if (deno(["cache", "lib/cli/pinhole.ts"]) === undefined) return 1;
  const builds: CompileOptions[] = names.length === 0
    ? [{ output: "dist/pinhole" }]
    : names.map((name) => ({ output: `dist/pinhole-${name}`, target: PLATFORMS[name]! }));
  return builds.every((build) => deno(compileArguments(build)) !== undefined) ? 0 : 1;
}

const WORKER = /new Worker\(\s*new URL\("\.\/([\w/.-]+)", import\.meta\.url\)/g;

if (import.meta.main) Deno.exit(main(Deno.args));
