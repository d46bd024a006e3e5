import type { SocketAddress } from "../wire/mod.ts";
import type { ResettableConnection, StreamConnection } from "./stream_transport.ts";

/**
 * How one local port serves for connecting and for listening at once:
 *
 * - `"reuse-port"`: every socket has SO_REUSEPORT, which takes Linux and `--allow-ffi`; nothing is
 *   ever interrupted.
 * - `"turns"`: while a connection is begun the port is not listened on, and again right afterwards.
 */
export type TcpPortSharing = "reuse-port" | "turns";

/** How a {@linkcode SharedTcpPort} connects. */
export interface SharedTcpPortConnectOptions {
  /** Gives the attempt up; a reason called `TimeoutError` makes it `timed-out`, else `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * ms of silence after which TCP sends keep-alive probes, in whole seconds, the rest is cut off; at
   * least 1000.
   *
   * @default the operating system's
   */
  readonly keepAliveMs?: number | undefined;
}

/** A local TCP port from which connections are made while it is listened on: what a NAT maps. */
export interface SharedTcpPort {
  /** The port, and the IP address that it is bound to: all zeros for any. */
  readonly localAddress: SocketAddress;
  /** How the port is shared. */
  readonly sharing: TcpPortSharing;
  /**
   * Connects from the port, with keep-alive and no-delay on. Attempts may overlap; to one peer there
   * can be one connection at a time.
   *
   * @throws {LocalPortError} If the port is in use, or connected to that peer already (as a rejection).
   * @throws {ConnectionError} If no connection comes about; `closed` if the port is closed before
   * (as a rejection).
   * @throws {RangeError} If an argument is out of range, the peer's port is 0, or the port's IP address
   * is of the other family (as a rejection).
   */
  connect(
    peer: SocketAddress,
    options?: SharedTcpPortConnectOptions,
  ): Promise<ResettableConnection>;
  /**
   * Begins to listen. Listening already, or closed, it does nothing.
   *
   * @throws {ListenError} If the port cannot be listened on.
   */
  listen(): void;
  /**
   * Waits for the next connection, until `listen()` is called and across the gaps of `"turns"`;
   * `undefined` once the port is closed. Call again only after the last call has settled.
   *
   * @throws {AcceptError} As a `StreamListener` does (as a rejection).
   * @throws {ListenError} If another program has taken the port in a gap (as a rejection). It is not
   * listened on then, until `listen()` is called again.
   */
  accept(): Promise<StreamConnection | undefined>;
  /** Stops listening and connecting; connections stay open. Closing again does nothing. */
  close(): void;
}

/** How {@linkcode SharedTcpPort} is opened. */
export interface OpenSharedTcpPortOptions {
  /** The local IP address, 4 or 16 bytes; all zeros for any, `::` for both families. */
  readonly ip: Uint8Array;
  /** The port; 0 lets the system choose one. */
  readonly port: number;
  /** How to share it; `auto`: without gaps where that can be had. @default {"auto"} */
  readonly sharing?: TcpPortSharing | "auto" | undefined;
  /** Told for how many ms the port was not listened on because a connection was begun. */
  readonly onGap?: ((ms: number) => void) | undefined;
}

/**
 * The most bytes that one read of an accepted connection gives. Four times as many as elsewhere move a
 * proxy's streams half as fast again; 1,000 visitors make this process hold 64 MB.
 */
export const SHARED_PORT_READ_BYTES = 65_536;
