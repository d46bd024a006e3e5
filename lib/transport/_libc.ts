import { findLibc, type LibcFinding } from "./_libc_finding.ts";
import { LibcError } from "./libc_error.ts";

/** The C library, with the functions that UDP in batches, TCP through `epoll` and a shared port take. */
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

/** Whether the C library can be called here, or why not. */
export type LibcIo =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string; readonly advice?: string };

/**
 * Whether the C library can be called here: on Linux with x86-64 or arm64, under `--allow-ffi` or
 * `--allow-ffi=PATH` of it. Never asks the user.
 */
export function libcIo(): LibcIo {
  const finding = findLibc(Deno.build);
  if (finding.paths === undefined) {
    const { reason, advice } = finding;
    return { available: false, reason, ...advice === undefined ? {} : { advice } };
  }
  try {
    loadLibc(finding).close();
    return { available: true };
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    return { available: false, reason: error.reason };
  }
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
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  // Their results are of 64 bits, but no count is: a bigint would cost as much as the call
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epollNow: { name: "epoll_wait", parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
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
