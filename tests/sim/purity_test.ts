import { assert, assertEquals } from "@std/assert";
import { codeOf, importsOf } from "../support/source_code.ts";

const LIBRARY = /^\.\.\/\.\.\/lib\/(wire|protocol|protocol\/\w+)\/mod\.ts$/;
const IMPURE = new RegExp(
  "\\b(?:Deno|Date|performance|Math\\.random|crypto|setTimeout|setInterval|queueMicrotask|" +
    "console|async|await|Promise|fetch|process)\\b",
);

Deno.test("the simulator knows no clock but its own, and nothing of the machine it runs on", () => {
  const folder = new URL(".", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".ts") && !name.endsWith("_test.ts"));
  assert(names.includes("mod.ts"));
  for (const name of names) {
    const source = Deno.readTextFileSync(new URL(name, folder));
    assertEquals(codeOf(source).match(IMPURE), null, name);
    const strangers = importsOf(source).filter((specifier) =>
      !LIBRARY.test(specifier) && !/^\.\/\w+\.ts$/.test(specifier)
    );
    assertEquals(strangers, [], name);
    assert(source.split("\n").length <= 400, `${name} has 400 lines or more`);
  }
});
