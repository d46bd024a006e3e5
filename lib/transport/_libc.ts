import { findLibc, type LibcFinding } from "./_libc_finding.ts";
import { LibcError } from "./libc_error.ts";

/** The C library, with the functions that UDP in batches and a shared TCP port take. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

/**
 * Loads the C library. Whoever loads it closes it. A call in flight may outlive that: the library
 * itself stays in memory as long as the process does.
 *
 * @throws {LibcError} If it cannot be loaded or lacks a function.
 */
export function loadLibc(finding: LibcFinding = findLibc(Deno.build)): Libc {
  if (finding.paths === undefined) throw new LibcError(finding.reason);
  const failures: unknown[] = [];
  for (const path of finding.paths) {
    try {
      return Deno.dlopen(path, SYMBOLS);
    } catch (error) {
      failures.push(error);
    }
  }
  const [cause] = failures;
  throw new LibcError(cause instanceof Error ? cause.message : String(cause), { cause });
}

/**
 * The address of a buffer, which stays where it is. `Deno.UnsafePointer` would tell it too, but takes
 * the whole of --allow-ffi. The buffer must be longer than 64 bytes: V8 moves shorter ones about.
 */
export function addressOf(libc: Libc, bytes: Uint8Array<ArrayBuffer>): bigint {
  return libc.symbols.memcpy(bytes, bytes, 0n);
}

/** The `errno` of the last function that failed on this thread. */
export function errnoOf(libc: Libc): number {
  libc.symbols.memcpyFrom(errno, libc.symbols.__errno_location(), 4n);
  return errno[0]!;
}

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // These two on a thread of their own, so that the event loop goes on
  epoll_wait: { parameters: ["i32", "usize", "i32", "i32"], result: "i32", nonblocking: true },
  poll: { parameters: ["usize", "usize", "i32"], result: "i32", nonblocking: true },
  malloc: { parameters: ["usize"], result: "usize" },
  free: { parameters: ["usize"], result: "void" },
  memcpy: { parameters: ["buffer", "buffer", "usize"], result: "usize" },
  memcpyTo: { name: "memcpy", parameters: ["usize", "buffer", "usize"], result: "usize" },
  memcpyFrom: { name: "memcpy", parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

const errno = new Int32Array(1);
