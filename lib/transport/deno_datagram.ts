import { formatIp, type SocketAddress, socketAddress } from "../wire/mod.ts";
import { fromNetAddr, ownSocketAddress, toNetAddr } from "./_net_addr.ts";
import type { Datagram, DatagramTransport } from "./datagram_transport.ts";
import { toListenError } from "./listen_error.ts";

/** What {@linkcode openDenoDatagram} binds to. */
export interface DenoDatagramOptions {
  /** The IP address, 4 or 16 bytes; `::` serves IPv4 as well. */
  readonly ip: Uint8Array;
  /** The port; 0 lets the system choose one. */
  readonly port: number;
}

/** The part of `Deno.DatagramConn` that {@linkcode DenoDatagram} uses. */
export type DenoDatagramSocket = Pick<
  Deno.DatagramConn,
  "addr" | "receive" | "send" | "close"
>;

/**
 * Binds a UDP socket through `Deno.listenDatagram`: the sandboxed path, which needs `--allow-net`
 * and no more.
 *
 * @throws {ListenError} If the socket cannot be bound.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
 * @throws {TypeError} If Deno runs without `--unstable-net`.
 */
export function openDenoDatagram(options: DenoDatagramOptions): DatagramTransport {
  const address = socketAddress(options.ip, options.port);
  if (typeof Deno.listenDatagram !== "function") {
    throw new TypeError(
      "Cannot open a UDP socket: Deno.listenDatagram is missing, pass --unstable-net",
    );
  }
  let socket: DenoDatagramSocket;
  try {
    socket = Deno.listenDatagram({
      transport: "udp",
      hostname: formatIp(address.ip),
      port: address.port,
    });
  } catch (error) {
    throw toListenError(error, { address, transport: "udp" });
  }
  return new DenoDatagram(socket);
}

/** A {@linkcode DatagramTransport} over a socket of `Deno.listenDatagram`. */
export class DenoDatagram implements DatagramTransport {
  /** The address that the socket is bound to. */
  readonly localAddress: SocketAddress;
  /** Always `deno`. */
  readonly io = "deno";
  readonly #socket: DenoDatagramSocket;
  readonly #isIpv6: boolean;
  readonly #buffer = new Uint8Array(MAX_DATAGRAM_BYTES);
  // An answer goes to the peer just heard, as a rule, and need not format its address.
  #lastPeer: SocketAddress | undefined;
  #lastPeerName: Deno.NetAddr | undefined;
  #sendFailures = 0;
  /** In a row. */
  #receiveFailures = 0;
  #closed = false;
  #endPause: (() => void) | undefined;

  /** Takes over a bound socket. */
  constructor(socket: DenoDatagramSocket) {
    this.#socket = socket;
    this.localAddress = ownSocketAddress(socket.addr);
    this.#isIpv6 = this.localAddress.ip.length === 16;
  }

  /** How many datagrams could not be handed to the operating system so far. */
  get sendFailures(): number {
    return this.#sendFailures;
  }

  /** Waits for the next datagram; none at all once the transport is closed. */
  receive(): Promise<readonly Datagram[]> {
    if (this.#closed) return Promise.resolve([]);
    // Not an async function, nor is send(): they would take a twentieth of what an answer takes
    return this.#socket.receive(this.#buffer).then(this.#onReceived, this.#onReceiveError);
  }

  /** Sends, in the order given; what cannot be sent is counted. */
  send(datagrams: readonly Datagram[]): Promise<void> {
    return datagrams.length === 1 ? this.#sendOne(datagrams[0]!) : this.#sendInTurn(datagrams);
  }

  /** Closes the socket; a pending receive ends with no datagrams. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endPause?.();
    this.#socket.close();
  }

  readonly #onReceived = (
    [bytes, from]: [Uint8Array, Deno.Addr],
  ): readonly Datagram[] | Promise<readonly Datagram[]> => {
    this.#receiveFailures = 0;
    const name = from as Deno.NetAddr;
    const peer = fromNetAddr(name);
    if (peer === undefined) return this.receive();
    this.#lastPeer = peer;
    this.#lastPeerName = name;
    return [{ bytes, peer }];
  };

  readonly #onReceiveError = async (error: unknown): Promise<readonly Datagram[]> => {
    if (this.#closed || error instanceof Deno.errors.BadResource) return [];
    // Some systems report a peer's ICMP error here. A socket that fails for good must not keep
    // the processor busy either.
    await this.#pause(Math.min(2 ** this.#receiveFailures++, MAX_PAUSE_MS));
    return await this.receive();
  };

  async #sendInTurn(datagrams: readonly Datagram[]): Promise<void> {
    // One at a time: Deno would carry overlapping sends out in reverse, and no faster.
    for (const one of datagrams) await this.#sendOne(one);
  }

  #sendOne({ bytes, peer }: Datagram): Promise<void> {
    try {
      return this.#socket.send(bytes, this.#netAddr(peer)).then(nothing, this.#onSendError);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  readonly #onSendError = (): void => {
    this.#sendFailures++;
  };

  #netAddr(peer: SocketAddress): Deno.NetAddr {
    return peer === this.#lastPeer ? this.#lastPeerName! : toNetAddr(peer, this.#isIpv6);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function nothing(): void {}

/** The most that fits the 16-bit length of a UDP header. */
const MAX_DATAGRAM_BYTES = 65_536;

/** Long enough not to be felt by the processor, short enough not to be felt by a client. */
const MAX_PAUSE_MS = 100;
