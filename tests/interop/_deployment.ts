// What the tests of docs/deploy/ share.

import { assertEquals } from "@std/assert";
import { parseAll } from "@std/yaml";
import { ROOT } from "../support/pinhole_server.ts";
import { deno } from "../support/process.ts";

/** The folder of the deployment files, with a slash at its end. */
export const DEPLOY: string = `${ROOT}docs/deploy/`;

/** The text of a deployment file. */
export function read(path: string): string {
  return Deno.readTextFileSync(DEPLOY + path);
}

/** All documents of a YAML file. */
export function readYaml<T>(path: string): T[] {
  return parseAll(read(path)) as T[];
}

/** What `pinhole serve` with these arguments and `--check-config` complains about: nothing, or it fails. */
export async function assertServes(args: readonly string[]): Promise<void> {
  await using child = deno(
    ["run", "--no-prompt", "--allow-read", "lib/cli/pinhole.ts", ...args, "--check-config"],
    { cwd: ROOT },
  );
  assertEquals(await child.result(20_000), {
    code: 0,
    stdout: "The configuration is valid\n",
    stderr: "",
  });
}
