import { ROOT } from "../support/pinhole_server.ts";
import { type Child, deno, type RunResult } from "../support/process.ts";

/** Starts `server.ts` with network permission and no other. */
export function serve(...args: readonly string[]): Child {
  return deno(["run", "--no-prompt", "--allow-net", `${ROOT}server.ts`, ...args]);
}

/** Starts `server.ts` with this configuration file, which it may read. */
export function serveFrom(file: string, ...args: readonly string[]): Child {
  return deno([
    ...["run", "--no-prompt", "--allow-net", `--allow-read=${file}`, `${ROOT}server.ts`],
    ...["--config", file, ...args],
  ]);
}

/** What became of a child that ends by itself. */
export async function result(child: Child): Promise<RunResult> {
  await using running = child;
  return await running.result(20_000);
}

/** What `server.ts` writes to standard error about wrong usage. */
export function complaint(...problems: readonly string[]): string {
  const lines = problems.map((problem) => `error: ${problem}\n`);
  return `${lines.join("")}Run with --help to see what there is.\n`;
}

/** A folder for one test. */
export class Folder implements AsyncDisposable {
  /** Where it is. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes one. */
  static async make(): Promise<Folder> {
    return new Folder(await Deno.makeTempDir({ prefix: "pinhole" }));
  }

  /** Writes a file; its path. */
  async write(name: string, content: string): Promise<string> {
    const path = `${this.path}/${name}`;
    await Deno.writeTextFile(path, content);
    return path;
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
