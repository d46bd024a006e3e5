/** The C libraries that this process may load, or why there is none. */
export type LibcFinding =
  | { readonly paths: readonly string[] }
  | NoLibc;

/** Why a process may load no C library. */
export interface NoLibc {
  readonly paths?: undefined;
  /** What was found and is wanted. */
  readonly reason: string;
  /** What to do about it, where that is all there is to say. */
  readonly advice?: string;
}

/** Looks for C libraries that this process may load. Asks the user nothing and loads nothing. */
export function findLibc(host: { readonly os: string; readonly arch: string }): LibcFinding {
  const { os, arch } = host;
  const known = os === "linux" ? LIBC_PATHS[arch] : undefined;
  if (known === undefined) {
    return { reason: `found ${os} on ${arch}, wanted Linux on x86_64 or aarch64` };
  }
  // By its name the loader finds the library wherever it is, but that takes the whole permission
  if (isGranted({ name: "ffi" })) return { paths: ["libc.so.6"] };
  const paths = known.filter((path) => isGranted({ name: "ffi", path }));
  return paths.length > 0 ? { paths } : {
    reason: `Deno was run without permission, pass --allow-ffi or --allow-ffi=${known[0]}`,
    advice: `for the faster way pass --allow-ffi=${known[0]}`,
  };
}

function isGranted(permission: Deno.FfiPermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** Where distributions keep the library: Debian and its kin, Fedora and its kin, Arch. */
const LIBC_PATHS: Readonly<Record<string, readonly string[]>> = {
  x86_64: ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6"],
  aarch64: ["/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6"],
};
