import { judgeReach, type ReachVerdict } from "../protocol/holding/mod.ts";
import type { DialBackFinding, PublicTcpListener } from "./public_listener.ts";

/** Whether the world can connect, and what was tried. */
export interface ReachReport extends ReachVerdict {
  /** The dial-backs, in the order in which they were tried. */
  readonly dialBacks: readonly DialBackFinding[];
}

/**
 * Has a server connect to a public listener from another port, and then from its other address, and
 * says what that tells. It takes 10 s at most if nothing comes through, as the server gives up each
 * after 5 s.
 */
export async function verifyReach(
  listener: Pick<PublicTcpListener, "dialBack">,
): Promise<ReachReport> {
  const dialBacks: DialBackFinding[] = [];
  for (const changeAddress of [false, true]) {
    const finding = await listener.dialBack({ changeAddress });
    dialBacks.push(finding);
    // Who has no answer to one question has none to the next
    if (finding.outcome === "unknown" || finding.outcome === "unanswered") break;
  }
  return { ...judgeReach(dialBacks), dialBacks };
}
