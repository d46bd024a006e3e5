import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { useJsrStd } from "../../.ci/use_jsr_std.ts";
import { ROOT } from "../support/pinhole_server.ts";

Deno.test("useJsrStd() maps every name of the standard library to JSR and changes nothing else", () => {
  const text = Deno.readTextFileSync(`${ROOT}deno.json`);
  const before = JSON.parse(text);
  const after = JSON.parse(useJsrStd(text));
  const names = Object.keys(before.imports).filter((name) => name.startsWith("@std/"));
  const wanted = Object.fromEntries(names.map((name) => {
    const [, scoped, module = ""] = /^(@std\/[^/]+)(\/.*)?$/.exec(name)!;
    return [name, `jsr:${scoped}@^1${module}`];
  }));
  assertEquals(after, { ...before, imports: { ...before.imports, ...wanted } });
  assertEquals(Object.keys(wanted).length > 0, true);
});

Deno.test("useJsrStd() keeps the formatting", () => {
  assertEquals(
    useJsrStd('{\n\t"a": "npm:deno-std@1.4.0/data_structures/binary_heap.js" }'),
    '{\n\t"a": "jsr:@std/data-structures@^1/binary-heap" }',
  );
});

Deno.test("useJsrStd() throws where there is nothing to replace", () => {
  const { message } = assertThrows(() => useJsrStd('{ "a": "jsr:@std/bytes@^1" }'), Error);
  assertMatch(message, /^Cannot use JSR: found no npm:deno-std/);
});
