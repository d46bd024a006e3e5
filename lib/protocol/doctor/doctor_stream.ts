import { type StunMessage, StunStreamFramer } from "../../wire/mod.ts";
import { responseOf, responsesByKey, transactionKey } from "./doctor_datagrams.ts";
import type {
  DoctorSteps,
  DoctorStreamAction,
  DoctorStreamResult,
  DoctorStreamStep,
} from "./doctor_step.ts";

/** What came of a connection, as far as a check looks. */
export interface StreamReplies {
  /** What is known of the connection itself. */
  readonly connection: DoctorStreamResult;
  /** The response to each request, in the order of the requests. */
  readonly answers: readonly (StunMessage | undefined)[];
}

/** What a check says of {@linkcode talk}; the rest has defaults. */
export type StreamQuestion =
  & Pick<DoctorStreamStep, "transport" | "to" | "actions">
  & Partial<Pick<DoctorStreamStep, "waitMs" | "alpn">>
  & {
    /** The requests among what is written. */
    readonly requests: readonly Uint8Array[];
    /** Whether all answers end it, or only the end of the time. @default {"answers"} */
    readonly ends?: "answers" | "time";
  };

/** Talks to the server over a connection of its own. */
export function* talk(question: StreamQuestion): DoctorSteps<StreamReplies> {
  const { requests, ends = "answers", ...step } = question;
  const answersIn = (received: Uint8Array) => {
    // In the order of their answers or not: RFC 8489 6.2.2 does not say
    const { frames } = new StunStreamFramer().push(received);
    const found = responsesByKey(frames);
    return requests.map((request) => {
      const index = found.get(transactionKey(request));
      return index === undefined ? undefined : responseOf(frames[index]!);
    });
  };
  const result = yield {
    waitMs: ANSWER_MS,
    ...step,
    kind: "stream",
    until: (received) =>
      ends === "answers" && answersIn(received).every((answer) => answer !== undefined),
  };
  if (result.kind !== "stream") throw new TypeError("Cannot go on: wanted a connection's result");
  return { connection: result, answers: answersIn(result.received) };
}

/** Writes a request in one go. */
export function write(bytes: Uint8Array): DoctorStreamAction {
  return { kind: "write", bytes };
}

/** What to say of an address that could not be connected to, or of a connection without an answer. */
export function saySilence({ failure, end, openMs }: DoctorStreamResult): string {
  if (failure !== undefined) return failure;
  const how = end === "closed" ? "closed" : "reset";
  return end === "open" ? "no answer" : `${how} without an answer after ${Math.round(openMs)} ms`;
}

/** TCP retransmits by itself, in 1, 2 and 4 s at most for the first. */
const ANSWER_MS = 5000;
