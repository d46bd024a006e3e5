// What <sys/socket.h> and <netinet/in.h> lay down for Linux on x86-64 and arm64, which agree in all of
// it: 64-bit pointers, little-endian, the generic numbers of options and errors.

import type { SocketAddress } from "../wire/mod.ts";
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

/**
 * Makes a UDP socket that never blocks and binds it.
 *
 * @throws {SystemCallError} If the system refuses.
 */
export function bindUdp(libc: Libc, address: SocketAddress, options: BindUdpOptions): number {
  const { symbols } = libc;
  const family = address.ip.length === 4 ? AF_INET : AF_INET6;
  const fd = symbols.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError("socket", errnoOf(libc));
  try {
    const set = (level: number, option: number, value: number): boolean =>
      symbols.setsockopt(fd, level, option, Int32Array.of(value), 4) === 0;
    const must = (level: number, option: number, value: number): void => {
      if (!set(level, option, value)) throw new SystemCallError("setsockopt", errnoOf(libc));
    };
    if (family === AF_INET6) must(IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6Only ? 1 : 0);
    if (options.reusePort) must(SOL_SOCKET, SO_REUSEPORT, 1);
    // The forced ones go past the system's limit and take CAP_NET_ADMIN
    const { bufferBytes } = options;
    if (!set(SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes)) set(SOL_SOCKET, SO_RCVBUF, bufferBytes);
    if (!set(SOL_SOCKET, SO_SNDBUFFORCE, bufferBytes)) set(SOL_SOCKET, SO_SNDBUF, bufferBytes);
    const name = new Uint8Array(SOCKADDR_STRIDE);
    writeSockaddr(address, name, { at: 0, family });
    if (symbols.bind(fd, name, sockaddrBytes(family)) !== 0) {
      throw new SystemCallError("bind", errnoOf(libc));
    }
    return fd;
  } catch (error) {
    symbols.close(fd);
    throw error;
  }
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
  const name = new Uint8Array(SOCKADDR_STRIDE);
  const length = Uint32Array.of(SOCKADDR_STRIDE);
  if (libc.symbols.getsockname(fd, name, length) !== 0) {
    throw new SystemCallError("getsockname", errnoOf(libc));
  }
  const isIpv4 = name[0] === AF_INET;
  const ip = isIpv4 ? name.slice(4, 8) : name.slice(8, 24);
  return { ip, port: (name[2]! << 8) | name[3]! };
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

/** A function of the operating system has failed. */
export class SystemCallError extends Error {
  /** The name of the class. */
  override readonly name = "SystemCallError";
  /** The error's name, such as `EADDRINUSE`; its number where it has no name here. */
  readonly code: string;

  /** Makes the error from the function's name and `errno`. */
  constructor(call: string, errno: number) {
    const code = ERROR_NAMES[errno] ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.code = code;
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
/** For `eventfd`: never block, and stay out of child processes. */
export const EFD_NONBLOCK_CLOEXEC = 0x80800;
/** For `recvmmsg` and `sendmmsg`: never block. */
export const MSG_DONTWAIT = 0x40;

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

const ERROR_NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  13: "EACCES",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  105: "ENOBUFS",
};
