/**
 * Points the names of Deno's standard library in deno.json at JSR. Work is done with the npm package
 * that republishes it, because not every machine reaches JSR; what is published there is to depend
 * on the standard library itself.
 *
 * `deno run --allow-read=deno.json --allow-write=deno.json .ci/use_jsr_std.ts`
 *
 * @module
 */

/**
 * The text of deno.json with every `npm:deno-std@…` in it replaced by `jsr:@std/…`; everything else,
 * the formatting too, stays as it is.
 *
 * @throws {Error} If there is none, which means that this file has outlived its use.
 */
export function useJsrStd(text: string): string {
  const replaced = text.replaceAll(REPUBLISHED, (_, name: string, module: string) => {
    // A package's mod.js is what its bare name stands for
    const path = module === "mod" ? "" : `/${module.replaceAll("_", "-")}`;
    return `"jsr:@std/${name.replaceAll("_", "-")}@^1${path}"`;
  });
  if (replaced === text) throw new Error("Cannot use JSR: found no npm:deno-std in deno.json");
  return replaced;
}

/** Such as `npm:deno-std@1.4.0/cli/parse_args.js`. */
const REPUBLISHED = /"npm:deno-std@[\d.]+\/(\w+)\/(\w+)\.js"/g;

if (import.meta.main) {
  Deno.writeTextFileSync("deno.json", useJsrStd(Deno.readTextFileSync("deno.json")));
}
