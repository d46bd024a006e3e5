// What <sys/socket.h> and <netinet/in.h> lay down for Linux on x86-64 and arm64, which agree in all of
// it: 64-bit pointers, little-endian, the generic numbers of options and errors.

import { type SocketAddress, socketAddress } from "../wire/mod.ts";
import { errnoOf, type Libc } from "./_libc.ts";

/** How {@linkcode bindUdp} sets a socket up. */
export interface BindUdpOptions {
  /** Whether other sockets that ask for the same may share the port. */
  readonly reusePort: boolean;
  /** Whether a socket of IPv6 leaves IPv4 alone. */
  readonly ipv6Only: boolean;
  /** How many bytes to ask for, in each direction; the system may give less. */
  readonly bufferBytes: number;
}

/** How {@linkcode listenOnTcp} sets a socket up. */
export interface ListenOnTcpOptions {
  /** How many connections may wait to be accepted. */
  readonly backlog: number;
  /** Whether other sockets that ask for the same may share the port. */
  readonly reusePort: boolean;
}

/**
 * Makes a UDP socket that never blocks and binds it.
 *
 * @throws {SystemCallError} If the system refuses.
 */
export function bindUdp(libc: Libc, address: SocketAddress, options: BindUdpOptions): number {
  return bindSocket(libc, { address, type: SOCK_DGRAM }, (socket) => {
    if (socket.family === AF_INET6) socket.must(IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6Only);
    if (options.reusePort) socket.must(SOL_SOCKET, SO_REUSEPORT, true);
    // The forced ones go past the system's limit and take CAP_NET_ADMIN
    const { bufferBytes } = options;
    if (!socket.set(SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes)) {
      socket.set(SOL_SOCKET, SO_RCVBUF, bufferBytes);
    }
    if (!socket.set(SOL_SOCKET, SO_SNDBUFFORCE, bufferBytes)) {
      socket.set(SOL_SOCKET, SO_SNDBUF, bufferBytes);
    }
    socket.bind();
  });
}

/**
 * Binds a TCP socket that does nothing but keep a port, from all but the sockets of this user that have
 * SO_REUSEPORT. `::` stands for IPv4 as well.
 *
 * @throws {SystemCallError} If the system refuses, `EADDRINUSE` if somebody listens on the port.
 */
export function holdTcpPort(libc: Libc, address: SocketAddress): number {
  return bindSocket(libc, { address, type: SOCK_STREAM }, (socket) => {
    if (socket.family === AF_INET6) socket.must(IPPROTO_IPV6, IPV6_V6ONLY, false);
    try {
      socket.bind();
    } catch (error) {
      if (!(error instanceof SystemCallError) || error.code !== "EADDRINUSE") throw error;
      // Connections that a former owner of the port has left behind do not matter
      socket.must(SOL_SOCKET, SO_REUSEADDR, true);
      socket.bind();
      socket.must(SOL_SOCKET, SO_REUSEADDR, false);
    }
    // Before, others who share the port would have been welcome
    socket.must(SOL_SOCKET, SO_REUSEPORT, true);
  });
}

/**
 * Makes a TCP socket that never blocks, shares its port, and has no-delay and keep-alive on, and binds
 * it.
 *
 * @param keepAliveMs ms of silence before the probes; undefined for the system's choice.
 * @throws {SystemCallError} If the system refuses.
 */
export function bindTcp(
  libc: Libc,
  address: SocketAddress,
  keepAliveMs: number | undefined,
): number {
  return bindSocket(libc, { address, type: SOCK_STREAM }, (socket) => {
    socket.must(IPPROTO_TCP, TCP_NODELAY, true);
    socket.must(SOL_SOCKET, SO_KEEPALIVE, true);
    if (keepAliveMs !== undefined) {
      socket.must(IPPROTO_TCP, TCP_KEEPIDLE, Math.trunc(keepAliveMs / 1000));
    }
    socket.must(SOL_SOCKET, SO_REUSEADDR, true);
    socket.must(SOL_SOCKET, SO_REUSEPORT, true);
    socket.bind();
  });
}

/**
 * Makes a TCP socket that never blocks, binds it and listens. What it accepts has no-delay and
 * keep-alive on, as Linux hands them down. `::` stands for IPv4 as well.
 *
 * @throws {SystemCallError} If the system refuses.
 */
export function listenOnTcp(
  libc: Libc,
  address: SocketAddress,
  options: ListenOnTcpOptions,
): number {
  const fd = bindSocket(libc, { address, type: SOCK_STREAM }, (socket) => {
    if (socket.family === AF_INET6) socket.must(IPPROTO_IPV6, IPV6_V6ONLY, false);
    // What former connections have left behind does not matter; another listener does
    socket.must(SOL_SOCKET, SO_REUSEADDR, true);
    if (options.reusePort) socket.must(SOL_SOCKET, SO_REUSEPORT, true);
    socket.must(IPPROTO_TCP, TCP_NODELAY, true);
    socket.must(SOL_SOCKET, SO_KEEPALIVE, true);
    socket.bind();
  });
  if (libc.symbols.listen(fd, options.backlog) === 0) return fd;
  const errno = errnoOf(libc);
  libc.symbols.close(fd);
  throw new SystemCallError("listen", errno);
}

