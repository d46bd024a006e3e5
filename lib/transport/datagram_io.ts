import { findLibcIo } from "./_libc_io.ts";
import type { DatagramSharing } from "./datagram_sharing.ts";
import type { DatagramTransport } from "./datagram_transport.ts";
import { openDenoDatagram } from "./deno_datagram.ts";
import { LibcError } from "./libc_error.ts";

/** Which implementation of {@linkcode DatagramTransport} is wanted; `auto`: the fastest there is. */
export type DatagramIoChoice = "auto" | DatagramTransport["io"];

/** An implementation of {@linkcode DatagramTransport}. */
export interface DatagramIo {
  /** Which one it is. */
  readonly io: DatagramTransport["io"];
  /** Why it is not the batched one though that was welcome: one line for a person. */
  readonly reason?: string;
  /**
   * Binds a UDP socket.
   *
   * @throws {ListenError} If the socket cannot be bound.
   * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
   */
  open(address: { readonly ip: Uint8Array; readonly port: number }): DatagramTransport;
  /** How several threads serve one address; left out where they cannot. */
  readonly sharing?: DatagramSharing;
}

/** The implementation that needs the network permission alone. */
export const DENO_DATAGRAM_IO: DatagramIo = { io: "deno", open: openDenoDatagram };

/**
 * Chooses an implementation of UDP: that in batches where Linux and `--allow-ffi` allow it, the one of
 * `Deno.listenDatagram` elsewhere. The code that calls the C library is loaded only if it is welcome.
 *
 * @throws {LibcError} If `batched` is wanted and cannot be had (as a rejection).
 */
export async function chooseDatagramIo(wanted: DatagramIoChoice): Promise<DatagramIo> {
  if (wanted === "deno") return DENO_DATAGRAM_IO;
  const found = await findLibcIo();
  if (found.available) {
    const { openBatchedDatagram } = await import("./batched_datagram.ts");
    const { adoptLentSocket, bindSharedDatagrams } = await import("./shared_datagrams.ts");
    const sharing = { bind: bindSharedDatagrams, adopt: adoptLentSocket };
    return { io: "batched", open: openBatchedDatagram, sharing };
  }
  if (wanted === "batched") throw new LibcError(found.reason);
  // Who gave no permission has done nothing wrong, and need not read that something is missing
  return { ...DENO_DATAGRAM_IO, reason: found.advice ?? found.reason };
}
