import { type SocketAddress, socketAddress } from "../wire/mod.ts";
import { ConnectWait } from "./_connect_wait.ts";
import { type Libc, loadLibc } from "./_libc.ts";
import { bindTcp, boundAddress, holdTcpPort } from "./_linux_sockets.ts";
import { NodeStreamConnection } from "./_node_stream_connection.ts";
import { type PortAttempt, PortAttempts } from "./_port_attempts.ts";
import { ListenError, toListenError } from "./listen_error.ts";
import {
  type OpenSharedTcpPortOptions,
  SHARED_PORT_READ_BYTES,
  type SharedTcpPort,
  type SharedTcpPortConnectOptions,
} from "./shared_tcp_port.ts";
import type { ResettableConnection, StreamConnection, StreamListener } from "./stream_transport.ts";
import { openTcpListener } from "./tcp.ts";

/** The part of `node:net` that takes connected sockets over. */
type NodeNet = Pick<typeof import("node:net"), "Socket">;

/**
 * Whether `Deno.listen` may set SO_REUSEPORT. Where it may not it ends the process; no feature but the
 * API that comes with the same flag tells.
 */
export function maySharePort(): boolean {
  return Deno.listenDatagram !== undefined;
}

/**
 * Opens a port all of whose sockets have SO_REUSEPORT.
 *
 * @throws {LibcError} If the C library cannot be called (as a rejection).
 * @throws {ListenError} If the port cannot be had; `unsupported` without `--unstable-net` (as a
 * rejection).
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535 (as a
 * rejection).
 */
export async function openReusePortTcpPort(
  { ip, port }: Pick<OpenSharedTcpPortOptions, "ip" | "port">,
): Promise<SharedTcpPort> {
  const address = socketAddress(ip, port);
  if (!maySharePort()) {
    const reason = "Deno was run without --unstable-net, which sharing a port takes";
    throw new ListenError(reason, { address, transport: "tcp", code: "unsupported" });
  }
  const libc = loadLibc();
  try {
    return new ReusePortTcpPort(libc, address, await import("node:net"));
  } catch (error) {
    libc.close();
    throw toListenError(error, { address, transport: "tcp" });
  }
}

class ReusePortTcpPort implements SharedTcpPort {
  readonly localAddress: SocketAddress;
  readonly sharing = "reuse-port";
  readonly #libc: Libc;
  readonly #net: NodeNet;
  /** A socket that does nothing but keep others from taking the port. */
  readonly #holder: number;
  readonly #wait: ConnectWait;
  readonly #attempts: PortAttempts;
  readonly #settled = Promise.withResolvers<void>();
  #listener: StreamListener | undefined;
  /** How many attempts have a socket that is not handed over yet. */
  #dials = 0;
  #isClosed = false;

  /** Takes over the library. */
  constructor(libc: Libc, address: SocketAddress, net: NodeNet) {
    this.#libc = libc;
    this.#net = net;
    this.#holder = holdTcpPort(libc, address);
    try {
      this.localAddress = boundAddress(libc, this.#holder);
      this.#wait = new ConnectWait(libc);
    } catch (error) {
      libc.symbols.close(this.#holder);
      throw error;
    }
    this.#attempts = new PortAttempts(this.localAddress);
  }

  connect(
    peer: SocketAddress,
    options: SharedTcpPortConnectOptions = {},
  ): Promise<ResettableConnection> {
    return this.#attempts.make(peer, options, (attempt) => this.#dial(attempt));
  }

  listen(): void {
    if (this.#listener !== undefined || this.#isClosed) return;
    const options = { ...this.localAddress, maxReadBytes: SHARED_PORT_READ_BYTES, reusePort: true };
    this.#listener = openTcpListener(options, "tcp");
    this.#settled.resolve();
  }

  async accept(): Promise<StreamConnection | undefined> {
    await this.#settled.promise;
    return await this.#listener?.accept();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener?.close();
    this.#settled.resolve();
    this.#libc.symbols.close(this.#holder);
    this.#attempts.end();
    if (this.#dials === 0) this.#release();
  }

  async #dial(attempt: PortAttempt): Promise<ResettableConnection> {
    this.#dials++;
    try {
      const fd = await this.#connectedSocket(attempt);
      return new NodeStreamConnection(
        new this.#net.Socket({ fd, allowHalfOpen: true }),
        attempt.to,
      );
    } finally {
      this.#dials--;
      if (this.#isClosed && this.#dials === 0) this.#release();
    }
  }

  async #connectedSocket(
    { from, to, keepAliveMs, signal }: PortAttempt,
  ): Promise<number> {
    const fd = bindTcp(this.#libc, from, keepAliveMs);
    try {
      await this.#wait.connect(fd, to, signal);
      return fd;
    } catch (error) {
      this.#libc.symbols.close(fd);
      throw error;
    }
  }

  /** The attempts of a closed port still close their sockets. */
  #release(): void {
    this.#wait.close();
    this.#libc.close();
  }
}
