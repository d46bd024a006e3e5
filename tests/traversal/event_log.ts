import { assertEquals } from "@std/assert";
import {
  HoldingEvent,
  ListeningGapEvent,
  PublicAddressEvent,
  PublicAddressLostEvent,
  PublicListenerCloseEvent,
} from "../../lib/traversal/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";

/** Keeps the events of a public listener as lines, and waits for them. */
export class EventLog {
  /** A line for each event so far, but for gaps. */
  readonly lines: string[] = [];
  /** The ms of the gaps. */
  readonly gaps: number[] = [];
  #wake: (() => void)[] = [];

  /** Takes an event; to be passed as `onEvent`. */
  readonly take = (event: Event): void => {
    if (event instanceof ListeningGapEvent) this.gaps.push(event.ms);
    else this.lines.push(lineOf(event));
    for (const wake of this.#wake.splice(0)) wake();
  };

  /** Waits for a line that matches, from the one with number `from` on; returns it. */
  async until(pattern: RegExp, from = 0): Promise<string> {
    for (;;) {
      const found = this.lines.slice(from).find((line) => pattern.test(line));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Asserts that the lines that match are these. */
  assertLines(pattern: RegExp, expected: readonly string[]): void {
    assertEquals(this.lines.filter((line) => pattern.test(line)), expected);
  }
}

function lineOf(event: Event): string {
  if (event instanceof PublicAddressEvent) {
    const { publicAddress, previous, server } = event;
    const after = previous === undefined ? "" : ` after ${formatSocketAddress(previous)}`;
    return `refresh ${formatSocketAddress(publicAddress)}${after} by ${
      formatSocketAddress(server)
    }`;
  }
  if (event instanceof PublicAddressLostEvent) return `lost: ${event.reason}`;
  if (event instanceof HoldingEvent) return `${event.state} ${event.holder}`;
  if (event instanceof PublicListenerCloseEvent) {
    return event.error === undefined ? "close" : `close: ${event.error.message}`;
  }
  throw new TypeError(`Cannot log an event: found ${event.type}`);
}
