import type { TcpNatStep, TcpNatStepResult } from "../../lib/protocol/discovery/mod.ts";
import {
  decodeMessage,
  DIAL_BACK_RESULT,
  type SocketAddress,
  type StunMessage,
  StunStreamFramer,
  valueOf,
} from "../../lib/wire/mod.ts";
import type { SimHost } from "./sim_host.ts";
import type { SimNetwork } from "./sim_network.ts";
import type { SimTcpConnection } from "./tcp_connection.ts";

/** Where {@linkcode runTcpNatSteps} runs. */
export interface RunTcpNatStepsOptions {
  /** The network, whose time moves on meanwhile. */
  readonly network: SimNetwork;
  /** The computer whose NAT is looked at. */
  readonly host: SimHost;
  /** Its address that the sockets are bound to. @default the host's first */
  readonly ip?: string | undefined;
  /** ms that connecting may take. @default {10_000} */
  readonly connectTimeoutMs?: number | undefined;
  /** ms that an answer may take; a dial-back takes up to 5 s of it. @default {8_000} */
  readonly askTimeoutMs?: number | undefined;
  /** Told every step before it is carried out. @default {undefined} nobody */
  readonly onStep?: ((step: TcpNatStep) => void) | undefined;
}

/**
 * Carries out a TCP NAT discovery on a simulated host, from the first step to the last, as
 * `discoverNat()` does it with real sockets.
 */
export function runTcpNatSteps<T>(
  steps: Generator<TcpNatStep, T, TcpNatStepResult>,
  options: RunTcpNatStepsOptions,
): { readonly value: T; readonly elapsedMs: number } {
  const { network, onStep } = options;
  const begun = network.now;
  const sockets = new TcpSockets(options);
  try {
    let next = steps.next();
    while (!next.done) {
      onStep?.(next.value);
      next = steps.next(sockets.run(next.value));
    }
    return { value: next.value, elapsedMs: network.now - begun };
  } finally {
    sockets.close();
  }
}

type Connecting = Extract<TcpNatStep, { readonly kind: "connect" }>["connections"][number];
type Question = Extract<TcpNatStep, { readonly kind: "ask" }>["questions"][number];
type Answer = NonNullable<TcpNatStepResult["answers"]>[number];
type Visit = NonNullable<TcpNatStepResult["visits"]>[number];

interface Conversation {
  readonly connection: SimTcpConnection;
  onMessage: (message: StunMessage) => void;
}

class TcpSockets {
  readonly #options: RunTcpNatStepsOptions;
  readonly #ports = new Map<string, number>();
  readonly #conversations = new Map<string, Conversation>();
  readonly #closers: (() => void)[] = [];
  #visits: Visit[] = [];

  constructor(options: RunTcpNatStepsOptions) {
    this.#options = options;
  }

  run(step: TcpNatStep): TcpNatStepResult {
    switch (step.kind) {
      case "connect":
        return { connected: this.#connectAll(step.connections) };
      case "ask":
        return this.#askAll(step.questions);
      case "listen":
        return { listening: this.#listen(step.port) };
    }
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
  }

  #connectAll(wanted: readonly Connecting[]): (SocketAddress | string)[] {
    const { network, host, ip, connectTimeoutMs: timeoutMs = 10_000 } = this.#options;
    const connections = wanted.map(({ connection: name, port, to }) => {
      const localPort = this.#ports.get(port) ?? 0;
      const connection = host.connectTcp({ to, localPort, ip, timeoutMs });
      this.#ports.set(port, connection.local.port);
      this.#closers.push(() => connection.reset());
      this.#conversations.set(name, converse(connection));
      return connection;
    });
    const settled = () => connections.every(({ outcome }) => outcome !== undefined);
    network.runUntil(settled, network.now + timeoutMs);
    return connections.map(({ outcome, local }) =>
      outcome === "connected" ? local : outcome ?? "timed-out"
    );
  }

  #askAll(questions: readonly Question[]): TcpNatStepResult {
    const { network, askTimeoutMs = 8_000 } = this.#options;
    const begun = network.now;
    this.#visits = [];
    const answers: Answer[] = questions.map(() => undefined);
    questions.forEach(({ connection, request }, i) => {
      const conversation = this.#conversations.get(connection);
      if (conversation?.connection.state !== "open") return;
      const asked = decodeMessage(request);
      const id = asked.ok ? asked.value.transactionId.toHex() : "";
      conversation.onMessage = (response) => {
        if (response.transactionId.toHex() !== id) return;
        answers[i] ??= { response, rttMs: network.now - begun };
      };
      conversation.connection.send(request);
    });
    network.runUntil(() => answers.every((one) => one !== undefined), begun + askTimeoutMs);
    // The answer comes on one connection, the visitor on another, and either may be first
    const expected = answers.filter((one) => saysConnected(one)).length;
    const greeted = () => this.#visits.filter(({ greeting }) => greeting).length >= expected;
    network.runUntil(greeted, network.now + VISITOR_DELAY_MS);
    return { answers, visits: this.#visits };
  }

  #listen(name: string): boolean {
    const port = this.#ports.get(name);
    if (port === undefined) return false;
    const listener = this.#options.host.listenTcp(port, { ip: this.#options.ip });
    this.#closers.push(() => listener.close());
    listener.onConnection = (connection) => {
      const from = connection.remote;
      const visitor = converse(connection);
      visitor.onMessage = (greeting) => this.#visits.push({ from, greeting });
      connection.onEnd = () => connection.end();
    };
    return true;
  }
}

function converse(connection: SimTcpConnection): Conversation {
  const conversation: Conversation = { connection, onMessage: () => {} };
  const framer = new StunStreamFramer();
  connection.onReceive = (bytes) => {
    for (const frame of framer.push(bytes).frames) {
      const message = decodeMessage(frame.slice());
      if (message.ok) conversation.onMessage(message.value);
    }
  };
  return conversation;
}

function saysConnected(answer: Answer): boolean {
  return answer !== undefined &&
    valueOf(answer.response, DIAL_BACK_RESULT)?.outcome === "connected";
}

/** A visitor's greeting left before the answer did; later than this it is lost for longer. */
const VISITOR_DELAY_MS = 1000;
