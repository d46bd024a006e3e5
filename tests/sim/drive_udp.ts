import type { SocketAddress } from "../../lib/wire/mod.ts";
import type { SimBindOptions, SimHost, SimUdpSocket } from "./sim_host.ts";

/** What a {@linkcode UdpMachine} may use while it is called. */
export interface UdpDriveContext {
  /** Its socket. */
  readonly socket: SimUdpSocket;
  /** The time, in ms. */
  readonly now: number;
}

/** Something without socket or clock that is to talk over one UDP socket; every part may be left out. */
export interface UdpMachine extends SimBindOptions {
  /** The port of the socket. @default {0} any that is free */
  readonly port?: number;
  /** Called once, when the socket is open. */
  readonly onOpen?: (context: UdpDriveContext) => void;
  /** Called at the start, and whenever the time that `nextWake` gave has come. */
  readonly onWake?: (context: UdpDriveContext) => void;
  /** Called with every datagram that arrives. */
  readonly onReceive?: (
    datagram: { readonly bytes: Uint8Array; readonly source: SocketAddress },
    context: UdpDriveContext,
  ) => void;
  /** When to be woken, in ms; asked after every other call. Undefined for never. */
  readonly nextWake?: () => number | undefined;
}

/** A machine that is being driven. */
export interface UdpDrive {
  /** Its socket. */
  readonly socket: SimUdpSocket;
  /** Closes the socket and calls the machine no more. */
  close(): void;
}

/**
 * Gives a machine a UDP socket of a host, and the time.
 *
 * @throws {RangeError} If the socket cannot be opened.
 */
export function driveUdp(host: SimHost, machine: UdpMachine): UdpDrive {
  const socket = host.openUdp(machine.port, { ip: machine.ip });
  const { network } = host;
  let cancel = () => {};
  let closed = false;
  const call = (act: (context: UdpDriveContext) => void) => {
    act({ socket, now: network.now });
    cancel();
    const next = closed ? undefined : machine.nextWake?.();
    if (next === undefined || next === Infinity) return;
    cancel = network.setTimer(Math.max(0, next - network.now), wake);
  };
  const wake = () => call((context) => machine.onWake?.(context));
  socket.onReceive = (bytes, source) =>
    call((context) => machine.onReceive?.({ bytes, source }, context));
  const drive: UdpDrive = {
    socket,
    close: () => {
      closed = true;
      cancel();
      socket.close();
    },
  };
  call((context) => machine.onOpen?.(context));
  if (!closed) wake();
  return drive;
}
