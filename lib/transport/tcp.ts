import { formatIp, formatSocketAddress, type SocketAddress, socketAddress } from "../wire/mod.ts";
import { ConnectionError, toConnectionError } from "./connection_error.ts";
import { DenoStreamConnection, DenoStreamListener } from "./deno_stream.ts";
import { toListenError } from "./listen_error.ts";
import type { StreamConnection, StreamListener } from "./stream_transport.ts";

/** What {@linkcode listenTcp} binds to. */
export interface ListenTcpOptions {
  /** The IP address, 4 or 16 bytes; `::` serves IPv4 as well. */
  readonly ip: Uint8Array;
  /** The port; 0 lets the system choose one. */
  readonly port: number;
  /**
   * How many connections may wait to be accepted. Deno's own 511 makes a burst of thousands wait
   * for TCP retransmissions, seconds long.
   *
   * @default {4096}
   */
  readonly backlog?: number;
  /**
   * Whether other sockets may listen on the same address and port (SO_REUSEPORT); wants
   * `--unstable-net`.
   *
   * @default {false}
   */
  readonly reusePort?: boolean;
}

/** How {@linkcode connectTcp} connects. */
export interface ConnectTcpOptions {
  /** Gives the attempt up; a reason called `TimeoutError` makes it `timed-out`, else `aborted`. */
  readonly signal?: AbortSignal;
}

/**
 * Listens for TCP connections. Those that it accepts have keep-alive and no-delay on.
 *
 * @throws {ListenError} If the socket cannot be bound.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
 */
export function listenTcp(options: ListenTcpOptions): StreamListener {
  const address = socketAddress(options.ip, options.port);
  let listener: Deno.TcpListener;
  try {
    listener = Deno.listen({
      transport: "tcp",
      hostname: formatIp(address.ip),
      port: address.port,
      tcpBacklog: options.backlog ?? DEFAULT_BACKLOG,
      reusePort: options.reusePort ?? false,
    });
  } catch (error) {
    throw toListenError(error, { address, transport: "tcp" });
  }
  return new DenoStreamListener({
    addr: listener.addr,
    accept: async () => tune(await listener.accept()),
    close: () => listener.close(),
  });
}

/**
 * Connects over TCP, with keep-alive and no-delay on.
 *
 * @throws {ConnectionError} If no connection comes about (as a rejection).
 * @throws {RangeError} If the address has neither 4 nor 16 bytes, or port 0 (as a rejection).
 */
export async function connectTcp(
  address: SocketAddress,
  options: ConnectTcpOptions = {},
): Promise<StreamConnection> {
  const { signal } = options;
  const attempt = `Cannot connect to tcp ${formatSocketAddress(address)}`;
  if (address.port === 0) throw new RangeError(`${attempt}: the port is 0, wanted 1 to 65535`);
  try {
    const socket = await Deno.connect({
      transport: "tcp",
      hostname: formatIp(address.ip),
      port: address.port,
      ...(signal && { signal }),
    });
    return new DenoStreamConnection(tune(socket));
  } catch (error) {
    if (!signal?.aborted) throw toConnectionError(error, attempt);
    throw isTimeout(signal.reason)
      ? new ConnectionError(`${attempt}: no answer in time`, { code: "timed-out", cause: error })
      : new ConnectionError(`${attempt}: given up`, { code: "aborted", cause: signal.reason });
  }
}

function tune(socket: Deno.TcpConn): Deno.TcpConn {
  try {
    socket.setKeepAlive(true);
    socket.setNoDelay(true);
  } catch {
    // Some systems refuse this when the peer is gone already: the first read tells.
  }
  return socket;
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === "TimeoutError";
}

const DEFAULT_BACKLOG = 4096;
