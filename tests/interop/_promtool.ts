import type { RunResult } from "../support/process.ts";

/** Prometheus' own tool. */
export const PROMTOOL = { command: "promtool", package: "prometheus" };

/** What `promtool check metrics` says of a scrape: 0 nothing, 1 that it is wrong, 3 that it could be better. */
export async function promtool(metrics: string): Promise<RunResult> {
  await using child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  await new Blob([metrics]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await output;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
