import type { Clock } from "../../ops/mod.ts";
import type { NatProbe, NatProbeResult, NatStep } from "../../protocol/discovery/mod.ts";
import { ClientTransaction } from "../../protocol/client/mod.ts";
import {
  type DatagramTransport,
  localAddressTowards,
  openDenoDatagram,
} from "../../transport/mod.ts";
import { pause } from "../mod.ts";
import { TransactionRun } from "../mod.ts";

/** What a {@linkcode NatProbeRunner} needs. */
export interface NatProbeRunnerOptions {
  /** The family of the sockets, by the bytes of an address: 4 or 16. */
  readonly ipBytes: 4 | 16;
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives everything up. */
  readonly signal: AbortSignal | undefined;
}

/** Carries out the steps of a UDP NAT discovery over real sockets. */
export class NatProbeRunner implements Disposable {
  readonly #options: NatProbeRunnerOptions;
  readonly #sockets = new Map<string, DatagramTransport>();
  readonly #running = new Map<NatProbe, TransactionRun>();

  /** Makes a runner that has no sockets yet. */
  constructor(options: NatProbeRunnerOptions) {
    this.#options = options;
  }

  /**
   * Runs all probes of a step at once.
   *
   * @throws {QueryError} If it is given up (as a rejection).
   * @throws {ListenError} If a socket cannot be opened (as a rejection).
   */
  async run(step: NatStep): Promise<readonly NatProbeResult[]> {
    if (step.waitMs !== undefined) await pause(step.waitMs, this.#options);
    for (const { socket, arrivesOn = socket } of step.probes) {
      this.#open(socket);
      this.#open(arrivesOn);
    }
    return await Promise.all(step.probes.map((probe) => this.#probe(probe)));
  }

  /** Closes all sockets. */
  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket.close();
  }

  async #probe(probe: NatProbe): Promise<NatProbeResult> {
    const { clock, signal } = this.#options;
    const socket = this.#open(probe.socket);
    const run = new TransactionRun({
      transaction: new ClientTransaction({
        ...probe.timing,
        request: probe.request,
        server: probe.to,
        reliable: false,
        answersFrom: "anywhere",
        expects: probe.expects,
      }),
      send: (bytes) => void socket.send([{ bytes, peer: probe.to }]),
      clock,
      signal,
    });
    this.#running.set(probe, run);
    try {
      const outcome = await run.outcome;
      const local = localAddressTowards(probe.to, socket.localAddress);
      if (outcome.kind !== "answered") {
        return { answered: false, attempts: outcome.attempts, local };
      }
      const { response, source, rttMs, attempts } = outcome;
      return { answered: true, response, source, rttMs, attempts, local };
    } finally {
      this.#running.delete(probe);
    }
  }

  #open(name: string): DatagramTransport {
    const open = this.#sockets.get(name);
    if (open !== undefined) return open;
    const socket = openDenoDatagram({ ip: new Uint8Array(this.#options.ipBytes), port: 0 });
    this.#sockets.set(name, socket);
    void this.#receive(name, socket);
    return socket;
  }

  async #receive(name: string, socket: DatagramTransport): Promise<void> {
    for (;;) {
      const batch = await socket.receive();
      if (batch.length === 0) return;
      for (const { bytes, peer } of batch) {
        for (const [{ socket, arrivesOn = socket }, run] of this.#running) {
          if (arrivesOn === name) run.receive(bytes, peer);
        }
      }
    }
  }
}
