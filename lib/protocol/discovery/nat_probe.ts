import {
  type AttributeCodec,
  BINDING,
  encodeMessage,
  ERROR_CODE,
  MAPPED_ADDRESS,
  type SocketAddress,
  type StunMessage,
  valueOf,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../../wire/mod.ts";
import type { TransactionTiming } from "../client/mod.ts";

/**
 * One step of a NAT discovery, for whoever has the sockets: run all of the probes at once and hand
 * back what became of each, in the same order. Sockets are opened when they are first named and
 * closed when the discovery is over.
 */
export interface NatStep {
  /** What is being found out, for a person who waits. */
  readonly title: string;
  /** What to send. */
  readonly probes: readonly NatProbe[];
  /** ms to wait before sending. @default {0} */
  readonly waitMs?: number;
  /** About how many ms it takes until this kind of thing has been found out, where that is long. */
  readonly leftMs?: number;
}

/** A Binding request to be sent from one socket. */
export interface NatProbe {
  /** Which socket: each name stands for a port of its own, fresh when it is first named. */
  readonly socket: string;
  /** Where to. */
  readonly to: SocketAddress;
  /** The request. */
  readonly request: Uint8Array;
  /** When to send again and when to give up. */
  readonly timing: TransactionTiming;
  /** What the request asks for, for the evidence. */
  readonly asks: string;
  /** The socket that something is expected on. @default the same */
  readonly arrivesOn?: string;
  /** What is expected: an answer, or the request itself. @default {"answer"} */
  readonly expects?: "answer" | "itself";
}

/** What became of a probe. */
export type NatProbeResult = NatProbeAnswer | NatProbeSilence;

/** Something came back. */
export interface NatProbeAnswer {
  /** Tells it from silence. */
  readonly answered: true;
  /** The message. */
  readonly response: StunMessage;
  /** Where it came from. */
  readonly source: SocketAddress;
  /** ms from the last sending. */
  readonly rttMs: number;
  /** How often the probe was sent. */
  readonly attempts: number;
  /** The socket's own address; the IP address may be all zeros. */
  readonly local: SocketAddress;
}

/** Nothing came back. */
export interface NatProbeSilence {
  /** Tells it from an answer. */
  readonly answered: false;
  /** How often the probe was sent. */
  readonly attempts: number;
  /** The socket's own address; the IP address may be all zeros. */
  readonly local: SocketAddress;
}

/** The work of a discovery: yields steps and takes what became of their probes. */
export type NatSteps<T> = Generator<NatStep, T, readonly NatProbeResult[]>;

/**
 * A silence decides, so it has to be the NAT's and not the network's: with one packet in ten lost
 * each way, 14 requests without an answer happen once in ten thousand million cases.
 */
export const PATIENT_TIMING = {
  rtoMs: 250,
  maxWaitMs: 500,
  maxRequests: 14,
  lastWaitFactor: 4,
} as const satisfies TransactionTiming;

/** One line of evidence: what was sent where, and what came back from where. */
export interface NatEvidence {
  /** What it was sent over. */
  readonly transport: "udp" | "tcp";
  /** From which socket. */
  readonly socket: string;
  /** The socket's own address. */
  readonly local: SocketAddress;
  /** Where to. */
  readonly to: SocketAddress;
  /** What it asked for. */
  readonly asks: string;
  /** Where the answer came from; absent where there was none. */
  readonly from?: SocketAddress;
  /** The reflexive address in the answer. */
  readonly reflexive?: SocketAddress;
  /** The error code in the answer. */
  readonly errorCode?: number;
  /** What else there is to say, such as how a dial-back went. */
  readonly note?: string;
  /** How often it was sent. */
  readonly attempts: number;
  /** ms until the answer. */
  readonly rttMs?: number;
}

/** Makes a Binding request. */
export function bindingRequest(
  transactionId: Uint8Array,
  attributes: readonly WritableAttribute[] = [],
): Uint8Array {
  return encodeMessage({ class: "request", method: BINDING, transactionId, attributes });
}

/** The reflexive address in a success answer. */
export function reflexiveOf(result: NatProbeResult | undefined): SocketAddress | undefined {
  if (result?.answered !== true || result.response.class !== "success") return undefined;
  return valueOf(result.response, XOR_MAPPED_ADDRESS) ?? valueOf(result.response, MAPPED_ADDRESS);
}

/** The value of an attribute in a success answer. */
export function answerOf<T>(
  result: NatProbeResult | undefined,
  codec: AttributeCodec<T>,
): T | undefined {
  if (result?.answered !== true || result.response.class !== "success") return undefined;
  return valueOf(result.response, codec);
}

/** What a probe and its result are as evidence. */
export function evidenceOf(probe: NatProbe, result: NatProbeResult): NatEvidence {
  const { socket, to, asks } = probe;
  const { local, attempts } = result;
  const common = { transport: "udp", socket, local, to, asks, attempts } as const;
  if (!result.answered) return common;
  const reflexive = reflexiveOf(result);
  const error = result.response.class === "error"
    ? valueOf(result.response, ERROR_CODE)
    : undefined;
  return {
    ...common,
    from: result.source,
    rttMs: result.rttMs,
    ...reflexive === undefined ? {} : { reflexive },
    ...error === undefined ? {} : { errorCode: error.code },
  };
}
