import { type SocketAddress, socketAddress } from "../wire/mod.ts";
import { errnoOf, type Libc, loadLibc } from "./_libc.ts";
import {
  AF_INET,
  AF_INET6,
  bindUdp,
  boundAddress,
  EAGAIN,
  EINTR,
  MSG_DONTWAIT,
  SOCKADDR_STRIDE,
  writeSockaddr,
} from "./_linux_sockets.ts";
import { MessageSlab } from "./_message_slab.ts";
import { ReceivedBatch } from "./_received_batch.ts";
import { type AwaitedSocket, SocketWait } from "./_socket_wait.ts";
import type { Datagram, DatagramTransport } from "./datagram_transport.ts";
import { toListenError } from "./listen_error.ts";

/** What {@linkcode openBatchedDatagram} binds to. */
export interface BatchedDatagramOptions {
  /** The IP address, 4 or 16 bytes; `::` serves IPv4 as well. */
  readonly ip: Uint8Array;
  /** The port; 0 lets the system choose one. */
  readonly port: number;
  /**
   * Whether other sockets of this user that ask for the same may share the port: the system then
   * spreads the peers over them.
   *
   * @default {false}
   */
  readonly reusePort?: boolean;
  /** Whether a socket of IPv6 leaves IPv4 to others. @default {false} */
  readonly ipv6Only?: boolean;
}

/**
 * Binds a UDP socket that is read and written through `recvmmsg` and `sendmmsg` of the C library, up
 * to 64 datagrams at a time. Its datagrams, peers included, are valid until the next receive. Needs no
 * network permission.
 *
 * @throws {LibcError} If the C library cannot be loaded or lacks a function.
 * @throws {ListenError} If the socket cannot be bound.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
 */
export function openBatchedDatagram(options: BatchedDatagramOptions): BatchedDatagram {
  const descriptor = bindBatchedSocket(options);
  const libc = loadLibc();
  try {
    return new BatchedDatagram(libc, { descriptor });
  } catch (error) {
    libc.symbols.close(descriptor);
    libc.close();
    throw toListenError(error, { address: options, transport: "udp" });
  }
}

/**
 * Binds a UDP socket as {@linkcode openBatchedDatagram} does, and gives its descriptor.
 *
 * @throws {LibcError} If the C library cannot be loaded or lacks a function.
 * @throws {ListenError} If the socket cannot be bound.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
 */
export function bindBatchedSocket(options: BatchedDatagramOptions): number {
  const { ip, port, reusePort = false, ipv6Only = false } = options;
  const address = socketAddress(ip, port);
  const libc = loadLibc();
  try {
    return bindUdp(libc, address, { reusePort, ipv6Only, bufferBytes: SOCKET_BUFFER_BYTES });
  } catch (error) {
    throw toListenError(error, { address, transport: "udp" });
  } finally {
    libc.close();
  }
}

/** A {@linkcode DatagramTransport} over a socket of the C library. */
export class BatchedDatagram implements DatagramTransport {
  /** The address that the socket is bound to. */
  readonly localAddress: SocketAddress;
  /** Always `batched`. */
  readonly io = "batched";
  /** The memory that the kernel fills, and the memory that it reads. */
  readonly slabs: { readonly received: MessageSlab; readonly sent: MessageSlab };
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #family: number;
  readonly #batch: ReceivedBatch;
  readonly #wait: SocketWait;
  #readsThisTurn = 0;
  #sendFailures = 0;
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;
  #closed = false;

