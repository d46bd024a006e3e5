import type { CommandLine } from "./command_line.ts";

/** What the number of a flag may be. */
export interface NumberFlagOptions {
  /** What it counts, for complaints: `seconds`, say. */
  readonly unit: string;
  /** The least. @default whatever is above 0 */
  readonly least?: number;
  /** The most. */
  readonly most: number;
  /** Whether it has to be a whole number. @default {false} */
  readonly whole?: boolean;
}

/** The number that a flag was given; undefined if it was not given. A text is what is wrong with it. */
export function readNumberFlag(
  flags: CommandLine["flags"],
  name: string,
  { unit, least, most, whole = false }: NumberFlagOptions,
): number | string | undefined {
  const text = flags.get(name);
  if (text === undefined) return undefined;
  const number = Number(text);
  const enough = least === undefined ? number > 0 : number >= least;
  if (enough && number <= most && (!whole || Number.isInteger(number))) return number;
  const range = least === undefined ? `up to ${most}` : `${least} to ${most}`;
  return `Cannot read --${name}: got ${text}, wanted ${unit} ${range}`;
}
