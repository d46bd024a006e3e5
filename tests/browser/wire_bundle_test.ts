import { assertEquals } from "@std/assert";
import { createContext, runInContext } from "node:vm";
import { bundleForBrowser } from "./_bundle.ts";

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
