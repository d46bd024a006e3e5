import type { SocketAddress } from "../../wire/mod.ts";

/**
 * What a check says: the server does as it must, it does not do what it should or what clients rely
 * on, it breaks a rule, or this could not be looked at.
 */
export type DoctorResult = "pass" | "warn" | "fail" | "skip";

/** What a check found. */
export interface DoctorFinding {
  /** The result. */
  readonly result: DoctorResult;
  /** What was seen, or why there was nothing to see, in words for a person. */
  readonly detail: string;
  /** How long a connection was held, in ms, from the check that looks at it. */
  readonly holdMs?: number | undefined;
  /** How quick the answers were, from the check that looks at it. */
  readonly latency?: DoctorLatency | undefined;
}

/** How many requests over UDP were answered, and how quickly; each was sent once. */
export interface DoctorLatency {
  /** How many were sent. */
  readonly requests: number;
  /** How many were not answered. */
  readonly lost: number;
  /** Half of the answers took no longer, in ms; undefined if there was none. */
  readonly p50Ms: number | undefined;
  /** 99 of 100 answers took no longer, in ms; undefined if there was none. */
  readonly p99Ms: number | undefined;
}

/** The answer over UDP that was greatest, measured by its request. */
export interface DoctorAmplification {
  /** Bytes of the answer, divided by those of the request. */
  readonly factor: number;
  /** Bytes of the request. */
  readonly requestBytes: number;
  /** Bytes of the answer. */
  readonly answerBytes: number;
}

/** A check, and what it found. */
export interface DoctorLine extends Pick<DoctorFinding, "result" | "detail"> {
  /** What the check is called by programs. */
  readonly id: string;
  /** What it is about. */
  readonly title: string;
  /** RFC and section, such as `"8489 6.3.1"`; another document where it is no RFC. */
  readonly rfc: string;
}

/** What an examination of a server has found. */
export interface DoctorReport {
  /** The address that was examined. */
  readonly server: SocketAddress;
  /** Whether the server answered at all. */
  readonly answered: boolean;
  /** Every check, in their order. */
  readonly checks: readonly DoctorLine[];
  /** How long a TCP or TLS connection was held, in ms; undefined if that was not looked at. */
  readonly holdMs: number | undefined;
  /** The greatest answer over UDP; undefined if there was none. */
  readonly amplification: DoctorAmplification | undefined;
  /** How quick the answers over UDP were; undefined if that was not looked at. */
  readonly latency: DoctorLatency | undefined;
}

/** The whole in a word: nothing to say, warnings alone, a failure, no answer at all. */
export type DoctorVerdict = "healthy" | "warned" | "failed" | "silent";

/** Sums a report up. */
export function doctorVerdict({ answered, checks }: DoctorReport): DoctorVerdict {
  if (!answered) return "silent";
  const has = (wanted: DoctorResult) => checks.some(({ result }) => result === wanted);
  return has("fail") ? "failed" : has("warn") ? "warned" : "healthy";
}

/** The server does as it must. */
export function pass(detail: string): DoctorFinding {
  return { result: "pass", detail };
}

/** The server does not do what it should, or what clients rely on. */
export function warn(detail: string): DoctorFinding {
  return { result: "warn", detail };
}

/** The server breaks a rule. */
export function fail(detail: string): DoctorFinding {
  return { result: "fail", detail };
}

/** This could not be looked at. */
export function skip(detail: string): DoctorFinding {
  return { result: "skip", detail };
}
