// A server and a NAT that exist on paper alone, for the machine to find out about.

import {
  discoverTcpNat,
  type TcpNatReport,
  type TcpNatStep,
  type TcpNatStepResult,
} from "../../../lib/protocol/discovery/mod.ts";
import {
  attribute,
  BINDING,
  decodeMessage,
  DIAL_BACK,
  DIAL_BACK_RESULT,
  type DialBack,
  type DialBackOutcome,
  encodeMessage,
  formatSocketAddress,
  MAPPED_ADDRESS,
  OTHER_ADDRESS,
  parseSocketAddress,
  type SocketAddress,
  type StunMessage,
  valueOf,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";

/** A server and the NAT before it, as the machine gets to see them. */
export interface TcpNatWorld {
  /** The servers' addresses. @default {["203.0.113.1:3478"]} */
  readonly servers?: readonly string[];
  /** OTHER-ADDRESS. @default {"203.0.113.2:3479"} */
  readonly other?: string | undefined;
  /** Where nobody can be connected to, and how that fails. */
  readonly deaf?: Readonly<Record<string, string>>;
  /** Who takes connections and never answers. */
  readonly mute?: readonly string[];
  /** The outside endpoint that each destination sees. @default one for all */
  readonly outside?: (to: string, local: string) => string;
  /** What becomes of a dial-back; a string that is no outcome is left out of the answer. */
  readonly dialBack?: (changeAddress: boolean) => DialBackOutcome | "ignored" | "silence";
  /** Who comes when a dial-back is made. @default whom it should */
  readonly visitor?: "none" | "a stranger" | "from the same address" | "nobody looked";
  /** Whether the port can be listened on. @default {true} */
  readonly listening?: boolean;
  /** Whether the server is old: MAPPED-ADDRESS instead of XOR-MAPPED-ADDRESS. */
  readonly old?: boolean;
}

/** Runs the machine in a made-up world; what it found, and what it did. */
export function discoverIn(
  world: TcpNatWorld,
): { readonly report: TcpNatReport; readonly log: readonly string[] } {
  let id = 0;
  const player = new Player(world);
  const steps = discoverTcpNat({
    servers: (world.servers ?? [SERVER]).map(addressOf),
    transactionId: () => new Uint8Array(12).fill(++id),
  });
  let next = steps.next();
  while (!next.done) next = steps.next(player.play(next.value));
  return { report: next.value, log: player.log };
}

/** Answers the steps of a discovery. */
class Player {
  readonly log: string[] = [];
  readonly #world: TcpNatWorld;
  readonly #ports: string[] = [];
  readonly #connections = new Map<string, { readonly to: string; readonly local: string }>();

  constructor(world: TcpNatWorld) {
    this.#world = world;
  }

  play(step: TcpNatStep): TcpNatStepResult {
    if (step.kind === "listen") {
      this.log.push(`listen ${step.port}`);
      return { listening: this.#world.listening ?? true };
    }
    if (step.kind === "ask") {
      const all = step.questions.map((question) => this.#answer(question));
      const visits = all.flatMap((one) => one?.visits ?? []);
      return this.#world.visitor === "nobody looked" ? { answers: all } : { answers: all, visits };
    }
    const [{ port } = { port: "" }] = step.connections;
    const targets = step.connections.map(({ to }) => formatSocketAddress(to));
    this.log.push(`connect ${port} -> ${targets.join(", ")}`);
    if (!this.#ports.includes(port)) this.#ports.push(port);
    const local = `${LOCAL}:${1001 + this.#ports.indexOf(port)}`;
    return {
      connected: step.connections.map(({ connection, to }) => {
        const failure = this.#world.deaf?.[formatSocketAddress(to)];
        if (failure !== undefined) return failure;
        this.#connections.set(connection, { to: formatSocketAddress(to), local });
        return addressOf(local);
      }),
    };
  }

  #answer({ connection, request }: { readonly connection: string; readonly request: Uint8Array }) {
    const { to, local } = this.#connections.get(connection)!;
    const question = read(request);
    const wanted = valueOf(question, DIAL_BACK);
    const elsewhere = wanted?.changeAddress ? " from another address" : "";
    this.log.push(`ask ${to}${wanted === undefined ? "" : ` to dial back${elsewhere}`}`);
    if (this.#world.mute?.includes(to)) return undefined;
    const outcome = wanted && (this.#world.dialBack?.(wanted.changeAddress) ?? "ignored");
    if (outcome === "silence") return undefined;
    const outside = addressOf(this.#world.outside?.(to, local) ?? OUTSIDE);
    const other = "other" in this.#world ? this.#world.other : OTHER;
    const response = read(encodeMessage({
      class: "success",
      method: BINDING,
      transactionId: question.transactionId,
      attributes: [
        attribute(this.#world.old ? MAPPED_ADDRESS : XOR_MAPPED_ADDRESS, outside),
        ...other === undefined ? [] : [attribute(OTHER_ADDRESS, addressOf(other))],
        ...outcome === undefined || outcome === "ignored"
          ? []
          : [attribute(DIAL_BACK_RESULT, { outcome, elapsedMs: 5 })],
      ],
    }));
    return { response, rttMs: 9, visits: outcome === "connected" ? this.#visits(wanted!) : [] };
  }

  #visits(wanted: DialBack) {
    const { visitor } = this.#world;
    if (visitor === "none") return [];
    const same = !wanted.changeAddress || visitor === "from the same address";
    const token = visitor === "a stranger" ? new Uint8Array(8) : wanted.token;
    const greeting = indication([attribute(DIAL_BACK, { ...wanted, token })]);
    const stranger = { from: addressOf("203.0.113.99:1"), greeting: undefined };
    return [stranger, { from: addressOf(`203.0.113.${same ? 1 : 2}:50000`), greeting }];
  }
}

function indication(attributes: readonly WritableAttribute[]): StunMessage {
  const transactionId = new Uint8Array(12);
  return read(encodeMessage({ class: "indication", method: BINDING, transactionId, attributes }));
}

function read(bytes: Uint8Array): StunMessage {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new TypeError(message.reason);
  return message.value;
}

function addressOf(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}

/** The server, where a world does not say otherwise. */
export const SERVER = "203.0.113.1:3478";
/** Its other address and port. */
export const OTHER = "203.0.113.2:3479";
/** This host's own IP address. */
export const LOCAL = "192.168.1.2";
/** What this host is seen as. */
export const OUTSIDE = "198.51.100.7:6000";
