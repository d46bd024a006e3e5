import type {
  DoctorArrival,
  DoctorDatagramResult,
  DoctorDatagramStep,
  DoctorStep,
  DoctorStepResult,
} from "../../protocol/doctor/mod.ts";
import {
  type DatagramTransport,
  ListenError,
  localAddressTowards,
  openDenoDatagram,
} from "../../transport/mod.ts";
import type { SocketAddress } from "../../wire/mod.ts";
import { pause } from "../mod.ts";
import { talkOverStream } from "./_talk_over_stream.ts";
import type { DoctorRunnerOptions } from "./doctor_runner_options.ts";
import { abortError } from "../mod.ts";

/** Carries out the steps of an examination over real sockets. */
export class DoctorRunner implements Disposable {
  readonly #options: DoctorRunnerOptions;
  readonly #sockets = new Map<string, DatagramTransport>();
  #inbox: Inbox | undefined;

  /** Makes a runner that has no sockets yet. */
  constructor(options: DoctorRunnerOptions) {
    this.#options = options;
  }

  /**
   * Carries one step out; what goes wrong with the server or the way to it is in the result.
   *
   * @throws {QueryError} If it is given up (as a rejection).
   */
  async run(step: DoctorStep): Promise<DoctorStepResult> {
    const { signal } = this.#options;
    const result = step.kind === "datagrams"
      ? await this.#exchange(step)
      : await talkOverStream(step, this.#options);
    if (signal?.aborted) throw abortError(signal);
    return result;
  }

  /** Closes all sockets. */
  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket.close();
  }

  async #exchange(step: DoctorDatagramStep): Promise<DoctorDatagramResult> {
    const nowhere = { ip: new Uint8Array(step.to.ip.length), port: 0 };
    const nothing = { kind: "datagrams", local: nowhere, sentAt: [], arrivals: [] } as const;
    let socket: DatagramTransport;
    try {
      socket = this.#open(step.socket, step.to);
      for (const name of step.watch ?? []) this.#open(name, step.to);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      return { ...nothing, failure: error.message };
    }
    const inbox = new Inbox(step);
    this.#inbox = inbox;
    const { sendFailures } = socket;
    const sentAt: number[] = [];
    for (let attempt = 0; attempt < step.attempts && !inbox.isComplete; attempt++) {
      await this.#send(step, socket, sentAt);
      const ms = step.waitMs * 2 ** attempt;
      await pause(ms, { ...this.#options, until: inbox.complete });
      if (this.#options.signal?.aborted) break;
    }
    if (inbox.isComplete) await pause(step.lingerMs ?? 0, this.#options);
    this.#inbox = undefined;
    const { arrivals } = inbox;
    const unsent = socket.sendFailures - sendFailures;
    return {
      kind: "datagrams",
      failure: unsent > 0 && arrivals.length === 0 ? "this host cannot send to it" : undefined,
      local: localAddressTowards(step.to, socket.localAddress),
      sentAt,
      arrivals,
    };
  }

  async #send(
    { to, datagrams, paceMs = PACE_MS }: DoctorDatagramStep,
    socket: DatagramTransport,
    sentAt: number[],
  ): Promise<void> {
    for (const [i, bytes] of datagrams.entries()) {
      if (i > 0) await pause(paceMs, this.#options);
      if (this.#options.signal?.aborted) return;
      sentAt[i] = this.#options.clock.now();
      await socket.send([{ bytes, peer: to }]);
    }
  }

  #open(name: string, to: SocketAddress): DatagramTransport {
    const open = this.#sockets.get(name);
    if (open !== undefined) return open;
    const socket = openDenoDatagram({ ip: new Uint8Array(to.ip.length), port: 0 });
    this.#sockets.set(name, socket);
    void this.#receive(name, socket);
    return socket;
  }

  async #receive(name: string, socket: DatagramTransport): Promise<void> {
    for (;;) {
      const batch = await socket.receive();
      if (batch.length === 0) return;
      const at = this.#options.clock.now();
      for (const { bytes, peer } of batch) {
        // A socket receives into one buffer, and names its peer in another
        const from = { ip: peer.ip.slice(), port: peer.port };
        this.#inbox?.take({ bytes: bytes.slice(), from, socket: name, at });
      }
    }
  }
}

/** What arrives for one step. */
class Inbox {
  readonly arrivals: DoctorArrival[] = [];
  readonly #step: DoctorDatagramStep;
  readonly #end = Promise.withResolvers<void>();
  isComplete = false;

  constructor(step: DoctorDatagramStep) {
    this.#step = step;
  }

  /** Resolves when all that was waited for has arrived. */
  get complete(): Promise<void> {
    return this.#end.promise;
  }

  take(arrival: DoctorArrival): void {
    const { socket, watch = [], until } = this.#step;
    if (arrival.socket !== socket && !watch.includes(arrival.socket)) return;
    if (this.arrivals.length >= MAX_ARRIVALS) return;
    this.arrivals.push(arrival);
    this.isComplete ||= until(this.arrivals);
    if (this.isComplete) this.#end.resolve();
  }
}

/** 50 a second at most: no rate limiter is meant for that. */
const PACE_MS = 20;
/** The longest series, and as many again that nobody asked for. */
const MAX_ARRIVALS = 2000;
