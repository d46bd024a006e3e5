import { concat } from "@std/bytes";
import {
  type DoctorArrival,
  type DoctorDatagramResult,
  type DoctorDatagramStep,
  doctorExamination,
  type DoctorPlan,
  type DoctorReport,
  type DoctorStreamResult,
  type DoctorStreamStep,
} from "../../../lib/protocol/doctor/mod.ts";
import {
  ENDPOINT_ROLES,
  type EndpointGroup,
  type EndpointRole,
  type Reply,
  StunResponder,
  type TransportProtocol,
} from "../../../lib/protocol/mod.ts";
import {
  decodeMessage,
  encodeMessage,
  equalSocketAddresses,
  findAttribute,
  FINGERPRINT,
  type MessageInit,
  type RawAttribute,
  type SocketAddress,
  type StunMessage,
  StunStreamFramer,
  type WritableAttribute,
} from "../../../lib/wire/mod.ts";
import { address } from "../binding_cases.ts";

/** A datagram on its way to the server. */
export interface Asked {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** The message, if it is one. */
  readonly message: StunMessage | undefined;
  /** Who sent it. */
  readonly source: SocketAddress;
  /** To which of the server's sockets. */
  readonly role: EndpointRole;
}

/** A datagram on its way from the server. */
export type Sent = Pick<Reply, "bytes" | "destination" | "via">;

/** A server's end of one connection. */
export interface ServerStream {
  /** What is written when a chunk has been read; undefined closes the connection. */
  push(chunk: Uint8Array): Uint8Array | undefined;
  /** Whether it does not write any more what the client does not wait for. @default {false} */
  readonly forgetful?: boolean;
  /** After how many ms the server resets the connection. @default {Infinity} */
  readonly resetMs?: number;
}

/** In what a server differs from ours. */
export interface DoctorWorldOptions {
  /** Whether it has RFC 5780. @default {true} */
  readonly discovers?: boolean;
  /** What it sends in place of the honest answer. @default the honest answer */
  readonly answers?: ((honest: readonly Sent[], asked: Asked) => readonly Sent[]) | undefined;
  /** How it treats a connection; a text is why there is none. @default as ours does */
  readonly accept?: (
    honest: (chunk: Uint8Array) => Uint8Array | undefined,
  ) => ServerStream | string;
  /** TLS: which of the protocols it chooses. @default the first */
  readonly choose?: (offered: readonly string[]) => string | undefined;
  /** What is to be examined, apart from the usual. */
  readonly plan?: Partial<DoctorPlan>;
}

/** Where the server of a {@linkcode DoctorWorld} is. */
export const GROUP: EndpointGroup = {
  "primary": address("198.51.100.1:3478"),
  "alternate-port": address("198.51.100.1:3479"),
  "alternate-address": address("198.51.100.2:3478"),
  "alternate-both": address("198.51.100.2:3479"),
};

/** A host, a server, and no NAT between, all in memory and in virtual time. */
export class DoctorWorld {
  /** How many datagrams were sent to the server, and how many connections were opened. */
  readonly traffic = { datagrams: 0, connections: 0 };
  readonly #options: DoctorWorldOptions;
  readonly #responder = new StunResponder();
  readonly #ports = new Map<string, number>();
  #now = 0;

  /** Makes a world with this server. */
  constructor(options: DoctorWorldOptions = {}) {
    this.#options = options;
  }

  /** Examines the server. */
  examine(): DoctorReport {
    let id = 0;
    const steps = doctorExamination({
      servers: { udp: GROUP.primary, tcp: GROUP.primary, tls: GROUP.primary },
      otherFamily: address("[2001:db8::1]:3478"),
      holdMs: 7000,
      requests: 10,
      transactionId: () => new Uint8Array(12).fill(++id, 0, 10).fill(id >> 8, 10),
      ...this.#options.plan,
    });
    let next = steps.next();
    while (!next.done) {
      const { step } = next.value;
      next = steps.next(step.kind === "datagrams" ? this.#exchange(step) : this.#talk(step));
    }
    return next.value;
  }

  #exchange(step: DoctorDatagramStep): DoctorDatagramResult {
    const { to, datagrams, attempts, waitMs, until, watch = [] } = step;
    const local = this.#address(step.socket, to);
    const listening = [step.socket, ...watch].map((socket) => {
      return { socket, at: this.#address(socket, to) };
    });
    const arrivals: DoctorArrival[] = [];
    const sentAt: number[] = [];
    for (let attempt = 0; attempt < attempts && !until(arrivals); attempt++) {
      datagrams.forEach((bytes, i) => {
        this.#now += 20;
        sentAt[i] = this.#now;
        for (const sent of this.#answer(bytes, local, to)) {
          const { destination, via } = sent;
          const socket = listening.find(({ at }) => equalSocketAddresses(at, destination))?.socket;
          const from = to.ip.length === 16 ? to : GROUP[via];
          const at = this.#now + i + 1;
          if (socket !== undefined) arrivals.push({ bytes: sent.bytes, from, socket, at });
        }
      });
      if (!until(arrivals)) this.#now += waitMs;
    }
    return { kind: "datagrams", failure: undefined, local, sentAt, arrivals };
  }

  #answer(bytes: Uint8Array, source: SocketAddress, to: SocketAddress): readonly Sent[] {
    this.traffic.datagrams++;
    const role = ENDPOINT_ROLES.find((one) => equalSocketAddresses(GROUP[one], to)) ?? "primary";
    const reply = this.#handle(bytes, { source, role, transport: "udp" });
    const message = decodeMessage(bytes);
    const asked = { bytes, source, role, message: message.ok ? message.value : undefined };
    const honest = reply === undefined ? [] : [reply];
    return this.#options.answers?.(honest, asked) ?? honest;
  }

