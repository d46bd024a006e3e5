import type { PunchPathKind, UdpPunch, UdpPunchConnected } from "../protocol/punch/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";
import type { UdpPunchRun } from "./_udp_punch_run.ts";
import type { UdpChannel, UdpChannelEnd } from "./udp_channel.ts";

/** What a {@linkcode PunchedUdpChannel} is made of. */
export interface PunchedUdpChannelOptions {
  /** What drives the punch and has the socket. */
  readonly run: UdpPunchRun;
  /** What watches over the path. */
  readonly punch: UdpPunch;
  /** What was agreed upon. */
  readonly agreed: UdpPunchConnected;
  /** This side's end of the path. */
  readonly localAddress: SocketAddress;
}

/** A {@linkcode UdpChannel} over the socket of a punch that has succeeded. */
export class PunchedUdpChannel implements UdpChannel {
  /** This side's end. */
  readonly localAddress: SocketAddress;
  /** The other side's end. */
  readonly remoteAddress: SocketAddress;
  /** How the other side's address is known. */
  readonly pathKind: PunchPathKind;
  /** ms that the punch took. */
  readonly elapsedMs: number;
  /** Resolves when the channel has ended. */
  readonly closed: Promise<UdpChannelEnd>;
  readonly #run: UdpPunchRun;
  readonly #punch: UdpPunch;
  #rttMs: number;
  #isOpen = true;
  #sending: Promise<void> = Promise.resolve();

  /** Makes a channel of a punch that has succeeded. */
  constructor({ run, punch, agreed, localAddress }: PunchedUdpChannelOptions) {
    this.#run = run;
    this.#punch = punch;
    this.#rttMs = punch.rttMs!;
    this.localAddress = localAddress;
    this.remoteAddress = agreed.remote;
    this.pathKind = agreed.pathKind;
    this.elapsedMs = agreed.elapsedMs;
    this.closed = this.#watch();
  }

  /** ms of the last round trip. */
  get rttMs(): number {
    return this.#rttMs = this.#punch.rttMs ?? this.#rttMs;
  }

  /** How many datagrams were dropped. */
  get dropped(): number {
    return this.#run.received.dropped;
  }

  /** Sends a datagram after those before, so that they do not overtake each other here already. */
  async send(bytes: Uint8Array): Promise<void> {
    if (!this.#isOpen) throw new TypeError("Cannot send a datagram: the channel has ended");
    this.#sending = this.#sending.then(() => this.#run.send({ bytes, peer: this.remoteAddress }));
    await this.#sending;
  }

  /** The other side's datagrams, in the order in which they come. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const bytes = await this.#run.received.next();
      if (bytes === undefined) return;
      yield bytes;
    }
  }

  /** Closes the socket. */
  async close(): Promise<void> {
    await this.#run.close();
    await this.closed;
  }

  /** As `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #watch(): Promise<UdpChannelEnd> {
    const outcome = await this.#run.over;
    this.#isOpen = false;
    if (outcome?.kind !== "lost") return { kind: "closed" };
    // Nobody is there any more to whom the socket would be of use
    await this.#run.close();
    return outcome;
  }
}
