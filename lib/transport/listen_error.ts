import { formatIp, formatSocketAddress, type SocketAddress } from "../wire/mod.ts";

/** Why a listener could not be opened. */
export type ListenErrorCode =
  | "address-in-use"
  | "permission-denied"
  | "address-not-available"
  | "unsupported"
  | "other";

/** What a {@linkcode ListenError} says apart from its message. */
export interface ListenErrorOptions extends ErrorOptions {
  /** The kind of failure. */
  readonly code: ListenErrorCode;
  /** The address that was to be listened on. */
  readonly address: SocketAddress;
  /** `udp`, `tcp` or `tls`. */
  readonly transport: string;
}

/** Opening a listener failed. The message is one line that can be shown to a person as it is. */
export class ListenError extends Error {
  /** The name of the class. */
  override readonly name = "ListenError";
  /** The kind of failure. */
  readonly code: ListenErrorCode;
  /** The address that was to be listened on. */
  readonly address: SocketAddress;
  /** `udp`, `tcp` or `tls`. */
  readonly transport: string;

  /** Makes the error; `reason` is what follows the colon of the message. */
  constructor(reason: string, options: ListenErrorOptions) {
    const { transport, address } = options;
    super(`Cannot listen on ${transport} ${formatSocketAddress(address)}: ${reason}`, options);
    this.code = options.code;
    this.address = address;
    this.transport = transport;
  }
}

/** What opening a listener was about. */
export interface ListenAttempt {
  /** The address that was to be listened on. */
  readonly address: SocketAddress;
  /** `udp`, `tcp` or `tls`. */
  readonly transport: string;
}

/** Turns what Deno threw when a listener was opened into a {@linkcode ListenError}. */
export function toListenError(cause: unknown, attempt: ListenAttempt): ListenError {
  const { code, reason } = diagnose(cause, attempt.address);
  return new ListenError(reason, { ...attempt, code, cause });
}

function diagnose(
  cause: unknown,
  address: SocketAddress,
): { readonly code: ListenErrorCode; readonly reason: string } {
  const ip = formatIp(address.ip);
  if (cause instanceof Deno.errors.NotCapable) {
    return {
      code: "permission-denied",
      reason: "Deno was run without network permission, pass --allow-net",
    };
  }
  switch (cause instanceof Error && "code" in cause ? cause.code : undefined) {
    case "EADDRINUSE":
      return { code: "address-in-use", reason: "the address is in use by another program" };
    case "EACCES":
    case "EPERM":
      return {
        code: "permission-denied",
        reason: address.port > 0 && address.port < 1024
          ? "the operating system wants root or CAP_NET_BIND_SERVICE for ports below 1024"
          : "the operating system does not permit it",
      };
    case "EADDRNOTAVAIL":
      return { code: "address-not-available", reason: `${ip} is not an address of this host` };
    case "EAFNOSUPPORT":
      return {
        code: "unsupported",
        reason: `this host has no ${address.ip.length === 4 ? "IPv4" : "IPv6"}`,
      };
  }
  if (isLinkLocalIpv6(address.ip)) {
    return { code: "unsupported", reason: `${ip} is a link-local address, which needs a zone` };
  }
  return { code: "other", reason: cause instanceof Error ? cause.message : String(cause) };
}

function isLinkLocalIpv6(ip: Uint8Array): boolean {
  return ip.length === 16 && ip[0] === 0xfe && (ip[1]! & 0xc0) === 0x80;
}
