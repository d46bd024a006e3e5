import type { Clock } from "../../ops/mod.ts";
import type {
  TcpAskStep,
  TcpConnectStep,
  TcpNatStep,
  TcpNatStepResult,
  TcpNatVisit,
} from "../../protocol/discovery/mod.ts";
import {
  ConnectionError,
  connectTcpFrom,
  freeTcpPort,
  ListenError,
  listenTcp,
  LocalPortError,
} from "../../transport/mod.ts";
import {
  type AddressFamily,
  DIAL_BACK_RESULT,
  type SocketAddress,
  valueOf,
} from "../../wire/mod.ts";
import { VisitedPort } from "./_visited_port.ts";
import { inTime } from "../mod.ts";
import { type ConnectionAnswer, StunConnection } from "../mod.ts";
import { abortError } from "../mod.ts";

/** What a {@linkcode TcpNatRunner} needs. */
export interface TcpNatRunnerOptions {
  /** The family of the sockets. */
  readonly family: AddressFamily;
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives everything up. */
  readonly signal: AbortSignal | undefined;
  /** ms that connecting may take. @default {10000} */
  readonly connectTimeoutMs?: number | undefined;
  /** ms that an answer may take; a dial-back takes up to 5 s of it. @default {8000} */
  readonly askTimeoutMs?: number | undefined;
}

/** Carries out the steps of a TCP NAT discovery over real sockets. */
export class TcpNatRunner implements AsyncDisposable {
  readonly #options: TcpNatRunnerOptions;
  readonly #ports = new Map<string, number>();
  readonly #connections = new Map<string, StunConnection>();
  readonly #visitedPorts: VisitedPort[] = [];
  #visits: TcpNatVisit[] = [];
  #onVisit: () => void = () => {};

  /** Makes a runner that has no sockets yet. */
  constructor(options: TcpNatRunnerOptions) {
    this.#options = options;
  }

  /**
   * Carries one step out. What becomes of connections and questions is in the result.
   *
   * @throws {QueryError} If it is given up (as a rejection).
   * @throws {ListenError} If no local port can be had (as a rejection).
   */
  async run(step: TcpNatStep): Promise<TcpNatStepResult> {
    const { signal } = this.#options;
    if (signal?.aborted) throw abortError(signal);
    const result = await this.#carryOut(step);
    if (signal?.aborted) throw abortError(signal);
    return result;
  }

  /** Closes all connections and listeners. */
  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#visitedPorts, ...this.#connections.values()];
    await Promise.all(open.map((one) => one[Symbol.asyncDispose]()));
  }

  async #carryOut(step: TcpNatStep): Promise<TcpNatStepResult> {
    switch (step.kind) {
      case "connect":
        return { connected: await this.#connectAll(step) };
      case "ask":
        return await this.#askAll(step);
      case "listen":
        return { listening: this.#listen(step.port) };
    }
  }

  async #connectAll({ connections }: TcpConnectStep): Promise<(SocketAddress | string)[]> {
    const planned = connections.map((one) => ({ ...one, localPort: this.#portOf(one.port) }));
    return await Promise.all(planned.map(async ({ connection, localPort, to }) => {
      try {
        const { clock, signal, connectTimeoutMs: timeoutMs = 10_000 } = this.#options;
        const stream = await inTime(
          { timeoutMs, clock, signal },
          (signal) => connectTcpFrom(to, { localPort, signal }),
        );
        this.#connections.set(connection, new StunConnection(stream));
        return stream.localAddress;
      } catch (error) {
        if (error instanceof LocalPortError) return `local port ${error.problem}`;
        if (!(error instanceof ConnectionError)) throw error;
        return error.code === "other" ? error.message : error.code;
      }
    }));
  }

  async #askAll({ questions }: TcpAskStep): Promise<TcpNatStepResult> {
    const { clock, signal, askTimeoutMs: timeoutMs = 8000 } = this.#options;
    this.#visits = [];
    const answers = await Promise.all(
      questions.map(({ connection, request }) =>
        this.#connections.get(connection)?.ask(request, { timeoutMs, clock, signal })
      ),
    );
    await this.#awaitVisits(answers.filter(saysConnected).length);
    return { answers, visits: this.#visits };
  }

  #listen(name: string): boolean {
    try {
      const listener = listenTcp({ ip: this.#anyIp(), port: this.#portOf(name) });
      const onVisit = (visit: TcpNatVisit) => {
        this.#visits.push(visit);
        this.#onVisit();
      };
      this.#visitedPorts.push(new VisitedPort(listener, { onVisit, clock: this.#options.clock }));
      return true;
    } catch (error) {
      if (error instanceof ListenError) return false;
      throw error;
    }
  }

  /** The answer comes on one connection, the visitor on another, and either may be first. */
  async #awaitVisits(count: number): Promise<void> {
    const { clock, signal } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const giveUp = () => resolve();
    const cancel = clock.setTimer(VISITOR_DELAY_MS, giveUp);
    signal?.addEventListener("abort", giveUp, { once: true });
    this.#onVisit = () => {
      // Strangers come too, without a word as a rule
      if (this.#visits.filter(({ greeting }) => greeting).length >= count) resolve();
    };
    this.#onVisit();
    await promise;
    cancel();
    signal?.removeEventListener("abort", giveUp);
    this.#onVisit = () => {};
  }

  #portOf(name: string): number {
    const port = this.#ports.get(name) ?? freeTcpPort(this.#anyIp());
    this.#ports.set(name, port);
    return port;
  }

  #anyIp(): Uint8Array {
    return new Uint8Array(this.#options.family === 4 ? 4 : 16);
  }
}

function saysConnected(answer: ConnectionAnswer | undefined): boolean {
  return answer !== undefined &&
    valueOf(answer.response, DIAL_BACK_RESULT)?.outcome === "connected";
}

/** A visitor's greeting left before the answer did; later than this it is not coming. */
const VISITOR_DELAY_MS = 1000;
