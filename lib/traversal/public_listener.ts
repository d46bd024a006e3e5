import type { DialBackOutcome, SocketAddress } from "../wire/mod.ts";
import type { StreamConnection, TcpPortSharing } from "../transport/mod.ts";

/** A public address was learned, or has changed. Its type is `refresh`. */
export class PublicAddressEvent extends Event {
  /** Where the world finds this listener. */
  readonly publicAddress: SocketAddress;
  /** The public address before; undefined at first and after a loss. */
  readonly previous: SocketAddress | undefined;
  /** The local end of it. */
  readonly localAddress: SocketAddress;
  /** The server that saw it. */
  readonly server: SocketAddress;

  /** Makes the event. */
  constructor(
    found: Pick<PublicAddressEvent, "publicAddress" | "previous" | "localAddress" | "server">,
  ) {
    super("refresh");
    this.publicAddress = found.publicAddress;
    this.previous = found.previous;
    this.localAddress = found.localAddress;
    this.server = found.server;
  }
}

/** No server holds the mapping any more: nobody knows whether the address still works. Its type is `lost`. */
export class PublicAddressLostEvent extends Event {
  /** Why, in a sentence for a person. */
  readonly reason: string;

  /** Makes the event. */
  constructor(reason: string) {
    super("lost");
    this.reason = reason;
  }
}

/** What became of a dial-back. */
export interface DialBackFinding {
  /** The server that was asked. */
  readonly server: SocketAddress;
  /** Whether it was to come from the server's other address. */
  readonly changeAddress: boolean;
  /** What the server says; `"unanswered"` if it said nothing in time, `"unknown"` if it does not know DIAL-BACK. */
  readonly outcome: DialBackOutcome | "unanswered" | "unknown";
  /** Where it came from, as far as it arrived here. */
  readonly from: SocketAddress | undefined;
  /** ms that it took, as the server says. */
  readonly elapsedMs: number | undefined;
}

/** A TCP listener with a public address that STUN servers hold open. */
export interface PublicTcpListener extends EventTarget, AsyncIterable<StreamConnection> {
  /** The local end, with the IP address that the way to the server has. */
  readonly localAddress: SocketAddress;
  /** The public address; undefined while it is lost. */
  readonly publicAddress: SocketAddress | undefined;
  /** Whether something translates between the two. */
  readonly nat: boolean;
  /** How the local port is shared. */
  readonly sharing: TcpPortSharing;
  /** Asks one of the servers that hold the mapping to connect to it. */
  dialBack(options?: { readonly changeAddress?: boolean }): Promise<DialBackFinding>;
  /** Closes the listener and the connections to the servers; those accepted stay open. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}
