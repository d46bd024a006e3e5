import type { PunchEvent } from "./punch_event.ts";
import type { StandardStreams } from "./standard_streams.ts";

/** With whom `pinhole punch` works. */
export interface PunchWorld {
  /** Where the other side's code comes from, and perhaps what is joined to the path. */
  readonly streams: StandardStreams;
  /** Told of everything. */
  readonly tell: (event: PunchEvent) => void;
  /** Told of a server that is not asked, and why. */
  readonly onSkipped: (server: string, reason: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}
