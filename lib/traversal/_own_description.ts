import type { Randomness } from "../ops/mod.ts";
import {
  punchCandidates,
  type PunchDescription,
  type PunchFindings,
  punchSide,
} from "../protocol/punch/mod.ts";

/** What {@linkcode ownDescription} describes. */
export interface OwnDescriptionOptions {
  /** Over what the two are to meet. */
  readonly transport: PunchDescription["transport"];
  /** What has been found out about the port. */
  readonly findings: PunchFindings;
  /** What is known of the NAT besides. @default what the findings say */
  readonly side: PunchDescription["side"];
  /** Makes the secrets of this one punch. */
  readonly randomness: Randomness;
}

/** What to tell the other side of a punch that is about to begin. */
export function ownDescription(
  { transport, findings, side, randomness }: OwnDescriptionOptions,
): PunchDescription {
  return {
    transport,
    // RFC 8445 section 5.3 wants 24 and 128 bits at least; multiples of 3 bytes need no padding
    usernameFragment: randomness.bytes(6).toBase64(),
    password: randomness.bytes(18).toBase64(),
    tieBreaker: randomness.bytes(8),
    candidates: punchCandidates(findings),
    side: side ?? punchSide(findings),
  };
}