/** A connection that has been accepted. */
export interface AcceptedSocket {
  /** Its descriptor; it never blocks. */
  readonly descriptor: number;
  /** The other end, of 4 bytes if it came over IPv4. */
  readonly peer: SocketAddress;
}

/**
 * Accepts a connection, if there is one.
 *
 * @throws {SystemCallError} If the system refuses.
 */
export function acceptTcp(libc: Libc, fd: number): AcceptedSocket | undefined {
  for (;;) {
    nameLength[0] = SOCKADDR_STRIDE;
    const { symbols } = libc;
    const descriptor = symbols.accept4(fd, name, nameLength, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) return { descriptor, peer: readSockaddr(name) };
    const errno = errnoOf(libc);
    if (errno === EAGAIN) return undefined;
    if (errno !== EINTR) throw new SystemCallError("accept4", errno);
  }
}

/** The address in a `sockaddr_in` or `sockaddr_in6`; 4 bytes for IPv4, be it mapped into IPv6. */
function readSockaddr(from: Uint8Array): SocketAddress {
  return socketAddress(from[0] === AF_INET ? from.slice(4, 8) : from.slice(8, 24), portIn(from));
}

/** The port, at the same place in `sockaddr_in` and `sockaddr_in6`. */
function portIn(from: Uint8Array): number {
  return (from[2]! << 8) | from[3]!;
}

/**
 * Begins to connect a TCP socket, or asks how that goes on: whether it is connected.
 *
 * @throws {SystemCallError} If there will be no connection.
 */
export function connectTcpSocket(libc: Libc, fd: number, peer: SocketAddress): boolean {
  const family = peer.ip.length === 4 ? AF_INET : AF_INET6;
  const name = new Uint8Array(SOCKADDR_STRIDE);
  writeSockaddr(peer, name, { at: 0, family });
  if (libc.symbols.connect(fd, name, sockaddrBytes(family)) === 0) return true;
  const errno = errnoOf(libc);
  if (errno === EISCONN) return true;
  if (errno === EINPROGRESS || errno === EALREADY || errno === EINTR) return false;
  throw new SystemCallError("connect", errno);
}

/**
 * Lets other sockets that ask for the same share the port of a socket that had it to itself so far.
 *
 * @throws {SystemCallError} If the system refuses.
 */
export function allowReusePort(libc: Libc, fd: number): void {
  if (libc.symbols.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, Int32Array.of(1), 4) !== 0) {
    throw new SystemCallError("setsockopt", errnoOf(libc));
  }
}

/** The address that a socket is bound to; that of an IPv6 socket keeps its 16 bytes. */
export function boundAddress(libc: Libc, fd: number): SocketAddress {
  nameLength[0] = SOCKADDR_STRIDE;
  if (libc.symbols.getsockname(fd, name, nameLength) !== 0) {
    throw new SystemCallError("getsockname", errnoOf(libc));
  }
  const ip = name[0] === AF_INET ? name.slice(4, 8) : name.slice(8, 24);
  return { ip, port: portIn(name) };
}

/** Where {@linkcode writeSockaddr} writes to. */
export interface SockaddrPlace {
  /** The offset of the first byte. */
  readonly at: number;
  /** AF_INET or AF_INET6: that of the socket which is to send. */
  readonly family: number;
}

/**
 * Writes a `sockaddr_in` or a `sockaddr_in6`, whose IPv4 peers are mapped. False if a socket of IPv4
 * has no way to name the address.
 *
 * @throws {RangeError} If the IP address has neither 4 nor 16 bytes.
 */
export function writeSockaddr(
  address: SocketAddress,
  into: Uint8Array,
  { at, family }: SockaddrPlace,
): boolean {
  // sockaddr_in:  family(16) port(16, big-endian) address(32) zero(64)
  // sockaddr_in6: family(16) port(16, big-endian) flow(32) address(128) scope(32)
  const { ip, port } = address;
  const length = ip.length;
  if (length !== 4 && length !== 16) {
    throw new RangeError(`Cannot write an IP address: it has ${length} bytes, wanted 4 or 16`);
  }
  let to = at + (family === AF_INET ? 4 : 8);
  if (family === AF_INET && length === 16) return false;
  into[at] = family;
  into[at + 1] = 0;
  into[at + 2] = port >>> 8;
  into[at + 3] = port;
  if (family === AF_INET6 && length === 4) {
    for (let i = 0; i < 10; i++) into[to++] = 0;
    into[to++] = 0xff;
    into[to++] = 0xff;
  }
  for (let i = 0; i < length; i++) into[to + i] = ip[i]!;
  return true;
}

