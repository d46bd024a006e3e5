import {
  DIAL_BACK,
  DIAL_BACK_RESULT,
  type DialBackOutcome,
  equalIps,
  formatSocketAddress,
  type StunMessage,
  valueOf,
} from "../../wire/mod.ts";
import type { TcpNatVisit } from "./tcp_nat_step.ts";

/** What became of a dial-back, with what the server cannot say of it. */
export type DialBackFinding =
  | DialBackOutcome
  /** The server ignores DIAL-BACK. */
  | "unheard-of"
  /** The server does not answer. */
  | "silence"
  /** The server says that it could connect, but nobody came. */
  | "unseen"
  /** It came from the address that was to be changed. */
  | "same-address";

/** What was asked for and what was seen of it. */
export interface DialBackObservation {
  /** The token that the visitor was to bring. */
  readonly token: Uint8Array;
  /** The server's answer, if there was one. */
  readonly response: StunMessage | undefined;
  /** Who came meanwhile; undefined if nobody looked. */
  readonly visits: readonly TcpNatVisit[] | undefined;
  /** The IP address that it was not to come from. */
  readonly forbidden: Uint8Array | undefined;
}

/** Judges one dial-back, and says in words what there is to say of it. */
export function judgeDialBack(
  seen: DialBackObservation,
): { readonly finding: DialBackFinding; readonly note: string } {
  const visit = seen.visits?.find(({ greeting }) => isDialBackGreeting(greeting, seen.token));
  const finding = findingOf(seen, visit);
  const note = visit === undefined
    ? NOTES[finding] ?? finding
    : `connected from ${formatSocketAddress(visit.from)}`;
  return { finding, note };
}

/** Whether what a visitor said first shows that it is the one that a server was asked to be. */
export function isDialBackGreeting(
  greeting: StunMessage | undefined,
  token: Uint8Array,
): boolean {
  const found = greeting && valueOf(greeting, DIAL_BACK)?.token;
  return found !== undefined && found.every((byte, i) => byte === token[i]);
}

/**
 * One finding from those of several dial-backs of one kind. A connection that came about proves
 * that there is a way in, whatever became of the others: one that did not may have been lost. So
 * may an answer, as long as most came.
 */
export function mergeDialBacks(findings: readonly DialBackFinding[]): DialBackFinding {
  const heard = findings.filter((one) => one !== "silence");
  return heard.find((one) => one === "connected") ??
    heard.find((one) => one in NO_WAY_TO_TELL) ??
    (2 * heard.length > findings.length ? heard[0]! : "silence");
}

/** Findings after which neither address nor port can be told, and why. */
export const NO_WAY_TO_TELL: { readonly [finding in DialBackFinding]?: string } = {
  "unheard-of": "the server does not know DIAL-BACK",
  "silence": "the server did not answer when it was asked to dial back",
  "not-permitted": "the server dials nobody back just now",
  "unseen": "the server could connect, but not to this host: something on the way answers for it",
  "same-address": "the server dialled back from the address that this host was connected to",
};

function findingOf(seen: DialBackObservation, visit: TcpNatVisit | undefined): DialBackFinding {
  const { response, visits, forbidden } = seen;
  if (response === undefined) return "silence";
  const outcome = valueOf(response, DIAL_BACK_RESULT)?.outcome;
  if (outcome === undefined) return "unheard-of";
  if (outcome !== "connected" || visits === undefined) return outcome;
  if (visit === undefined) return "unseen";
  return forbidden && equalIps(visit.from.ip, forbidden) ? "same-address" : outcome;
}

const NOTES: { readonly [finding in DialBackFinding]?: string } = {
  "unheard-of": "no DIAL-BACK-RESULT",
  "silence": "no answer",
  "unseen": "connected, but nobody came",
};
