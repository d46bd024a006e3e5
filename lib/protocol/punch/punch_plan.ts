import type { PunchDescription } from "./punch_description.ts";
import { predictPunch, type PunchPrediction, type PunchSide } from "../discovery/mod.ts";

/** One transport over which two sides try to meet. */
export interface PlannedPunch {
  /** Which. */
  readonly transport: PunchDescription["transport"];
  /** What is to be expected of it. */
  readonly prediction: PunchPrediction;
}

/**
 * Over which transports two sides try to meet, one after the other, when each has a description for
 * some: those that both have, the most promising first, TCP before UDP where both promise the same,
 * as it needs nothing to be kept alive and loses nothing. What will not work is tried only if nothing
 * better is there, as a port may be guessed. Both sides come to the same end, whichever is `one`.
 */
export function planPunch(
  one: readonly PunchDescription[],
  other: readonly PunchDescription[],
): readonly PlannedPunch[] {
  const common = PREFERENCE.flatMap((transport) => {
    const [a, b] = [one, other].map((all) => all.find((each) => each.transport === transport));
    if (a === undefined || b === undefined) return [];
    return [{ transport, prediction: predictPunch(a.side ?? UNKNOWN, b.side ?? UNKNOWN) }];
  });
  const hopeful = PROMISING.flatMap((will) => {
    return common.filter(({ prediction }) => prediction.will === will);
  });
  return hopeful.length > 0 ? hopeful : common;
}

const PREFERENCE = ["tcp", "udp"] as const;
const PROMISING = ["yes", "unknown"] as const;

/** A side that has told nothing. */
const UNKNOWN: PunchSide = {
  reachable: true,
  mapping: { value: "unknown", depends: false },
  filtering: { value: "unknown" },
};