/** The bytes of a socket address of this family. */
export function sockaddrBytes(family: number): number {
  return family === AF_INET ? 16 : 28;
}

/** A socket that is being set up. */
interface RawSocket {
  readonly family: number;
  /** Sets an option; whether the system has taken it. */
  set(level: number, option: number, value: number): boolean;
  /** Sets an option, or throws. */
  must(level: number, option: number, value: number | boolean): void;
  bind(): void;
}

/** Makes a socket that never blocks, and closes it if it cannot be set up. Returns its descriptor. */
function bindSocket(
  libc: Libc,
  { address, type }: { readonly address: SocketAddress; readonly type: number },
  setUp: (socket: RawSocket) => void,
): number {
  const { symbols } = libc;
  const family = address.ip.length === 4 ? AF_INET : AF_INET6;
  const fd = symbols.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError("socket", errnoOf(libc));
  const check = (call: string, result: number) => {
    if (result !== 0) throw new SystemCallError(call, errnoOf(libc));
  };
  const setOption = (level: number, option: number, value: number) =>
    symbols.setsockopt(fd, level, option, Int32Array.of(value), 4);
  try {
    setUp({
      family,
      set: (level, option, value) => setOption(level, option, value) === 0,
      must: (level, option, value) => check("setsockopt", setOption(level, option, Number(value))),
      bind: () => {
        const name = new Uint8Array(SOCKADDR_STRIDE);
        writeSockaddr(address, name, { at: 0, family });
        check("bind", symbols.bind(fd, name, sockaddrBytes(family)));
      },
    });
    return fd;
  } catch (error) {
    symbols.close(fd);
    throw error;
  }
}

/** A function of the operating system has failed. */
export class SystemCallError extends Error {
  /** The name of the class. */
  override readonly name = "SystemCallError";
  /** The error's name, such as `EADDRINUSE`; its number where it has no name here. */
  readonly code: string;
  /** The function's name. */
  readonly syscall: string;

  /** Makes the error from the function's name and `errno`. */
  constructor(syscall: string, errno: number) {
    const code = ERROR_NAMES[errno] ?? `errno ${errno}`;
    super(`${syscall}: ${code}`);
    this.code = code;
    this.syscall = syscall;
  }
}

/** IPv4. */
export const AF_INET = 2;
/** IPv6. */
export const AF_INET6 = 10;
/** Room for either socket address, in steps of whole 32-bit words. */
export const SOCKADDR_STRIDE = 32;
/** A call was interrupted and may be repeated. */
export const EINTR = 4;
/** A call would have to wait. */
export const EAGAIN = 11;
/** For `poll`: there is something to be read. */
export const POLLIN = 1;
/** For `poll`: there is room to write. */
export const POLLOUT = 4;
/** For `epoll_create1`: stay out of child processes. */
export const EPOLL_CLOEXEC = 0x80000;
/** For `epoll_ctl`: watch another descriptor. */
export const EPOLL_CTL_ADD = 1;
/** For `epoll_ctl`: watch a descriptor no more. */
export const EPOLL_CTL_DEL = 2;
/** For `epoll_ctl`: watch a descriptor for something else. */
export const EPOLL_CTL_MOD = 3;
/** For `epoll_ctl`: the other side will say no more. */
export const EPOLLRDHUP = 0x2000;
/** For `epoll_ctl`: tell what is new, once. */
export const EPOLLET = 1 << 31;
/** For `eventfd`: never block, and stay out of child processes. */
export const EFD_NONBLOCK_CLOEXEC = 0x80800;
/** For `recvmmsg` and `sendmmsg`: never block. */
export const MSG_DONTWAIT = 0x40;
/** For `send`: no signal if the other side is gone. */
export const MSG_NOSIGNAL = 0x4000;
/** For `shutdown`: this side has said all. */
export const SHUT_WR = 1;

/** Where the system writes an address. */
const name = new Uint8Array(SOCKADDR_STRIDE);
const nameLength = new Uint32Array(1);

const EALREADY = 114;
const EINPROGRESS = 115;
const EISCONN = 106;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_KEEPALIVE = 9;
const SO_REUSEPORT = 15;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

const ERROR_NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  12: "ENOMEM",
  13: "EACCES",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  28: "ENOSPC",
  32: "EPIPE",
  71: "EPROTO",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  100: "ENETDOWN",
  101: "ENETUNREACH",
  103: "ECONNABORTED",
  104: "ECONNRESET",
  105: "ENOBUFS",
  107: "ENOTCONN",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  112: "EHOSTDOWN",
  113: "EHOSTUNREACH",
};
