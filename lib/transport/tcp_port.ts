import type { Socket } from "node:net";
import { formatIp, type SocketAddress } from "../wire/mod.ts";
import { NodeStreamConnection } from "./_node_stream_connection.ts";
import { type TcpAttempt, tcpAttempt, toAttemptError } from "./_tcp_attempt.ts";
import type { ResettableConnection } from "./stream_transport.ts";
import { openTcpListener } from "./tcp.ts";

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
  const { localPort, localIp = new Uint8Array(address.ip.length), keepAliveMs, signal } = options;
  const from = { ip: localIp, port: localPort };
  const attempt = tcpAttempt({ to: address, from, keepAliveMs, signal });
  // Loaded when it is needed: it takes longer to load than all the rest
  const net = await import("node:net");
  try {
    return await beginTcpAttempt(attempt, net);
  } catch (error) {
    throw toAttemptError(error, attempt);
  }
}

/**
 * Begins an attempt at once, and has bound its socket by the time that a later tick of
 * `process.nextTick` runs: somebody may listen on the port from then on. Rejects with what went wrong
 * as Node or the signal has it.
 */
export async function beginTcpAttempt(
  attempt: TcpAttempt,
  { connect }: Pick<typeof import("node:net"), "connect">,
): Promise<ResettableConnection> {
  const { to, from, keepAliveMs, signal } = attempt;
  let socket: Socket | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<ResettableConnection>();
  const giveUp = () => reject(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    signal?.throwIfAborted();
    const opening = socket = connect({
      host: formatIp(to.ip),
      port: to.port,
      localAddress: formatIp(from.ip),
      localPort: from.port,
      allowHalfOpen: true,
    });
    opening.once("error", reject);
    opening.once("connect", () => {
      opening.setNoDelay(true);
      opening.setKeepAlive(true, keepAliveMs ?? 0);
      resolve(new NodeStreamConnection(opening, to));
    });
    return await promise;
  } catch (error) {
    socket?.destroy();
    throw error;
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
