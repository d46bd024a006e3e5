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
  /**
   * The most bytes that one read of an accepted connection gives. More is faster for streams that
   * never pause, and is what each connection may make this process hold.
   *
   * @default {16384}
   */
  readonly maxReadBytes?: number;
}

/** How {@linkcode connectTcp} connects. */
export interface ConnectTcpOptions {
  /** Gives the attempt up; a reason called `TimeoutError` makes it `timed-out`, else `aborted`. */
  readonly signal?: AbortSignal;
  /**
   * The most bytes that one read gives. More is faster for a stream that never pauses, and is what
   * the connection may make this process hold.
   *
   * @default {16384}
   */
  readonly maxReadBytes?: number;
}

/**
 * Listens for TCP connections. Those that it accepts have keep-alive and no-delay on.
 *
 * @throws {ListenError} If the socket cannot be bound.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
 */
export function listenTcp(options: ListenTcpOptions): StreamListener {
  return openTcpListener(options, "tcp");
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
  const name = `Cannot connect to tcp ${formatSocketAddress(address)}`;
  const { signal, maxReadBytes } = options;
  return new DenoStreamConnection(await dialTcp(address, { name, signal }), maxReadBytes);
}

/** Listens as {@linkcode listenTcp} does; errors call it `transport`. */
export function openTcpListener(options: ListenTcpOptions, transport: string): StreamListener {
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
    throw toListenError(error, { address, transport });
  }
  const socket = {
    addr: listener.addr,
    accept: async () => tune(await listener.accept()),
    close: () => listener.close(),
  };
  return new DenoStreamListener(socket, options.maxReadBytes);
}

/** An attempt to connect. */
export interface DialAttempt {
  /** The opening of its errors' messages. */
  readonly name: string;
  /** Gives it up. */
  readonly signal: AbortSignal | undefined;
}

/** Connects as {@linkcode connectTcp} does; gives the connection as Deno has it. */
export async function dialTcp(address: SocketAddress, attempt: DialAttempt): Promise<Deno.TcpConn> {
  if (address.port === 0) throw new RangeError(`${attempt.name}: the port is 0, wanted 1 to 65535`);
  try {
    return tune(
      await Deno.connect({
        transport: "tcp",
        hostname: formatIp(address.ip),
        port: address.port,
        ...(attempt.signal && { signal: attempt.signal }),
      }),
    );
  } catch (error) {
    throw toDialError(error, attempt);
  }
}

/** Turns what ended an attempt to connect into a {@linkcode ConnectionError}. */
export function toDialError(error: unknown, { name, signal }: DialAttempt): ConnectionError {
  if (!signal?.aborted) return toConnectionError(error, name);
  return isTimeout(signal.reason)
    ? new ConnectionError(`${name}: no answer in time`, { code: "timed-out", cause: error })
    : new ConnectionError(`${name}: given up`, { code: "aborted", cause: signal.reason });
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

/** How many connections may wait to be accepted, where nothing else was said. */
export const DEFAULT_BACKLOG = 4096;
