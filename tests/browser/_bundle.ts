/** What `deno bundle` makes of a module; it has to get esbuild once, which can fail. */
export async function bundleForBrowser(
  entry: URL,
): Promise<{ ok: boolean; code: string; why: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "--format", "iife", entry.pathname],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  const why = text.decode(stderr).trim().split("\n").at(-1) ?? "";
  return { ok: success, code: text.decode(stdout), why: `deno bundle: ${why}` };
}
