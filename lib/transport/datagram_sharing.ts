import type { SocketAddress } from "../wire/mod.ts";
import type { DatagramTransport } from "./datagram_transport.ts";

/** How several threads serve one UDP address: one binds its sockets, and each serves one of them. */
export interface DatagramSharing {
  /**
   * Binds `count` sockets on one address.
   *
   * @throws {ListenError} If a socket cannot be bound; then none is.
   * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
   */
  bind(
    options: { readonly ip: Uint8Array; readonly port: number; readonly count: number },
  ): SharedSockets;
  /** Serves a socket that another thread has lent, and leaves it open in the end. */
  adopt(lent: LentSocket): DatagramTransport;
}

/** Sockets on one address that the thread which bound them owns, and others serve. */
export interface SharedSockets {
  /** The address that they are bound to, with the port that the system chose for port 0. */
  readonly localAddress: SocketAddress;
  /** Which implementation this is. */
  readonly io: DatagramTransport["io"];
  /** Lends one of them, counted from 0, to a thread, once the one before has died or closed it. */
  lend(index: number): LentSocket;
  /** Closes them, which nobody may serve any more. Closing again does nothing. */
  close(): void;
}

/** A socket that a thread lends to another: plain numbers, to be sent in a message. */
export interface LentSocket {
  /** The socket. */
  readonly descriptor: number;
  /** What becomes readable when the owner wants whoever waits for the socket to stop. */
  readonly bell: number;
}
