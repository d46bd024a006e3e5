/** A test that fails when it leaves a socket, a timer or an operation of Deno's behind. */
export function leakTest(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });
}
