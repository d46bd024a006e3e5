import type {
  WebSocketCall,
  WebSocketListener,
  WebSocketRefusal,
  WebSocketRoute,
} from "../ops/http/mod.ts";
import {
  type Clock,
  type Logger,
  type Randomness,
  silentLogger,
  systemClock,
  systemRandomness,
} from "../ops/mod.ts";
import {
  BOARD_LIMITS,
  BOARD_SUBPROTOCOL,
  BoardPeer,
  readBoardPath,
  readSecretSubprotocol,
} from "../protocol/board/mod.ts";
import { type AddressTokenAuthority, SourceQuota } from "../protocol/mod.ts";
import { formatIp } from "../wire/mod.ts";
import { BoardConnection, type BoardSocket } from "./board_connection.ts";
import type { BoardStore } from "./board_store.ts";

/** What a {@linkcode BoardServer} is made of. */
export interface BoardServerOptions {
  /** Where rooms and posts are; closed with the server. */
  readonly store: BoardStore;
  /** The STUN URIs to tell a peer that has asked for this host (its Host header). */
  readonly stunUris: (host: string) => readonly string[];
  /** Checks what proves addresses. @default {undefined} no address is proved */
  readonly addressTokens?: AddressTokenAuthority | undefined;
  /** The most peers on this server. @default {4096} some 100 MB */
  readonly maxPeers?: number | undefined;
  /**
   * The most peers of one IPv4 address or IPv6 /64.
   *
   * @default {64} an office behind one address
   */
  readonly maxPeersPerAddress?: number | undefined;
  /** Takes the log. @default {silentLogger} */
  readonly logger?: Logger | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Names the peers. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/** The bulletin board: takes WebSockets at `/board/ROOM` and lets their peers find each other. */
export class BoardServer implements AsyncDisposable {
  /** Checks what proves addresses from now on. */
  addressTokens: AddressTokenAuthority | undefined;
  readonly #options: BoardServerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #quota: SourceQuota;
  readonly #connections = new Set<BoardConnection>();
  #closing: Promise<void> | undefined;

  /** Makes a board without peers. */
  constructor(options: BoardServerOptions) {
    this.#options = options;
    this.addressTokens = options.addressTokens;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#quota = new SourceQuota({
      total: options.maxPeers ?? 4096,
      perSource: options.maxPeersPerAddress ?? 64,
    });
  }

  /** How many peers are connected. */
  get peers(): number {
    return this.#connections.size;
  }

  /** What an HTTP server needs to serve the board at `/board/*`. */
  route(options: { readonly origins: readonly string[] }): WebSocketRoute {
    return {
      subprotocol: BOARD_SUBPROTOCOL,
      maxMessageBytes: BOARD_LIMITS.maxMessageBytes,
      origins: options.origins,
      refuse: (call) => this.refuse(call),
      accept: (call, socket) => this.accept(call, socket),
    };
  }

  /** Whether a call is not to be taken, and why. */
  refuse({ path, ip, protocols }: WebSocketCall): WebSocketRefusal | undefined {
    const room = readBoardPath(path);
    if (!room.ok) return { status: 404, text: room.reason };
    const secret = readSecretSubprotocol(protocols);
    if (!secret.ok) return { status: 400, text: secret.reason };
    if (this.#closing !== undefined) return { status: 503, text: "the board is going away" };
    return this.#quota.hasRoom(ip) ? undefined : {
      status: 429,
      text: "too many peers, in all or of this address",
    };
  }

  /** Takes a call that was not refused. */
  accept({ path, ip, host, protocols }: WebSocketCall, socket: BoardSocket): WebSocketListener {
    const room = readBoardPath(path);
    const secret = readSecretSubprotocol(protocols);
    if (!room.ok || !secret.ok) throw new RangeError("Cannot take a call that was to be refused");
    const { store, stunUris, randomness = systemRandomness } = this.#options;
    const id = randomness.bytes(12).toBase64({ alphabet: "base64url" });
    const leave = this.#quota.enter(ip);
    const connection = new BoardConnection({
      id,
      room: room.value,
      peer: new BoardPeer({
        id,
        room: room.value,
        secret: secret.value,
        ip: formatIp(ip),
        stun: stunUris(host),
        tokens: () => this.addressTokens,
        now: this.#clock.now(),
      }),
      socket,
      store,
      clock: this.#clock,
      onClosed: (reason) => {
        leave();
        this.#connections.delete(connection);
        this.#logger.debug("board peer left", { peer: id, reason });
      },
    });
    this.#connections.add(connection);
    this.#logger.debug("board peer connected", { peer: id, ip: formatIp(ip) });
    return {
      onMessage: (message) => connection.receive(message),
      onClose: () => connection.ended(),
    };
  }

  /** Tells every peer that the board goes away, and closes the store. May be called more than once. */
  close(): Promise<void> {
    return this.#closing ??= this.#shutDown();
  }

  /** As {@linkcode BoardServer.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #shutDown(): Promise<void> {
    for (const connection of this.#connections) connection.close("going_away");
    await this.#options.store[Symbol.asyncDispose]();
  }
}
