import { inTime, QueryError, readReflexive, StunConnection } from "../client/mod.ts";
import type { Clock, Randomness } from "../ops/mod.ts";
import { bindingRequest } from "../protocol/discovery/mod.ts";
import type { ResettableConnection, SharedTcpPort } from "../transport/mod.ts";
import {
  attribute,
  DIAL_BACK,
  equalSocketAddresses,
  OTHER_ADDRESS,
  type SocketAddress,
  type StunMessage,
  valueOf,
} from "../wire/mod.ts";
import {
  ANSWER_MS,
  type HolderLink,
  type LinkAnswer,
  type LinkFailure,
  UNANSWERED,
} from "./_mapping_holder.ts";

/** What a {@linkcode StunLink} needs. */
export interface StunLinkOptions {
  /** The port that it is made from. */
  readonly port: SharedTcpPort;
  /** The server. */
  readonly server: SocketAddress;
  /** ms of silence after which TCP asks whether the other side is there; the system's if undefined. */
  readonly keepAliveMs: number | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Chooses the transaction ids. */
  readonly randomness: Randomness;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** What a server is asked for by {@linkcode StunLink.dialBack}. */
export interface StunLinkDialBack {
  /** Whether it is to come from the server's other address. */
  readonly changeAddress: boolean;
  /** What it is to bring along. */
  readonly token: Uint8Array;
}

/** A TCP connection to a STUN server, from the port that is to be reached. */
export class StunLink implements HolderLink {
  /** Resolves when the server has ended it. */
  readonly ended: Promise<LinkFailure>;
  readonly #options: StunLinkOptions;
  readonly #stream: ResettableConnection;
  readonly #connection: StunConnection;
  #other: SocketAddress | undefined;
  #dialBack: Promise<unknown> = Promise.resolve();

  private constructor(stream: ResettableConnection, options: StunLinkOptions) {
    this.#options = options;
    this.#stream = stream;
    this.#connection = new StunConnection(stream);
    this.ended = this.#connection.ended.then(({ kind, error: { message: reason } }) => ({
      reason,
      code: kind === "garbage" ? "bad-response" : "no-server",
    }));
  }

  /**
   * Connects.
   *
   * @throws {ConnectionError} If no connection comes about (as a rejection).
   */
  static async connect(options: StunLinkOptions): Promise<StunLink> {
    const { port, server, keepAliveMs, clock, signal } = options;
    const stream = await inTime(
      { timeoutMs: CONNECT_MS, clock, signal },
      (signal) => port.connect(server, { keepAliveMs, signal }),
    );
    return new StunLink(stream, options);
  }

  /** The server. */
  get server(): SocketAddress {
    return this.#stream.remoteAddress;
  }

  /** The server's other address, if it has told one. */
  get other(): SocketAddress | undefined {
    return this.#other;
  }

  /** Asks what the server sees. */
  async ask(): Promise<LinkAnswer> {
    // Requests of one connection are answered in their order, and a dial-back takes seconds
    await this.#dialBack;
    const { randomness, clock, signal } = this.#options;
    const server = this.#stream.remoteAddress;
    const local = this.#stream.localAddress;
    const request = bindingRequest(randomness.bytes(12));
    const answer = await this.#connection.ask(request, { timeoutMs: ANSWER_MS, clock, signal });
    if (this.#connection.end !== undefined) return { kind: "ended" };
    if (answer === undefined) {
      return { kind: "failed", failure: { reason: UNANSWERED, code: "timed-out" } };
    }
    try {
      const reflexive = readReflexive(answer.response, server);
      this.#other = valueOf(answer.response, OTHER_ADDRESS);
      const own = equalSocketAddresses(local, reflexive);
      return { kind: "answered", seen: { server, local, reflexive, own } };
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      return { kind: "failed", failure: { reason: error.message, code: "bad-response" } };
    }
  }

  /** Asks for a dial-back; undefined if there is no answer. */
  async dialBack({ changeAddress, token }: StunLinkDialBack): Promise<StunMessage | undefined> {
    const { randomness, clock, signal } = this.#options;
    const request = bindingRequest(randomness.bytes(12), [
      attribute(DIAL_BACK, { changeAddress, changePort: true, token }),
    ]);
    const asking = this.#dialBack.then(() =>
      this.#connection.ask(request, { timeoutMs: DIAL_BACK_MS, clock, signal })
    );
    this.#dialBack = asking;
    return (await asking)?.response;
  }

  /** Resets the connection: as long as its end stays behind, the server cannot be dialled again. */
  close(): void {
    this.#stream.reset();
  }
}

/** A SYN that is lost twice is sent for the third time after 3 s. */
const CONNECT_MS = 8_000;

/** The server tries for up to 5 s. */
const DIAL_BACK_MS = 8_000;
