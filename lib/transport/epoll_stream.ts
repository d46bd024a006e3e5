import { formatSocketAddress, type SocketAddress, socketAddress } from "../wire/mod.ts";
import { errnoOf } from "./_libc.ts";
import {
  acceptTcp,
  boundAddress,
  EAGAIN,
  EINTR,
  listenOnTcp,
  MSG_NOSIGNAL,
  SHUT_WR,
  SystemCallError,
} from "./_linux_sockets.ts";
import { type PolledSocket, type SocketNews, StreamPoll } from "./_stream_poll.ts";
import { toAcceptError } from "./accept_error.ts";
import { ConnectionError, toConnectionError } from "./connection_error.ts";
import { toListenError } from "./listen_error.ts";
import type { StreamConnection, StreamListener } from "./stream_transport.ts";
import { DEFAULT_BACKLOG, type ListenTcpOptions } from "./tcp.ts";

/**
 * Listens for TCP connections, as `listenTcp()` does, through `epoll` of the C library: a connection
 * that is held takes less than half the memory, and an answer less time. All sockets that one thread
 * opens so are watched together. Needs no network permission.
 *
 * @throws {LibcError} If the C library cannot be loaded or lacks a function.
 * @throws {ListenError} If the socket cannot be bound.
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535.
 */
export function listenEpoll(options: ListenTcpOptions): EpollListener {
  const address = socketAddress(options.ip, options.port);
  const { backlog = DEFAULT_BACKLOG, reusePort = false } = options;
  const poll = sharedPoll();
  const { symbols } = poll.libc;
  let descriptor = -1;
  try {
    descriptor = listenOnTcp(poll.libc, address, { backlog, reusePort });
    return new EpollListener(poll, descriptor, options.maxReadBytes);
  } catch (error) {
    if (descriptor >= 0) symbols.close(descriptor);
    poll.endIfUnused();
    throw toListenError(error, { address, transport: "tcp" });
  }
}

/** A {@linkcode StreamListener} over a socket of the C library. */
export class EpollListener implements StreamListener, PolledSocket {
  /** The address that the socket is bound to. */
  readonly localAddress: SocketAddress;
  /** Always `epoll`. */
  readonly io = "epoll";
  /** Its descriptor. */
  readonly descriptor: number;
  readonly #poll: StreamPoll;
  readonly #rooms: ReadRooms;
  #waiting: Waiting<StreamConnection | undefined> | undefined;
  /** Whether nothing is known to wait; else it is worth while to ask. */
  #isQuiet = false;
  /** How many were accepted since others had a turn. */
  #accepted = 0;
  #closed = false;

  /** Takes over a listening socket. */
  constructor(poll: StreamPoll, descriptor: number, maxReadBytes = DEFAULT_MAX_READ_BYTES) {
    this.#poll = poll;
    this.descriptor = descriptor;
    this.#rooms = new ReadRooms(maxReadBytes);
    this.localAddress = boundAddress(poll.libc, descriptor);
    poll.add(this);
  }

