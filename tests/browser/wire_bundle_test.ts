import { assertEquals } from "@std/assert";
import { createContext, runInContext } from "node:vm";

const bundle = await bundleForBrowser(new URL("wire_round_trip.ts", import.meta.url));
const skipped = bundle.ok ? "" : ` [skipped: ${bundle.why}]`;

Deno.test({
  name: `lib/wire has nothing of Deno or Node in its bundle for a browser${skipped}`,
  ignore: !bundle.ok,
  fn() {
    const code = bundle.code.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    assertEquals(code.match(/\bDeno\b|\bnode:|\brequire\s*\(|\bimport\s*\(|^import\b/gm), null);
  },
});

Deno.test({
  name: `lib/wire works in a browser bundle where there are only Web interfaces${skipped}`,
  ignore: !bundle.ok,
  fn() {
    // A realm of its own: the language, and of the Web's interfaces those that lib/wire uses
    const context = createContext({ TextEncoder, TextDecoder, URL });
    runInContext(bundle.code, context);
    assertEquals(runInContext("typeof Deno + typeof process", context), "undefinedundefined");
    assertEquals(
      runInContext("wireRoundTrip", context),
      `${20 + 12 + 24 + 36 + 8} 192.0.2.1:32853 valid valid valid`,
    );
  },
});

/** What `deno bundle` makes of a module; it has to get esbuild once, which can fail. */
async function bundleForBrowser(
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
