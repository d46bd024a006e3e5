import { decodePunchCode, encodePunchCode, type PunchDescription } from "../protocol/punch/mod.ts";
import { PunchError, type PunchSignalling } from "../traversal/mod.ts";
import type { PunchEvent } from "./punch_event.ts";

/** With whom a {@linkcode CodeExchange} works. */
export interface CodeExchangeOptions {
  /** The next line that the user has typed or pasted; undefined if there will be none. */
  readonly line: () => Promise<string | undefined>;
  /** Told of this side's code, of what cannot be read, and when both codes are there. */
  readonly tell: (event: PunchEvent) => void;
}

/** Signalling by people who copy codes from one terminal and paste them into the other. */
export class CodeExchange implements PunchSignalling {
  readonly #options: CodeExchangeOptions;

  /** Makes one. */
  constructor(options: CodeExchangeOptions) {
    this.#options = options;
  }

  /** Shows this side's code. */
  send(description: PunchDescription): Promise<void> {
    this.#options.tell({ event: "code", code: encodePunchCode(description) });
    return Promise.resolve();
  }

  /**
   * Waits for a line that is a code; says of other lines why they are none.
   *
   * @throws {PunchError} If there are no more lines (as a rejection).
   */
  async receive(): Promise<PunchDescription> {
    const { line, tell } = this.#options;
    for (;;) {
      const text = await line();
      if (text === undefined) {
        throw new PunchError("Cannot punch: standard input ended before the other side's code", {
          code: "unusable",
        });
      }
      if (text === "") continue;
      const description = decodePunchCode(text);
      if (description.ok) {
        tell({ event: "punching", candidates: description.value.candidates });
        return description.value;
      }
      tell({ event: "unreadable", reason: description.reason });
    }
  }
}
