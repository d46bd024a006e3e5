import { isUnspecifiedIp, type SocketAddress, socketAddress } from "../wire/mod.ts";
import { type TcpAttempt, tcpAttempt, toAttemptError } from "./_tcp_attempt.ts";
import { ConnectionError } from "./connection_error.ts";
import type { SharedTcpPortConnectOptions } from "./shared_tcp_port.ts";
import type { ResettableConnection } from "./stream_transport.ts";

/** An attempt that can be given up, by its caller or with its port. */
export interface PortAttempt extends TcpAttempt {
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** The attempts to connect from one port, which end with it. */
export class PortAttempts {
  readonly #localAddress: SocketAddress;
  readonly #end = new AbortController();

  /** Makes it for a port that is bound to this address. */
  constructor(localAddress: SocketAddress) {
    this.#localAddress = localAddress;
  }

  /**
   * Makes an attempt, whose `dial` may reject with what the system says.
   *
   * @throws {ConnectionError} If it fails, or the port is closed (as a rejection).
   * @throws {RangeError} As {@linkcode tcpAttempt} does (as a rejection).
   */
  async make(
    peer: SocketAddress,
    { signal, keepAliveMs }: SharedTcpPortConnectOptions,
    dial: (attempt: PortAttempt) => Promise<ResettableConnection>,
  ): Promise<ResettableConnection> {
    const end = this.#end.signal;
    const either = signal === undefined ? end : AbortSignal.any([signal, end]);
    const to = socketAddress(peer.ip, peer.port);
    const attempt = tcpAttempt({ to, from: this.#endTowards(to), keepAliveMs, signal: either });
    try {
      either.throwIfAborted();
      return await dial({ ...attempt, signal: either });
    } catch (error) {
      if (!end.aborted || signal?.aborted) throw toAttemptError(error, attempt);
      const message = `${attempt.name}: the port is closed`;
      throw new ConnectionError(message, { code: "closed", cause: error });
    }
  }

  /** Gives all attempts up, and those to come. */
  end(): void {
    this.#end.abort();
  }

  /** `::` stands for both families, but a socket that connects is of one. */
  #endTowards(peer: SocketAddress): SocketAddress {
    const { ip, port } = this.#localAddress;
    return ip.length === 16 && isUnspecifiedIp(ip)
      ? { ip: new Uint8Array(peer.ip.length), port }
      : { ip, port };
  }
}
