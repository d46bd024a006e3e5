import { type DialBackOutcome, formatSocketAddress, type SocketAddress } from "../../wire/mod.ts";

/** One dial-back, as far as {@linkcode judgeReach} looks at it. */
export interface ReachTrial {
  /** Whether it was to come from the server's other address. */
  readonly changeAddress: boolean;
  /** What the server says; `"unanswered"` if it said nothing, `"unknown"` if it does not know DIAL-BACK. */
  readonly outcome: DialBackOutcome | "unanswered" | "unknown";
  /** Where it came from, if it arrived. */
  readonly from: SocketAddress | undefined;
  /** Whether nothing had ever been sent to that IP address. */
  readonly fromStranger: boolean;
}

/** Whether the world can connect. */
export interface ReachVerdict {
  /** `null` if it cannot be told. */
  readonly reachable: boolean | null;
  /** Why, as part of a sentence. */
  readonly reason: string;
}

/**
 * Judges by some dial-backs whether anybody can connect to a public address. A connection from an
 * address that this host has never sent to proves it. One from another port of the server proves
 * little, for many NATs and firewalls let in whom their host has talked to. One that does not come
 * through disproves it; what the server cannot or may not do proves nothing.
 */
export function judgeReach(trials: readonly ReachTrial[]): ReachVerdict {
  const arrived = trials.filter(({ outcome, from }) => outcome === "connected" && from);
  const stranger = arrived.find(({ fromStranger }) => fromStranger);
  if (stranger !== undefined) {
    const from = formatSocketAddress(stranger.from!);
    return { reachable: true, reason: `a connection came in from ${from}, never contacted before` };
  }
  const failed = trials.find(({ outcome }) => outcome in FAILURES) ??
    trials.find(({ outcome, from }) => outcome === "connected" && from === undefined);
  const [acquaintance] = arrived;
  if (failed !== undefined) {
    const what = FAILURES[failed.outcome] ?? "is answered, but not by this host";
    const known = acquaintance === undefined
      ? ""
      : `, while ${formatSocketAddress(acquaintance.from!)} could connect`;
    const whence = failed.changeAddress ? "another address" : "another port";
    return {
      reachable: false,
      reason: `a connection from ${whence} of the server ${what}${known}`,
    };
  }
  if (acquaintance !== undefined) {
    const from = formatSocketAddress(acquaintance.from!);
    return {
      reachable: null,
      reason: `a connection came in from ${from}, but the server has no other address to try from`,
    };
  }
  const doubt = trials.map(({ outcome }) => DOUBTS[outcome]).find((one) => one !== undefined);
  return { reachable: null, reason: doubt ?? "no dial-back was tried" };
}

const FAILURES: { readonly [outcome in ReachTrial["outcome"]]?: string } = {
  "refused": "is refused",
  "timed-out": "gets no answer",
  "unreachable": "finds no way",
};

const DOUBTS: { readonly [outcome in ReachTrial["outcome"]]?: string } = {
  "unknown": "the server does not know DIAL-BACK",
  "unanswered": "the server did not answer when it was asked to dial back",
  "not-permitted": "the server dials nobody back just now",
  "unsupported": "the server cannot dial back",
};
