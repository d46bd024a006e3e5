import { findLibcIo } from "./_libc_io.ts";
import { LibcError } from "./libc_error.ts";
import type { StreamListener } from "./stream_transport.ts";
import { listenTcp, type ListenTcpOptions } from "./tcp.ts";

/** Which implementation of {@linkcode StreamListener} is wanted; `auto`: the fastest there is. */
export type StreamIoChoice = "auto" | StreamIo["io"];

/** An implementation of {@linkcode StreamListener}. */
export interface StreamIo {
  /** Which one it is. */
  readonly io: "deno" | "epoll";
  /**
   * Listens for TCP connections.
   *
   * @throws {ListenError} If the socket cannot be bound.
   * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
   */
  listen(options: ListenTcpOptions): StreamListener;
  /**
   * Resolves when nothing is left of what it has opened, if all of that is closed: a thread may have to
   * be waited for. At once otherwise.
   */
  atRest(): Promise<void>;
}

/** The implementation that needs the network permission alone. */
export const DENO_STREAM_IO: StreamIo = {
  io: "deno",
  listen: listenTcp,
  atRest: () => Promise.resolve(),
};

/**
 * Chooses an implementation of accepting over TCP: that through `epoll` where Linux and `--allow-ffi`
 * allow it, the one of `Deno.listen` elsewhere. The code that calls the C library is loaded only if it
 * is welcome.
 *
 * @throws {LibcError} If `epoll` is wanted and cannot be had (as a rejection).
 */
export async function chooseStreamIo(wanted: StreamIoChoice): Promise<StreamIo> {
  if (wanted === "deno") return DENO_STREAM_IO;
  const found = await findLibcIo();
  if (found.available) {
    const { epollAtRest, listenEpoll } = await import("./epoll_stream.ts");
    return { io: "epoll", listen: listenEpoll, atRest: epollAtRest };
  }
  if (wanted === "epoll") throw new LibcError(found.reason);
  return DENO_STREAM_IO;
}
