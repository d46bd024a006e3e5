import { formatIp, formatSocketAddress, type SocketAddress } from "../wire/mod.ts";

/** Why an HTTP server could not be opened. The message can be shown to a person as it is. */
export class HttpListenError extends Error {
  /** The name of the class. */
  override readonly name = "HttpListenError";
  /** The address that was to be listened on. */
  readonly address: SocketAddress;

  /** Makes the error; `reason` is what follows the colon of the message. */
  constructor(reason: string, options: ErrorOptions & { readonly address: SocketAddress }) {
    super(`Cannot listen on http ${formatSocketAddress(options.address)}: ${reason}`, options);
    this.address = options.address;
  }
}

/** The error for what `listen` has thrown or reported. */
export function httpListenError(cause: unknown, address: SocketAddress): HttpListenError {
  return new HttpListenError(diagnose(cause, address), { address, cause });
}

function diagnose(cause: unknown, { ip, port }: SocketAddress): string {
  if (cause instanceof Deno.errors.NotCapable) {
    return "Deno was run without network permission, pass --allow-net";
  }
  switch (cause instanceof Error && "code" in cause ? cause.code : undefined) {
    case "EADDRINUSE":
      return "the address is in use by another program";
    case "EACCES":
    case "EPERM":
      return port > 0 && port < 1024
        ? "the operating system wants root or CAP_NET_BIND_SERVICE for ports below 1024"
        : "the operating system does not permit it";
    case "EADDRNOTAVAIL":
    case "EINVAL": // so says Deno's node:net
      return `${formatIp(ip)} is not an address of this host`;
    case "EAFNOSUPPORT":
      return `this host has no ${ip.length === 4 ? "IPv4" : "IPv6"}`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}
