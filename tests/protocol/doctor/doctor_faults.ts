import {
  attribute,
  encodeMessage,
  ERROR_CODE,
  type MessageInit,
  type StunMessage,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { type Asked, type DoctorWorldOptions, rewritten, type Sent } from "./doctor_world.ts";

/** A server that breaks one rule over UDP, and what the doctor has to say of it. */
export interface FaultCase {
  /** Completes "a server that …". */
  readonly that: string;
  /** The server. */
  readonly world: DoctorWorldOptions;
  /** Every check that finds something, in their order. */
  readonly found: readonly (readonly [id: string, result: "warn" | "fail", detail: string])[];
}

/** Changes every answer. */
export function answering(
  change: (message: StunMessage) => Partial<MessageInit>,
): DoctorWorldOptions {
  return { answers: (honest) => honest.map((sent) => rewritten(sent, change)) };
}

/** Keeps silent about some requests. */
export function unless(silent: (message: StunMessage) => boolean): DoctorWorldOptions["answers"] {
  return (honest, { message }) => message !== undefined && silent(message) ? [] : honest;
}

/** Answers requests that have one of these attributes as if they had it not. */
export function overlooking(...types: readonly number[]): DoctorWorldOptions["answers"] {
  return (honest, { message, source }) =>
    message?.attributes.some(({ type }) => types.includes(type))
      ? [success(message, source)]
      : honest;
}

/** An error answer in place of what there was. */
export function refusal(code: number): Partial<MessageInit> {
  return { class: "error", attributes: [attribute(ERROR_CODE, { code, reason: "" })] };
}

/** A success answer to its sender. */
export function success(
  { transactionId }: Pick<StunMessage, "transactionId">,
  source: Asked["source"],
): Sent {
  const attributes = [attribute(XOR_MAPPED_ADDRESS, source)];
  const bytes = encodeMessage({ class: "success", method: 1, transactionId, attributes });
  return { bytes, destination: source, via: "primary" };
}
