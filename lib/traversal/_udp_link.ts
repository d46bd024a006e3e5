import { compareAddresses, QueryError, readReflexive, TransactionRun } from "../client/mod.ts";
import type { Clock, Randomness } from "../ops/mod.ts";
import { bindingRequest } from "../protocol/discovery/mod.ts";
import type { PublicAddressObservation } from "../protocol/holding/mod.ts";
import { ClientTransaction } from "../protocol/client/mod.ts";
import type { DatagramTransport } from "../transport/mod.ts";
import { equalIps, equalSocketAddresses, type SocketAddress } from "../wire/mod.ts";
import { diagnoseLink } from "./_endpoint_failure.ts";
import {
  ANSWER_MS,
  type HolderLink,
  type LinkAnswer,
  type LinkFailure,
  UNANSWERED,
} from "./_mapping_holder.ts";

/** What a {@linkcode UdpLink} needs. */
export interface UdpLinkOptions {
  /** The socket that others use as well. */
  readonly socket: DatagramTransport;
  /** The server. */
  readonly server: SocketAddress;
  /** Tells the time. */
  readonly clock: Clock;
  /** Chooses the transaction ids. */
  readonly randomness: Randomness;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** Questions to one STUN server from a UDP socket that has others to talk to as well. */
export class UdpLink implements HolderLink {
  /** Resolves when it is closed. */
  readonly ended: Promise<LinkFailure>;
  readonly #options: UdpLinkOptions;
  readonly #ended = Promise.withResolvers<LinkFailure>();
  #run: TransactionRun | undefined;
  #transactionId: Uint8Array = new Uint8Array(0);
  /** The answer of {@linkcode UdpLink.open}, for who asks first. */
  #first: PublicAddressObservation | undefined;

  /** Makes one, which asks nothing yet. */
  constructor(options: UdpLinkOptions) {
    this.#options = options;
    this.ended = this.#ended.promise;
  }

  /**
   * Asks for the first time, which shows that the server is there.
   *
   * @throws {QueryError} If there is no usable answer (as a rejection).
   */
  async open(): Promise<void> {
    this.#first = await this.#query();
  }

  /** Asks what the server sees. */
  async ask(): Promise<LinkAnswer> {
    const first = this.#first;
    this.#first = undefined;
    try {
      return { kind: "answered", seen: first ?? await this.#query() };
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      return { kind: "failed", failure: diagnoseLink(error) };
    }
  }

  /**
   * Takes a STUN message if it is an answer to the last question, the first one or a duplicate. Returns
   * whether it is.
   */
  receive(bytes: Uint8Array, peer: SocketAddress): boolean {
    const isOurs = equalSocketAddresses(peer, this.#options.server) &&
      // 0 type(16) length(16) cookie(32) transaction id(96)
      equalIps(bytes.subarray(8, 20), this.#transactionId);
    if (isOurs) this.#run?.receive(bytes, peer);
    return isOurs;
  }

  /** Ends it. */
  close(): void {
    this.#ended.resolve({ reason: "it was closed", code: "other" });
  }

  async #query(): Promise<PublicAddressObservation> {
    const { socket, server, clock, randomness, signal } = this.#options;
    this.#transactionId = randomness.bytes(12);
    const request = bindingRequest(this.#transactionId);
    this.#run = new TransactionRun({
      transaction: new ClientTransaction({
        request,
        server,
        reliable: false,
        timeoutMs: ANSWER_MS,
      }),
      send: (bytes) => void socket.send([{ bytes, peer: server }]),
      clock,
      signal,
    });
    const outcome = await this.#run.outcome;
    if (outcome.kind !== "answered") throw new QueryError(UNANSWERED, { code: "timed-out" });
    const reflexive = readReflexive(outcome.response, server);
    const { local, nat } = compareAddresses({ local: socket.localAddress, reflexive, server });
    return { server, local, reflexive, own: !nat };
  }
}
