import type { PunchSides } from "./punch_credentials.ts";
import { predictPunch } from "../discovery/mod.ts";

/** Why a punch failed, for a program. */
export type PunchFailureCode =
  /** What is known of the two NATs says that there is no way. */
  | "incompatible"
  /** Nothing was heard. */
  | "unheard"
  /** TCP: every connection that was answered was refused, by the other side's host or NAT. */
  | "refused"
  /** Something was heard, but nothing that the other side's credentials prove to be from it. */
  | "unauthentic"
  /** The other side was heard, but never answered. */
  | "one-way"
  /** There was a path, but the other side did not agree to it in time. */
  | "unagreed";

/** How a punch failed. */
export interface PunchFailure {
  /** Tells it from other outcomes. */
  readonly kind: "failed";
  /** Why, for a program. */
  readonly code: PunchFailureCode;
  /** Why, in a sentence for a person. */
  readonly reason: string;
}

/**
 * How far a punch got: `refusals` are answers to attempts to connect, `path` is one that was found to
 * work both ways.
 */
export type PunchProgress = "nothing" | "refusals" | "strangers" | "peer" | "path";

/** Explains a punch that did not succeed in time, by how far it got and what the sides knew. */
export function explainPunchFailure(sides: PunchSides, progress: PunchProgress): PunchFailure {
  const failed = (code: PunchFailureCode, reason: string): PunchFailure => {
    return { kind: "failed", code, reason };
  };
  if (progress === "path") {
    return failed("unagreed", "a path was found, but the other side did not agree to it in time");
  }
  const { local: { side: one }, remote: { side: other } } = sides;
  const prediction = one === undefined || other === undefined
    ? undefined
    : predictPunch(one, other);
  if (prediction?.will === "no") {
    return failed("incompatible", `${prediction.reason}; a relay is needed`);
  }
  switch (progress) {
    case "peer":
      return failed("one-way", "the other side is heard here, but does not hear this one");
    case "strangers":
      return failed(
        "unauthentic",
        "something was heard, but nothing under the other side's credentials; are both codes of " +
          "this very punch?",
      );
    case "refusals":
      return failed(
        "refused",
        `the other side, or its NAT, refuses every connection${suspicion(sides)}`,
      );
    case "nothing":
      return failed("unheard", `nothing was heard from the other side${suspicion(sides)}`);
  }
}

/** What is known of the NATs and makes a punch hard, though not impossible. */
function suspicion({ local, remote }: PunchSides): string {
  const [here, there] = [local, remote].map(({ side }) => side?.mapping.depends === true);
  if (here && there) return "; the NATs of both sides give each destination another port";
  if (here) return "; the NAT of this side gives each destination another port";
  return there ? "; the NAT of the other side gives each destination another port" : "";
}