  /** Waits for the next connection; `undefined` once the listener is closed. */
  accept(): Promise<StreamConnection | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      // A crowd at the door does not keep those who are in from being served
      if (this.#isQuiet) return;
      if (this.#accepted++ < ACCEPTS_PER_ROUND) this.#acceptNow();
      else this.#poll.again(this);
    });
  }

  /** Stops listening; connections stay open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.remove(this);
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
  }

  /** Somebody is at the door. */
  onReadable(): void {
    this.#isQuiet = false;
    this.#accepted = 0;
    if (this.#waiting !== undefined) this.#acceptNow();
  }

  /** Does not happen. */
  onWritable(): void {}

  #acceptNow(): void {
    const { resolve, reject } = this.#waiting!;
    try {
      const accepted = acceptTcp(this.#poll.libc, this.descriptor);
      if (accepted === undefined) {
        this.#isQuiet = true;
        return;
      }
      this.#waiting = undefined;
      resolve(new EpollConnection(this.#poll, { ...accepted, rooms: this.#rooms }));
    } catch (error) {
      this.#waiting = undefined;
      reject(toAcceptError(error));
    }
  }
}

interface EpollConnectionOptions {
  readonly descriptor: number;
  readonly peer: SocketAddress;
  readonly rooms: ReadRooms;
}

/** A {@linkcode StreamConnection} over a socket of the C library. */
class EpollConnection implements StreamConnection, PolledSocket {
  readonly descriptor: number;
  readonly remoteAddress: SocketAddress;
  readonly #poll: StreamPoll;
  readonly #rooms: ReadRooms;
  /** Where what was read last is, until the next read. */
  #room: ReadRoom | undefined;
  #reader: Waiting<Uint8Array | undefined> | undefined;
  /** Whether nothing is known to be there; else it is worth while to read. */
  #isQuiet = true;
  /** Whether the peer has said all, or the connection is broken: what follows tells which. */
  #isEnding = false;
  /** What has to wait until there is room, or for such: in order. */
  #lastWrite: Promise<void> | undefined;
  #writes = 0;
  #roomWaiting: (() => void) | undefined;
  /** This side's half of the stream is over, or will be once the writes under way are. */
  #ended = false;
  #closed = false;
  #localAddress: SocketAddress | undefined;

  constructor(poll: StreamPoll, { descriptor, peer, rooms }: EpollConnectionOptions) {
    this.#poll = poll;
    this.descriptor = descriptor;
    this.remoteAddress = peer;
    this.#rooms = rooms;
    try {
      poll.add(this);
    } catch (error) {
      poll.libc.symbols.close(descriptor);
      throw error;
    }
  }

  get localAddress(): SocketAddress {
    if (this.#localAddress === undefined) {
      const { ip, port } = boundAddress(this.#poll.libc, this.descriptor);
      this.#localAddress = socketAddress(ip, port);
    }
    return this.#localAddress;
  }

  read(): Promise<Uint8Array | undefined> {
    this.#leaveRoom();
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      // In the next round, so that all others are read before this one is again
      if (!this.#isQuiet) this.#poll.again(this);
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#ended) return Promise.reject(this.#closedError());
    if (this.#lastWrite === undefined) {
      // As a rule there is room
      const sent = this.#poll.libc.symbols.send(
        this.descriptor,
        bytes,
        sizeOf(bytes),
        MSG_NOSIGNAL,
      );
      if (sent === bytes.length) return DONE;
      return this.#queue(() => this.#writeAll(sent > 0 ? bytes.subarray(sent) : bytes));
    }
    return this.#queue(() => this.#writeAll(bytes));
  }

  async closeWrite(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#lastWrite?.catch(() => {});
    if (this.#closed) return;
    const { symbols } = this.#poll.libc;
    if (symbols.shutdown(this.descriptor, SHUT_WR) === 0) return;
    const error = new SystemCallError("shutdown", errnoOf(this.#poll.libc));
    throw toConnectionError(error, `Cannot end the stream to ${this.#peer()}`);
  }

  close(): void {
    if (this.#closed) return;
    // Asked for afterwards, it would be that of another socket
    void this.localAddress;
    this.#closed = this.#ended = true;
    this.#leaveRoom();
    this.#poll.remove(this);
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
    this.onWritable();
  }

  onReadable(news: SocketNews): void {
    this.#isQuiet = false;
    if (news === "end") this.#isEnding = true;
    if (this.#reader !== undefined) this.#readNow();
  }

  onWritable(): void {
    this.#roomWaiting?.();
    this.#roomWaiting = undefined;
  }

  #readNow(): void {
    const { resolve, reject } = this.#reader!;
    const room = this.#rooms.take();
    const { buffer } = room;
    const count = this.#poll.libc.symbols.recv(this.descriptor, buffer, room.size, 0);
    if (count > 0) {
      // That was all, as there was room for more; of what comes now we are told
      if (count < buffer.length && !this.#isEnding) this.#isQuiet = true;
      this.#reader = undefined;
      this.#room = room;
      resolve(room.chunk(count));
      return;
    }
    const errno = count < 0 ? errnoOf(this.#poll.libc) : 0;
    this.#rooms.giveBack(room);
    if (errno === EAGAIN) {
      this.#isQuiet = true;
      return;
    }
    if (errno === EINTR) return this.#poll.again(this);
    this.#reader = undefined;
    if (count === 0) return resolve(undefined);
    const error = new SystemCallError("recv", errno);
    reject(toConnectionError(error, `Cannot read from ${this.#peer()}`));
  }

  /** Lets something be done after the writes before it. */
  #queue(write: () => Promise<void>): Promise<void> {
    this.#writes++;
    const before = this.#lastWrite;
    const turn = (before === undefined ? write() : before.then(write, write)).finally(() => {
      if (--this.#writes === 0) this.#lastWrite = undefined;
    });
    return this.#lastWrite = turn;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#closed) throw this.#closedError();
      const rest = at === 0 ? bytes : bytes.subarray(at);
      const sent = this.#poll.libc.symbols.send(this.descriptor, rest, sizeOf(rest), MSG_NOSIGNAL);
      if (sent >= 0) {
        at += sent;
        continue;
      }
      const errno = errnoOf(this.#poll.libc);
      if (errno === EINTR) continue;
      if (errno !== EAGAIN) {
        const error = new SystemCallError("send", errno);
        throw toConnectionError(error, `Cannot write to ${this.#peer()}`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#roomWaiting = resolve;
      this.#poll.awaitRoom(this);
      await promise;
    }
  }

  #leaveRoom(): void {
    if (this.#room === undefined) return;
    this.#rooms.giveBack(this.#room);
    this.#room = undefined;
  }

  #closedError(): ConnectionError {
    return new ConnectionError(`Cannot write to ${this.#peer()}: the connection is closed`, {
      code: "closed",
    });
  }

  #peer(): string {
    return formatSocketAddress(this.remoteAddress);
  }
}

/** What waits for a promise to be settled. */
interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Where one read goes. */
class ReadRoom {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly size: bigint;
  #chunk: Uint8Array;

  constructor(bytes: number) {
    this.buffer = new Uint8Array(bytes);
    this.size = BigInt(bytes);
    this.#chunk = this.buffer;
  }

  /** The first bytes; a view costs as much as a read, and most are as long as the one before. */
  chunk(length: number): Uint8Array {
    if (this.#chunk.length !== length) this.#chunk = this.buffer.subarray(0, length);
    return this.#chunk;
  }
}

/** Rooms that are free: only a connection that has just been read has one. */
class ReadRooms {
  readonly #bytes: number;
  readonly #free: ReadRoom[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(): ReadRoom {
    return this.#free.pop() ?? new ReadRoom(this.#bytes);
  }

  giveBack(room: ReadRoom): void {
    if (this.#free.length < MAX_FREE_ROOMS) this.#free.push(room);
  }
}

/** A length as the C library takes it: a bigint, of which most are short answers'. */
function sizeOf({ length }: Uint8Array): bigint {
  return length < SIZES.length ? SIZES[length]! : BigInt(length);
}

const SIZES = Array.from({ length: 256 }, (_, length) => BigInt(length));

/** The one that watches all of this thread's sockets. */
function sharedPoll(): StreamPoll {
  if (shared === undefined || shared.ended) shared = new StreamPoll();
  return shared;
}

let shared: StreamPoll | undefined;

/** See `StreamIo.atRest`. */
export async function epollAtRest(): Promise<void> {
  if (shared?.ended) await shared.rest;
}

const DONE = Promise.resolve();
/** As of `listenTcp()`. */
const DEFAULT_MAX_READ_BYTES = 16_384;
/** As many as a round reads: 4 MB at 16 KB each. */
const MAX_FREE_ROOMS = 256;
const ACCEPTS_PER_ROUND = 128;
