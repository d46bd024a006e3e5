import type { StreamForwardEnd } from "../traversal/mod.ts";
import type { PunchSettings } from "./punch_settings.ts";
import type { StandardStreams } from "./standard_streams.ts";

/** What an end of a path may be made of. */
export interface OpenPunchEndOptions {
  /** Which it is to be. */
  readonly end: PunchSettings["end"];
  /** Standard input and output. */
  readonly streams: StandardStreams;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** This side's end, which waits for the path. */
export interface OpenedPunchEnd<Path> {
  /** Joins the two, which are both closed in the end; resolves with how that came. */
  join(path: Path): Promise<StreamForwardEnd>;
  /** Closes what waits, where there will be no path. */
  close(): void;
}

/** Programs of this host alone may use the port: whoever can connect to it is the other side's guest. */
export const LOOPBACK: Uint8Array = Uint8Array.of(127, 0, 0, 1);
