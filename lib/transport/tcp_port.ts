import type { Socket } from "node:net";
import {
  formatIp,
  formatSocketAddress,
  isUnspecifiedIp,
  type SocketAddress,
  socketAddress,
} from "../wire/mod.ts";
import { NodeStreamConnection } from "./_node_stream_connection.ts";
import { LocalPortError } from "./local_port_error.ts";
import type { ResettableConnection } from "./stream_transport.ts";
import { openTcpListener, toDialError } from "./tcp.ts";

/** How {@linkcode connectTcpFrom} connects. */
export interface ConnectTcpFromOptions {
  /** The local port; 0 lets the system choose one, which later connections can share. */
  readonly localPort: number;
  /** The local IP address, of the family of the peer's. @default the one that the route has */
  readonly localIp?: Uint8Array | undefined;
  /**
   * ms of silence after which TCP sends keep-alive probes, in whole seconds, the rest is cut off; at
   * least 1000.
   *
   * @default the operating system's, two hours as a rule
   */
  readonly keepAliveMs?: number | undefined;
  /** Gives the attempt up; a reason called `TimeoutError` makes it `timed-out`, else `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects over TCP from a port of the caller's choice, with keep-alive and no-delay on. Several
 * connections, each to another peer, can come from one port, and {@linkcode listenTcp} can listen on
 * it as well, if it does so last: once somebody listens, no connection can be made from the port
 * until the listener is closed. That is SO_REUSEADDR, which is all that is to be had without FFI.
 *
 * @throws {LocalPortError} If the port is in use, connected to that peer already, or the IP address
 * is not one of this host (as a rejection).
 * @throws {ConnectionError} If no connection comes about (as a rejection).
 * @throws {RangeError} If an argument is out of range, the peer's port is 0, or the addresses are of
 * two families (as a rejection).
 */
export async function connectTcpFrom(
  address: SocketAddress,
  options: ConnectTcpFromOptions,
): Promise<ResettableConnection> {
  const { localPort, localIp = new Uint8Array(address.ip.length), signal } = options;
  const attempt: Attempt = {
    to: socketAddress(address.ip, address.port),
    from: socketAddress(localIp, localPort),
    name: `Cannot connect to tcp ${formatSocketAddress(address)} from port ${localPort}`,
    signal,
  };
  checkAttempt(attempt, options.keepAliveMs);
  // Loaded when it is needed: it takes longer to load than all the rest
  const { connect } = await import("node:net");
  let socket: Socket | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<ResettableConnection>();
  const giveUp = () => reject(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    signal?.throwIfAborted();
    const opening = socket = connect({
      host: formatIp(attempt.to.ip),
      port: attempt.to.port,
      localAddress: formatIp(attempt.from.ip),
      localPort,
      allowHalfOpen: true,
    });
    opening.once("error", reject);
    opening.once("connect", () => {
      opening.setNoDelay(true);
      opening.setKeepAlive(true, options.keepAliveMs ?? 0);
      resolve(new NodeStreamConnection(opening, attempt.to));
    });
    return await promise;
  } catch (error) {
    socket?.destroy();
    throw toAttemptError(error, attempt);
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/**
 * A port that is free now, on an IP address or on all of them, to connect from and to listen on.
 * Nothing reserves it: another program may take it before it is used.
 *
 * @param ip 4 or 16 bytes; all zeros for every address of the family, `::` for both families.
 * @throws {ListenError} If the IP address is not one of this host, or no port is free.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes.
 */
export function freeTcpPort(ip: Uint8Array = new Uint8Array(4)): number {
  const listener = openTcpListener({ ip, port: 0, backlog: 1 }, "tcp");
  listener.close();
  return listener.localAddress.port;
}

interface Attempt {
  readonly to: SocketAddress;
  readonly from: SocketAddress;
  /** The opening of its errors' messages. */
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

function checkAttempt({ to, from, name }: Attempt, keepAliveMs: number | undefined): void {
  if (to.port === 0) throw new RangeError(`${name}: the port is 0, wanted 1 to 65535`);
  if (from.ip.length !== to.ip.length) {
    throw new RangeError(
      `${name}: the local IP address has ${from.ip.length} bytes, wanted ${to.ip.length}`,
    );
  }
  if (keepAliveMs !== undefined && !(keepAliveMs >= 1000 && keepAliveMs <= MAX_KEEP_ALIVE_MS)) {
    throw new RangeError(
      `${name}: keepAliveMs is ${keepAliveMs}, wanted 1000 to ${MAX_KEEP_ALIVE_MS}`,
    );
  }
}

function toAttemptError(cause: unknown, attempt: Attempt): Error {
  const { from, to, name, signal } = attempt;
  if (signal?.aborted || !(cause instanceof Error)) return toDialError(cause, attempt);
  const { code, syscall } = cause as Error & { readonly code?: string; readonly syscall?: string };
  if (code === "EADDRINUSE") {
    const message =
      `${name}: the local port is in use; what listens on it has to listen afterwards`;
    return new LocalPortError(message, { problem: "in-use", cause });
  }
  // Deno says EINVAL where Linux says EADDRNOTAVAIL
  if (code !== "EADDRNOTAVAIL" && code !== "EINVAL") return toDialError(cause, attempt);
  if (syscall === "bind") {
    const message = `${name}: ${formatIp(from.ip)} is not an address of this host`;
    return new LocalPortError(message, { problem: "not-local", cause });
  }
  const doubt = isUnspecifiedIp(from.ip)
    ? ""
    : `, or there is no way to ${formatIp(to.ip)} from ${formatIp(from.ip)}`;
  const message = `${name}: the port is, or was a moment ago, connected to that address${doubt}`;
  return new LocalPortError(message, { problem: "pair-in-use", cause });
}

/** TCP_KEEPIDLE is at most 32,767 seconds on Linux. */
const MAX_KEEP_ALIVE_MS = 32_767_000;
