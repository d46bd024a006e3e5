import { type SocketAddress, socketAddress } from "../wire/mod.ts";
import { ConnectWait } from "./_connect_wait.ts";
import { type Libc, loadLibc } from "./_libc.ts";
import { bindTcp, boundAddress } from "./_linux_sockets.ts";
import { NodeStreamConnection } from "./_node_stream_connection.ts";
import { PortAttempts } from "./_port_attempts.ts";
import type { TcpAttempt } from "./_tcp_attempt.ts";
import { toListenError } from "./listen_error.ts";
import type {
  OpenSharedTcpPortOptions,
  SharedTcpPort,
  SharedTcpPortConnectOptions,
} from "./shared_tcp_port.ts";
import type { ResettableConnection, StreamConnection, StreamListener } from "./stream_transport.ts";
import { openTcpListener } from "./tcp.ts";

/** The part of `node:net` that takes connected sockets over. */
type NodeNet = Pick<typeof import("node:net"), "Socket">;

/**
 * Opens a port all of whose sockets have SO_REUSEPORT.
 *
 * @throws {LibcError} If the C library cannot be called (as a rejection).
 * @throws {ListenError} If the port cannot be had (as a rejection).
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535 (as a
 * rejection).
 */
export async function openReusePortTcpPort(
  { ip, port }: Pick<OpenSharedTcpPortOptions, "ip" | "port">,
): Promise<SharedTcpPort> {
  const address = socketAddress(ip, port);
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
  #isClosed = false;

  /** Takes over the library. */
  constructor(libc: Libc, address: SocketAddress, net: NodeNet) {
    this.#libc = libc;
    this.#net = net;
    this.#holder = bindTcp(libc, address, { exclusive: true });
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
    this.#listener = openTcpListener({ ...this.localAddress, reusePort: true }, "tcp");
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
    this.#wait.end();
  }

  async #dial(
    { from, to, keepAliveMs, signal }: TcpAttempt & { readonly signal: AbortSignal },
  ): Promise<ResettableConnection> {
    const fd = bindTcp(this.#libc, from, { exclusive: false, keepAliveMs });
    try {
      await this.#wait.connect(fd, to, signal);
    } catch (error) {
      this.#libc.symbols.close(fd);
      throw error;
    }
    return new NodeStreamConnection(new this.#net.Socket({ fd, allowHalfOpen: true }), to);
  }
}
