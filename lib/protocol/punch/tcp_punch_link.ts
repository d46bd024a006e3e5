import { type SocketAddress, StunStreamFramer } from "../../wire/mod.ts";
import type { PunchCredentials, PunchMessage } from "./punch_credentials.ts";

/** What a {@linkcode TcpPunchLink} is made of. */
export interface TcpPunchLinkOptions {
  /** Writes and reads the messages of this punch. */
  readonly credentials: PunchCredentials;
  /** The other end of the connection, as it is seen here. */
  readonly remote: SocketAddress;
  /** A fresh transaction id, 12 random bytes, at each call. */
  readonly transactionId: () => Uint8Array;
}

/** What came of some bytes. */
export interface TcpPunchLinkStep {
  /** What to write in answer, in order. */
  readonly writes: readonly Uint8Array[];
  /**
   * `foreign`: whoever is at the other end is not the other side, or does not keep to the rules;
   * `agreed`: both sides have chosen this connection, and STUN is over on it.
   */
  readonly event?: "foreign" | "agreed";
  /** When it is agreed: what has come behind the last message already, and is the application's. */
  readonly rest?: Uint8Array;
}

/**
 * What the two ends of one connection say to each other before it is handed over. Each end checks the
 * other: a Binding request, which the other answers. Who has dialled begins, so that a stranger who
 * connects is told nothing. Then the controlling side may nominate the connection, once: the request
 * is the last thing that it says, and the answer the last that the other does. So both know which byte
 * is the first of the application's.
 */
export class TcpPunchLink {
  readonly #options: TcpPunchLinkOptions;
  // The longest check has a user name of 513 characters, and takes 596 bytes
  readonly #framer = new StunStreamFramer({ maxMessageBytes: 1024 });
  #check: Uint8Array | undefined;
  #nomination: Uint8Array | undefined;
  #wasHeard = false;
  #wasAnswered = false;

  /** Makes a link of a connection on which nothing has been said. */
  constructor(options: TcpPunchLinkOptions) {
    this.#options = options;
  }

  /** Whether each end has proved to the other who it is. */
  get isVerified(): boolean {
    return this.#wasHeard && this.#wasAnswered;
  }

  /** The check that begins the conversation. */
  begin(): Uint8Array {
    this.#check = this.#options.transactionId();
    return this.#write(this.#check, { nominates: false });
  }

  /** The request that chooses this connection; of the controlling side, once it is verified. */
  nominate(): Uint8Array {
    this.#nomination = this.#options.transactionId();
    return this.#write(this.#nomination, { nominates: true });
  }

  /** Takes the next bytes of the stream. What is returned does not refer to them. */
  receive(chunk: Uint8Array): TcpPunchLinkStep {
    const writes: Uint8Array[] = [];
    // The first message may have begun in an earlier chunk
    let end = -this.#framer.pendingBytes;
    const { frames, failure } = this.#framer.push(chunk);
    for (const frame of frames) {
      end += frame.length;
      const message = this.#options.credentials.read(frame);
      const event = message === undefined ? "foreign" : this.#take(message, writes);
      if (event === "foreign") return { writes: [], event };
      // Whatever the framer made of the bytes behind it, they are not ours
      if (event === "agreed") return { writes, event, rest: chunk.slice(end) };
    }
    return failure === undefined ? { writes } : { writes: [], event: "foreign" };
  }

  #take(message: PunchMessage, writes: Uint8Array[]): "foreign" | "agreed" | undefined {
    if (message.kind === "response") {
      if (!message.succeeds) return "foreign";
      const { transactionId } = message.message;
      if (equals(transactionId, this.#nomination)) return "agreed";
      if (this.#wasAnswered || !equals(transactionId, this.#check)) return "foreign";
      this.#wasAnswered = true;
      return undefined;
    }
    const { credentials, remote } = this.#options;
    if (message.nominates ? !this.isVerified : this.#wasHeard) return "foreign";
    writes.push(credentials.answer(message, remote));
    if (message.nominates) return "agreed";
    this.#wasHeard = true;
    if (this.#check === undefined) writes.push(this.begin());
    return undefined;
  }

  #write(transactionId: Uint8Array, { nominates }: { readonly nominates: boolean }): Uint8Array {
    return this.#options.credentials.check({ transactionId, priority: PRIORITY, nominates });
  }
}

function equals(id: Uint8Array, own: Uint8Array | undefined): boolean {
  return own !== undefined && id.every((byte, i) => byte === own[i]);
}

/**
 * RFC 8445 section 5.1.2.1, of a peer-reflexive candidate: from which address the other side sees this
 * connection come it finds out by it.
 */
const PRIORITY = 110 * 2 ** 24 + 65_535 * 2 ** 8 + 255;