  /**
   * Takes over a bound socket, which never blocks, and the library. A socket that is lent, and so has a
   * bell, is left open in the end.
   *
   * @throws {SystemCallError} If the system has no descriptor left.
   */
  constructor(libc: Libc, socket: AwaitedSocket) {
    const { descriptor: fd } = socket;
    this.#libc = libc;
    this.#fd = fd;
    this.localAddress = boundAddress(libc, fd);
    this.#family = this.localAddress.ip.length === 4 ? AF_INET : AF_INET6;
    const layout = { slots: SLOTS, slotBytes: SLOT_BYTES, family: this.#family };
    this.slabs = { received: new MessageSlab(libc, layout), sent: new MessageSlab(libc, layout) };
    this.#batch = new ReceivedBatch(this.slabs.received, this.#family);
    this.#wait = new SocketWait(libc, socket);
  }

  /** How many datagrams could not be handed to the operating system so far. */
  get sendFailures(): number {
    return this.#sendFailures;
  }

  /** Waits for the next datagrams; none at all once the transport is closed. */
  async receive(): Promise<readonly Datagram[]> {
    let failures = 0;
    while (!this.#closed) {
      // What is there already is read at once, but not for ever: timers and other sockets want a turn
      if (this.#readsThisTurn < READS_PER_TURN) {
        this.#readsThisTurn++;
        const { headers, slots } = this.slabs.received;
        const count = this.#libc.symbols.recvmmsg(this.#fd, headers, slots, MSG_DONTWAIT, null);
        if (count > 0) return this.#batch.read(count);
        const errno = errnoOf(this.#libc);
        if (errno === EINTR) continue;
        // A socket that fails for good must not keep the processor busy
        if (errno !== EAGAIN) {
          await this.#wait.until("nothing", Math.min(2 ** failures++, MAX_PAUSE_MS));
        }
      }
      this.#readsThisTurn = 0;
      await this.#wait.until("readable");
    }
    return [];
  }

  /** Sends, in the order given; what cannot be sent is counted. */
  async send(datagrams: readonly Datagram[]): Promise<void> {
    // Who waits for room goes first
    const sent = this.#queued === 0 ? this.#put(datagrams, 0) : 0;
    if (sent === datagrams.length) return;
    const count = datagrams.length - sent;
    if (this.#queued + count > MAX_QUEUED) {
      this.#sendFailures += count;
      return;
    }
    // What has to wait must outlive the batch that it answers
    const waiting = datagrams.slice(sent).map(copyDatagram);
    this.#queued += count;
    const turn = this.#queue.then(() => this.#putWhenThereIsRoom(waiting))
      .finally(() => this.#queued -= count);
    this.#queue = turn.catch(() => {}); // the caller is told, those behind go on
    await turn;
  }

  /** Closes the socket; a pending receive ends with no datagrams. */
  close(): void {
    this.#closed = true;
    this.#wait.end();
  }

  async #putWhenThereIsRoom(datagrams: readonly Datagram[]): Promise<void> {
    for (let next = 0; next < datagrams.length;) {
      await this.#wait.until("writable", MAX_SEND_WAIT_MS);
      const before = next;
      next = this.#put(datagrams, before);
      if (next > before) continue;
      // After so long a wait an answer is worth nothing any more
      this.#sendFailures += datagrams.length - next;
      return;
    }
  }

  /** Sends from a place on until there is no room. Returns where to go on. */
  #put(datagrams: readonly Datagram[], from: number): number {
    let next = from;
    while (next < datagrams.length) {
      if (this.#closed) {
        this.#sendFailures += datagrams.length - next;
        return datagrams.length;
      }
      let count = 0;
      while (
        count < SLOTS && next + count < datagrams.length &&
        this.#write(count, datagrams[next + count]!)
      ) count++;
      if (count === 0) {
        this.#sendFailures++;
        next++;
        continue;
      }
      const done = this.#flush(count);
      next += done;
      if (done < count) break;
    }
    return next;
  }

  /** Puts a datagram into a slot, unless the socket has no way to send it. */
  #write(slot: number, { bytes, peer }: Datagram): boolean {
    const slab = this.slabs.sent;
    const place = { at: slot * SOCKADDR_STRIDE, family: this.#family };
    if (!writeSockaddr(peer, slab.names, place) || bytes.length > SLOT_BYTES) return false;
    const { payloads } = slab;
    const at = slab.payloadAt(slot);
    // An answer is short, and set() is slow to start
    if (bytes.length > 64) payloads.set(bytes, at);
    else for (let i = 0; i < bytes.length; i++) payloads[at + i] = bytes[i]!;
    slab.setLength(slot, bytes.length);
    return true;
  }

  /** Sends the first slots. Returns how many are dealt with when there is no room for more. */
  #flush(count: number): number {
    const slab = this.slabs.sent;
    let done = 0;
    while (done < count) {
      const { symbols } = this.#libc;
      const sent = symbols.sendmmsg(this.#fd, slab.headersFrom(done), count - done, MSG_DONTWAIT);
      if (sent > 0) {
        done += sent;
        continue;
      }
      const errno = errnoOf(this.#libc);
      if (errno === EAGAIN) break;
      if (errno === EINTR) continue;
      // EMSGSIZE, ENETUNREACH, EPERM, ENOBUFS ...: it goes no way, or the system has dropped it
      this.#sendFailures++;
      done++;
    }
    return done;
  }
}

function copyDatagram({ bytes, peer }: Datagram): Datagram {
  return { bytes: bytes.slice(), peer: { ip: peer.ip.slice(), port: peer.port } };
}

/** How many datagrams go through one call. */
const SLOTS = 64;
/** No UDP datagram is longer: its length field has 16 bits. */
const SLOT_BYTES = 65_536;
/** Room for thousands of requests while the event loop is busy with something else. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
/** 16 times 64 answers take some 2 ms. */
const READS_PER_TURN = 16;
const MAX_PAUSE_MS = 100;
const MAX_SEND_WAIT_MS = 1000;
/** How many datagrams may wait for room: 64 batches. */
const MAX_QUEUED = 64 * SLOTS;
