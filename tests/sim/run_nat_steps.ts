import type {
  NatProbe,
  NatProbeResult,
  NatStep,
  NatSteps,
} from "../../lib/protocol/discovery/mod.ts";
import { ClientTransaction } from "../../lib/protocol/client/mod.ts";
import type { SocketAddress } from "../../lib/wire/mod.ts";
import type { SimHost, SimUdpSocket } from "./sim_host.ts";
import type { SimNetwork } from "./sim_network.ts";

/** Where {@linkcode runNatSteps} runs. */
export interface RunNatStepsOptions {
  /** The network, whose time moves on meanwhile. */
  readonly network: SimNetwork;
  /** The computer whose NAT is looked at. */
  readonly host: SimHost;
  /** Its address that the sockets are bound to. @default the host's first */
  readonly ip?: string | undefined;
  /** Told every step before it is carried out. @default {undefined} nobody */
  readonly onStep?: ((step: NatStep) => void) | undefined;
}

/** What came of a discovery, and what it took. */
export interface NatStepsRun<T> {
  /** What the discovery returned. */
  readonly value: T;
  /** ms of virtual time. */
  readonly elapsedMs: number;
  /** How many datagrams were sent. */
  readonly sent: number;
}

/**
 * Carries out a UDP NAT discovery on a simulated host, from the first step to the last, as
 * `discoverNat()` does it with real sockets.
 *
 * @throws {Error} If a step does not end within a day of virtual time.
 */
export function runNatSteps<T>(steps: NatSteps<T>, options: RunNatStepsOptions): NatStepsRun<T> {
  const { network, onStep } = options;
  const begun = network.now;
  const sockets = new ProbeSockets(options);
  try {
    let next = steps.next();
    while (!next.done) {
      onStep?.(next.value);
      next = steps.next(sockets.run(next.value));
    }
    return { value: next.value, elapsedMs: network.now - begun, sent: sockets.sent };
  } finally {
    sockets.close();
  }
}

interface Run {
  readonly probe: NatProbe;
  readonly transaction: ClientTransaction;
}

class ProbeSockets {
  readonly #options: RunNatStepsOptions;
  readonly #sockets = new Map<string, SimUdpSocket>();
  #running: readonly Run[] = [];
  #sent = 0;

  constructor(options: RunNatStepsOptions) {
    this.#options = options;
  }

  get sent(): number {
    return this.#sent;
  }

  run(step: NatStep): readonly NatProbeResult[] {
    const { network } = this.#options;
    if (step.waitMs !== undefined) network.run(network.now + step.waitMs);
    for (const { socket, arrivesOn = socket } of step.probes) {
      this.#open(socket);
      this.#open(arrivesOn);
    }
    this.#running = step.probes.map((probe) => ({ probe, transaction: transactionOf(probe) }));
    for (const run of this.#running) this.#wake(run);
    const done = () => this.#running.every(({ transaction }) => transaction.outcome !== undefined);
    if (!network.runUntil(done, network.now + LONGEST_STEP_MS)) {
      throw new Error(`Cannot finish the step ${step.title}: no outcome after a day`);
    }
    return this.#running.map((run) => this.#resultOf(run));
  }

  close(): void {
    this.#running = [];
    for (const socket of this.#sockets.values()) socket.close();
  }

  #wake(run: Run): void {
    const { network } = this.#options;
    const { probe, transaction } = run;
    if (!this.#running.includes(run)) return;
    const request = transaction.wake(network.now);
    if (request !== undefined) {
      this.#sent++;
      this.#open(probe.socket).send(request, probe.to);
    }
    const next = transaction.nextWake();
    if (next !== undefined) network.setTimer(next - network.now, () => this.#wake(run));
  }

  #receive(name: string, bytes: Uint8Array, source: SocketAddress): void {
    for (const { probe: { socket, arrivesOn = socket }, transaction } of this.#running) {
      if (arrivesOn === name) transaction.receive(bytes, source, this.#options.network.now);
    }
  }

  #resultOf({ probe, transaction }: Run): NatProbeResult {
    const { local } = this.#open(probe.socket);
    const outcome = transaction.outcome!;
    if (outcome.kind !== "answered") return { answered: false, attempts: outcome.attempts, local };
    const { response, source, rttMs, attempts } = outcome;
    return { answered: true, response, source, rttMs, attempts, local };
  }

  #open(name: string): SimUdpSocket {
    const open = this.#sockets.get(name);
    if (open !== undefined) return open;
    const socket = this.#options.host.openUdp(0, { ip: this.#options.ip });
    socket.onReceive = (bytes, source) => this.#receive(name, bytes, source);
    this.#sockets.set(name, socket);
    return socket;
  }
}

function transactionOf(probe: NatProbe): ClientTransaction {
  return new ClientTransaction({
    ...probe.timing,
    request: probe.request,
    server: probe.to,
    reliable: false,
    answersFrom: "anywhere",
    expects: probe.expects,
  });
}

const LONGEST_STEP_MS = 24 * 3_600_000;
