import type { LibcIo } from "./_libc.ts";
import { findLibc } from "./_libc_finding.ts";

/**
 * Whether the C library can be called here. Most servers may not call it, and start sooner without the
 * code that does: this loads it only where it may be.
 */
export async function findLibcIo(): Promise<LibcIo> {
  const finding = findLibc(Deno.build);
  if (finding.paths === undefined) return { available: false, ...finding };
  const { libcIo } = await import("./_libc.ts");
  return libcIo();
}