  #talk(step: DoctorStreamStep): DoctorStreamResult {
    this.traffic.connections++;
    const { transport, alpn = [], until } = step;
    const local = this.#address(`connection ${this.traffic.connections}`, step.to);
    const begun = this.#now;
    const framer = new StunStreamFramer();
    const honest = (chunk: Uint8Array): Uint8Array | undefined => {
      const { frames, failure } = framer.push(chunk);
      if (failure !== undefined) return undefined;
      return concat(frames.flatMap((frame) => {
        const reply = this.#handle(frame, { source: local, role: "primary", transport });
        return reply === undefined ? [] : [reply.bytes];
      }));
    };
    const server = this.#options.accept?.(honest) ?? { push: honest };
    const choose = this.#options.choose ?? (([first]: readonly string[]) => first);
    const common = { kind: "stream", local, applicationProtocol: choose(alpn) } as const;
    let received = new Uint8Array(0);
    let end: DoctorStreamResult["end"] = "open";
    const result = (failure?: string) => {
      return { ...common, failure, received, end, openMs: this.#now - begun };
    };
    if (typeof server === "string") return result(server);
    const take = (bytes: Uint8Array | undefined) => {
      if (bytes === undefined) end = "closed";
      else received = concat([received, bytes]);
    };
    const { resetMs = Infinity } = server;
    const pass = (ms: number) => {
      if (this.#now + ms - begun < resetMs) {
        this.#now += ms;
      } else {
        this.#now = begun + resetMs;
        end = "reset";
      }
    };
    for (const action of step.actions) {
      if (end !== "open") break;
      if (action.kind === "write") take(server.push(action.bytes));
      else if (action.kind === "wait") pass(action.ms);
      else {
        if (server.forgetful) received = new Uint8Array(0);
        end = "closed";
      }
    }
    if (end === "open" && !until(received)) pass(step.waitMs);
    return result();
  }

  #handle(
    bytes: Uint8Array,
    at: {
      readonly source: SocketAddress;
      readonly role: EndpointRole;
      readonly transport: TransportProtocol;
    },
  ): Reply | undefined {
    const { source, role, transport } = at;
    const { discovers = true } = this.#options;
    const group = discovers && source.ip.length === 4 ? { group: GROUP } : {};
    const endpoint = { transport, role, ...group };
    return this.#responder.handle({ bytes, source, endpoint, now: this.#now, wallTime: 0 });
  }

  #address(socket: string, to: SocketAddress): SocketAddress {
    const port = this.#ports.get(socket) ?? 40_000 + this.#ports.size;
    this.#ports.set(socket, port);
    return address(to.ip.length === 4 ? `192.0.2.1:${port}` : `[2001:db8::ff]:${port}`);
  }
}

/** The datagram with another message in it, and a right FINGERPRINT if there was one. */
export function rewritten(
  sent: Sent,
  change: (message: StunMessage) => Partial<MessageInit>,
): Sent {
  return { ...sent, bytes: rewrittenBytes(sent.bytes, change) };
}

/** The same for a message alone. */
export function rewrittenBytes(
  bytes: Uint8Array,
  change: (message: StunMessage) => Partial<MessageInit>,
): Uint8Array<ArrayBuffer> {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new TypeError(decoded.reason);
  const { class: kind, method, transactionId, attributes } = decoded.value;
  const fingerprint = findAttribute(decoded.value, FINGERPRINT.type) !== undefined;
  const init: MessageInit = {
    class: kind,
    method,
    transactionId,
    attributes: attributes.filter(({ type }) => type !== FINGERPRINT.type),
    ...change(decoded.value),
  };
  return encodeMessage(init, { fingerprint });
}

/** The attributes of a message with one put in place of that of its type, or added. */
export function withAttribute(
  message: StunMessage,
  one: RawAttribute | WritableAttribute,
): (RawAttribute | WritableAttribute)[] {
  const others = message.attributes.filter(({ type }) =>
    type !== one.type && type !== FINGERPRINT.type
  );
  return [...others, one];
}
