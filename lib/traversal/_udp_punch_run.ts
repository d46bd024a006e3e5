import type { Clock } from "../ops/mod.ts";
import type {
  UdpGathering,
  UdpPunch,
  UdpPunchDatagram,
  UdpPunchOutcome,
} from "../protocol/punch/mod.ts";
import type { DatagramTransport } from "../transport/mod.ts";
import { DatagramQueue } from "./_datagram_queue.ts";

/** What a {@linkcode UdpPunchRun} is made of. */
export interface UdpPunchRunOptions {
  /** The one socket, the run's from now on. */
  readonly socket: DatagramTransport;
  /** Who finds out where the servers see it, and keeps that so. */
  readonly gathering: UdpGathering;
  /** Tells the time. */
  readonly clock: Clock;
}

/**
 * Gives the machines of a punch a socket and the time: at first to the gathering alone, then to the
 * punch beside it, and when that has a path, to the punch alone.
 */
export class UdpPunchRun {
  /** What the other side has sent over the path. */
  readonly received = new DatagramQueue();
  readonly #options: UdpPunchRunOptions;
  readonly #gathered = Promise.withResolvers<void>();
  readonly #agreed = Promise.withResolvers<UdpPunchOutcome>();
  readonly #over = Promise.withResolvers<UdpPunchOutcome | undefined>();
  readonly #reading: Promise<void>;
  #punch: UdpPunch | undefined;
  #armedAt: number | undefined;
  #isClosed = false;
  #cancelTimer = () => {};

  /** Makes a run and lets it begin to gather. */
  constructor(options: UdpPunchRunOptions) {
    this.#options = options;
    this.#follow();
    this.#reading = this.#read();
  }

  /** Resolves when every server has answered or been given up. */
  get gathered(): Promise<void> {
    return this.#gathered.promise;
  }

  /** Resolves when the path is lost, or with undefined when the run is closed. */
  get over(): Promise<UdpPunchOutcome | undefined> {
    return this.#over.promise;
  }

  /** Lets the punch begin; resolves when it has agreed on a path or failed. */
  async punch(punch: UdpPunch): Promise<UdpPunchOutcome> {
    this.#punch = punch;
    this.#follow();
    return await this.#agreed.promise;
  }

  /** Sends a datagram; leave the bytes alone until that has been done. */
  async send(datagram: UdpPunchDatagram): Promise<void> {
    await this.#options.socket.send([datagram]);
  }

  /** Closes the socket and calls the machines no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#options.socket.close();
    this.#end(undefined);
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { socket, gathering, clock } = this.#options;
    for (;;) {
      const batch = await socket.receive();
      if (batch.length === 0) return;
      for (const { bytes, peer } of batch) {
        const now = clock.now();
        if (gathering.receive(bytes, peer, now)) continue;
        const receipt = this.#punch?.receive(bytes, peer, now);
        if (receipt?.kind === "data") this.received.push(bytes);
        if (receipt?.kind === "own" && receipt.answer !== undefined) {
          void socket.send([receipt.answer]);
        }
      }
      this.#follow();
    }
  }

  /** Sends what is due, says what has come about, and sets the alarm. */
  #follow(): void {
    if (this.#isClosed) return;
    const { socket, gathering, clock } = this.#options;
    const now = clock.now();
    const due = this.#machines.flatMap((machine) => machine.wake(now));
    if (due.length > 0) void socket.send(due);
    if (gathering.isSettled) this.#gathered.resolve();
    const outcome = this.#punch?.outcome;
    if (outcome !== undefined) this.#agreed.resolve(outcome);
    if (outcome?.kind === "lost") this.#end(outcome);
    const next = Math.min(...this.#machines.map((machine) => machine.nextWake() ?? Infinity));
    if (next === this.#armedAt) return;
    this.#armedAt = next;
    this.#cancelTimer();
    if (next === Infinity) return;
    this.#cancelTimer = clock.setTimer(Math.max(0, next - now), () => {
      this.#armedAt = undefined;
      this.#follow();
    });
  }

  /** The mapping towards the servers is of use until there is a path. */
  get #machines(): readonly (UdpGathering | UdpPunch)[] {
    if (this.#punch === undefined) return [this.#options.gathering];
    return this.#punch.outcome === undefined
      ? [this.#options.gathering, this.#punch]
      : [this.#punch];
  }

  #end(outcome: UdpPunchOutcome | undefined): void {
    this.received.end();
    this.#over.resolve(outcome);
  }
}
