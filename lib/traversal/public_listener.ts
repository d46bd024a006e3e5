import type { DialBackOutcome, SocketAddress } from "../wire/mod.ts";
import type { StreamConnection, TcpPortSharing } from "../transport/mod.ts";

/**
 * A public address was learned, has changed, or was mapped anew after the NAT had forgotten it, in
 * which case it may be the same as before. Its type is `refresh`.
 */
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

/**
 * No server holds the mapping any more, so that nobody knows whether the address still works; or the
 * servers have come to see different addresses, none of which is of use. Its type is `lost`.
 */
export class PublicAddressLostEvent extends Event {
  /** Why, in a sentence for a person. */
  readonly reason: string;

  /** Makes the event. */
  constructor(reason: string) {
    super("lost");
    this.reason = reason;
  }
}

/**
 * What one of those does that hold the mapping: it is `connected`; its connection is `closed`; it is
 * known as `not-holding`, because it has closed two connections at the same age though they were in
 * use; a connection to it has `failed`.
 */
export type HoldingState = "connected" | "closed" | "not-holding" | "failed";

/** Something happened to one of those that hold the mapping. Its type is `server`. */
export class HoldingEvent extends Event {
  /** Whom it is about: `192.0.2.1:3478`, or the URL that keeps the mapping. */
  readonly holder: string;
  /** What happened. */
  readonly state: HoldingState;
  /** Closed, not holding: ms that the connection lasted. */
  readonly afterMs: number | undefined;
  /** Closed, failed: why, in a sentence for a person. */
  readonly reason: string | undefined;
  /** Closed, failed: ms until it is dialled again; undefined if it is not while others hold. */
  readonly redialMs: number | undefined;

  /** Makes the event. */
  constructor(
    news: Pick<HoldingEvent, "holder" | "state" | "afterMs" | "reason" | "redialMs">,
  ) {
    super("server");
    this.holder = news.holder;
    this.state = news.state;
    this.afterMs = news.afterMs;
    this.reason = news.reason;
    this.redialMs = news.redialMs;
  }
}

/** The port was not listened on for a moment, as a connection was begun from it. Its type is `gap`. */
export class ListeningGapEvent extends Event {
  /** For how many ms. */
  readonly ms: number;

  /** Makes the event. */
  constructor(ms: number) {
    super("gap");
    this.ms = ms;
  }
}

/** The listener is closed. Its type is `close`. */
export class PublicListenerCloseEvent extends Event {
  /** Why it could not go on; undefined if it was closed by its owner. */
  readonly error: Error | undefined;

  /** Makes the event. */
  constructor(error?: Error) {
    super("close");
    this.error = error;
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
  /**
   * Where it came from, as far as it arrived here. `connected` without it means that something on the
   * way answers in place of this listener.
   */
  readonly from: SocketAddress | undefined;
  /**
   * Whether it came from an IP address that nothing was connected to from this port: only then has it
   * shown that strangers get through.
   */
  readonly fromStranger: boolean;
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
  /**
   * Asks one of the servers that hold the mapping to connect to it.
   *
   * @throws {PublicListenerError} `lost` if no server holds it (as a rejection).
   */
  dialBack(options?: { readonly changeAddress?: boolean }): Promise<DialBackFinding>;
  /** Closes the listener and the connections to the servers; those accepted stay open. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}
