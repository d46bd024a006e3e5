import {
  decodeMessage,
  ERROR_CODE,
  HEADER_BYTES,
  REASON_PHRASES,
  type SocketAddress,
  type StunMessage,
  valueOf,
} from "../../wire/mod.ts";
import type { DoctorArrival, DoctorDatagramStep, DoctorSteps } from "./doctor_step.ts";

/** A STUN response over UDP. */
export interface DatagramReply extends Omit<DoctorArrival, "bytes"> {
  /** The response. */
  readonly message: StunMessage;
}

/** What came of datagrams, as far as a check looks. */
export interface DatagramReplies {
  /** The first response to the last of the datagrams. */
  readonly answer: DatagramReply | undefined;
  /** All that came and is not a response to the last of the datagrams. */
  readonly others: readonly DoctorArrival[];
  /** The socket's own address; the IP address may be all zeros. */
  readonly local: SocketAddress;
  /** Why nothing could be sent; undefined if it could. */
  readonly failure: string | undefined;
}

/** What a check says of {@linkcode sendDatagrams}; the rest has defaults. */
export type DatagramQuestion =
  & Pick<DoctorDatagramStep, "socket" | "to" | "datagrams">
  & Partial<Pick<DoctorDatagramStep, "watch" | "lingerMs" | "attempts">>;

/** Sends datagrams, the last of which is a request, until that is answered from wherever. */
export function* sendDatagrams(question: DatagramQuestion): DoctorSteps<DatagramReplies> {
  const request = question.datagrams.at(-1)!;
  const result = yield {
    attempts: ATTEMPTS,
    waitMs: FIRST_WAIT_MS,
    ...question,
    kind: "datagrams",
    until: (arrivals) => arrivals.some((one) => isResponseTo(request, one.bytes)),
  };
  if (result.kind !== "datagrams") throw new TypeError("Cannot go on: wanted datagrams' result");
  const { arrivals, local, failure } = result;
  const mine = arrivals.filter((one) => isResponseTo(request, one.bytes));
  return {
    answer: mine[0] && readReply(mine[0]),
    others: arrivals.filter((one) => !mine.includes(one)),
    local,
    failure,
  };
}

/** A fresh transaction id of RFC 3489, 16 bytes. */
export function classicTransactionId(transactionId: () => Uint8Array): Uint8Array {
  return Uint8Array.of(...transactionId(), ...transactionId().subarray(0, 4));
}

/** The responses among messages, by {@linkcode transactionKey}; the first of each. */
export function responsesByKey(messages: readonly Uint8Array[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  messages.forEach((bytes, i) => {
    if (responseOf(bytes) === undefined) return;
    const key = transactionKey(bytes);
    if (!found.has(key)) found.set(key, i);
  });
  return found;
}

/** What a request and its response have in common: cookie and transaction id, in hex. */
export function transactionKey(message: Uint8Array): string {
  return message.subarray(4, HEADER_BYTES).toHex();
}

/** Whether bytes are a response with the transaction id of a request; the cookie belongs to it. */
export function isResponseTo(request: Uint8Array, bytes: Uint8Array): boolean {
  return request.length >= HEADER_BYTES && responseOf(bytes) !== undefined &&
    request.subarray(4, HEADER_BYTES).every((byte, i) => bytes[4 + i] === byte);
}

/** The message, if bytes are a response, whichever its transaction id. */
export function responseOf(bytes: Uint8Array): StunMessage | undefined {
  const message = decodeMessage(bytes);
  if (!message.ok) return undefined;
  const { class: kind } = message.value;
  return kind === "success" || kind === "error" ? message.value : undefined;
}

/** What to call a response in a sentence; a server's own words are not repeated. */
export function sayResponse(message: StunMessage): string {
  if (message.class === "success") return "a success";
  const code = valueOf(message, ERROR_CODE)?.code;
  return code === undefined ? "an error" : `${code} ${REASON_PHRASES.get(code) ?? ""}`.trimEnd();
}

function readReply({ bytes, ...arrival }: DoctorArrival): DatagramReply {
  return { ...arrival, message: responseOf(bytes)! };
}

/** With one packet in ten lost each way, three attempts fail once in 140 cases, four in 760. */
const ATTEMPTS = 4;
/** Longer than most round trips; 400, 800, 1600 and 3200 ms make 6 s. */
const FIRST_WAIT_MS = 400;
