import type { SocketAddress } from "../wire/mod.ts";

/** One byte stream to one peer, over TCP or what runs on it. */
export interface StreamConnection {
  /** Our end, as the operating system has it; an IPv4 address of a dual-stack socket is 4 bytes. */
  readonly localAddress: SocketAddress;
  /** The peer's end; an IPv4 peer of a dual-stack socket has its 4-byte address here. */
  readonly remoteAddress: SocketAddress;
  /**
   * Waits for the next bytes, at least one; `undefined` when the peer has sent its FIN or this side
   * is closed. The bytes are a view on a buffer that the next call fills again; call again only
   * after the last call has resolved.
   *
   * @throws {ConnectionError} If the connection broke (as a rejection).
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Writes all of the bytes; resolves when the operating system has taken them. Leave them alone
   * until then. Writes that overlap in time are carried out one after the other.
   *
   * @throws {ConnectionError} If the connection broke, or was closed for writing (as a rejection).
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Sends FIN after the writes before it: the peer sees the end of the stream and can still be
   * read. A second call, or one on a closed connection, does nothing.
   *
   * @throws {ConnectionError} If the connection broke (as a rejection).
   */
  closeWrite(): Promise<void>;
  /** Closes both directions; a pending read ends with `undefined`. Closing again does nothing. */
  close(): void;
}

/** A connection made by this side, which can be broken off so that nothing of it stays behind. */
export interface ResettableConnection extends StreamConnection {
  /**
   * Closes as {@linkcode StreamConnection.close} does, but with RST in place of FIN: the pair of
   * addresses is free at once, whereas FIN keeps it for a minute (TIME_WAIT), or for longer if the
   * peer is gone. What has been written and not arrived may be lost.
   */
  reset(): void;
}

/** A bound socket that peers connect to. */
export interface StreamListener {
  /** The address that the socket is bound to, with the port that the system chose for port 0. */
  readonly localAddress: SocketAddress;
  /**
   * Waits for the next connection; `undefined` once the listener is closed. Call again only after
   * the last call has settled.
   *
   * @throws {AcceptError} If a connection could not be accepted (as a rejection). With `transient`
   * set the listener is alive: wait a moment, then accept again.
   */
  accept(): Promise<StreamConnection | undefined>;
  /**
   * Stops listening; a pending accept ends with `undefined`, connections stay open. Closing again
   * does nothing.
   */
  close(): void;
}
