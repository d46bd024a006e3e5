import { unless } from "./skipped.ts";

/**
 * A test that fails when it leaves a socket, a timer or an operation of Deno's behind; left out if
 * there is a reason to.
 */
export function leakTest(name: string, fn: () => void | Promise<void>, skip?: string): void {
  Deno.test({ ...unless(skip, name), fn, sanitizeOps: true, sanitizeResources: true });
}
