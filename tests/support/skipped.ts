import { libcIo } from "../../lib/transport/_libc.ts";

/**
 * A test's name, and whether it is left out: with a reason it is, under a name that says so, and nobody
 * takes it for passed.
 */
export function unless(
  reason: string | undefined,
  name: string,
): { readonly name: string; readonly ignore: boolean } {
  return reason === undefined
    ? { name, ignore: false }
    : { name: `${name} [skipped: ${reason}]`, ignore: true };
}

/** Why the C library cannot be called here; undefined where it can. */
export function whyNoLibc(): string | undefined {
  return libcIo().available ? undefined : "needs Linux and --allow-ffi";
}

/** Why what Linux alone has is not here; undefined on Linux. */
export function whyNotLinux(): string | undefined {
  return Deno.build.os === "linux" ? undefined : "needs Linux";
}
