import type { PunchDescription } from "../protocol/punch/mod.ts";

/** How the two descriptions are exchanged: copy and paste, a board, or anything else. */
export interface PunchSignalling {
  /** Gives one's own description to the other side. */
  send(description: PunchDescription): Promise<void>;
  /** Waits for the other side's. */
  receive(signal: AbortSignal): Promise<PunchDescription>;
  /**
   * Resolves when both sides are to begin, at about the same moment; without it each begins as soon as
   * it has the other's description.
   */
  ready?(signal: AbortSignal): Promise<void>;
}

/** The same where each side has a description for each of several transports. */
export interface JointPunchSignalling {
  /** Gives one's own descriptions to the other side. */
  send(descriptions: readonly PunchDescription[]): Promise<void>;
  /** Waits for the other side's, one for a transport at the most. */
  receive(signal: AbortSignal): Promise<readonly PunchDescription[]>;
  /** As {@linkcode PunchSignalling.ready}; asked once, before the first transport is tried. */
  ready?(signal: AbortSignal): Promise<void>;
}
