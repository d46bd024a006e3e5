import { parseArgs } from "@std/cli/parse-args";

/** One flag of a command. */
export interface Flag {
  /** Its name, without the two hyphens. */
  readonly name: string;
  /** Its short form with the hyphen, such as `-4`. */
  readonly short?: string;
  /** What stands for its value in the help, such as `PORT`; a flag without is a switch. */
  readonly value?: string;
  /** Whether it may be given more than once. */
  readonly repeatable?: boolean;
  /** What it does, for the help; sentence fragments of a line or two. */
  readonly help: string;
}

/** A command: what its help says and its command line may hold. */
export interface Command {
  /** How it is called, such as `pinhole query`. */
  readonly name: string;
  /** What follows the name, such as `stun:HOST[:PORT] [flags]`. */
  readonly usage: string;
  /** What it does, in a sentence or two. */
  readonly summary: string;
  /** Its flags, in the order of the help; `help` is added by itself. */
  readonly flags: readonly Flag[];
  /** Lines that follow the flags, for what takes more than one of them. @default {[]} */
  readonly notes?: readonly string[];
  /** One command line that works, and what it does. */
  readonly examples: readonly string[];
  /** What its exit codes mean. */
  readonly exitCodes: string;
  /** How many arguments without a flag it takes. @default {0} */
  readonly positional?: number;
}

/** A command line that could be read. */
export interface CommandLine {
  /** Tells it from one that could not be read. */
  readonly ok: true;
  /** The flags that were given: text, true for a switch, all texts for a repeatable one. */
  readonly flags: ReadonlyMap<string, string | true | readonly string[]>;
  /** The arguments without a flag. */
  readonly positional: readonly string[];
}

/** A command line that could not be read. */
export interface UsageProblem {
  /** Tells it from one that could be read. */
  readonly ok: false;
  /** What is wrong with it, in one line. */
  readonly problem: string;
}

/** Reads a command line by the command's own table of flags; what is not in it is an error. */
export function parseCommandLine(
  command: Command,
  args: readonly string[],
): CommandLine | UsageProblem {
  const flags = [...command.flags, HELP];
  const problems: string[] = [];
  const valued = flags.filter((flag) => flag.value !== undefined);
  const expanded = args.map((arg) => {
    const flag = flags.find(({ short }) => short === arg);
    return flag === undefined ? arg : `--${flag.name}`;
  });
  const parsed = parseArgs(expanded, {
    string: ["_", ...valued.map((flag) => flag.name)],
    boolean: flags.filter((flag) => flag.value === undefined).map((flag) => flag.name),
    collect: valued.map((flag) => flag.name),
    unknown: (arg, key) => {
      if (key === undefined) return true;
      // Without its value, which may be a secret behind a slip of the pen
      const name = arg.split("=", 1)[0];
      problems.push(`Cannot read ${name}: ${command.name} has no such flag`);
      return false;
    },
  });
  for (const { name } of flags.filter((flag) => flag.value === undefined)) {
    if (expanded.some((arg) => arg.startsWith(`--${name}=`))) {
      problems.push(`Cannot read --${name}: it takes no value`);
    }
  }
  const values = new Map<string, string | true | readonly string[]>();
  for (const flag of flags) {
    const found: unknown = parsed[flag.name];
    if (found === true) values.set(flag.name, true);
    if (!Array.isArray(found) || found.length === 0) continue;
    const given = found.map(String);
    if (given.includes("")) problems.push(`Cannot read --${flag.name}: it wants ${flag.value}`);
    if (!flag.repeatable && given.length > 1) {
      problems.push(`Cannot read --${flag.name}: it was given ${given.length} times, wanted once`);
    }
    values.set(flag.name, flag.repeatable ? given : given[0]!);
  }
  const positional = parsed._.map(String);
  const { positional: most = 0 } = command;
  if (positional.length > most) {
    problems.push(`Cannot read ${JSON.stringify(positional[most])}: no such argument`);
  }
  const [problem] = problems;
  return problem === undefined ? { ok: true, flags: values, positional } : { ok: false, problem };
}

/** The text of `--help`. */
export function formatHelp(command: Command): string {
  const flags = [...command.flags, HELP].map((flag) => {
    const short = flag.short === undefined ? "" : `${flag.short}, `;
    const value = flag.value === undefined ? "" : ` ${flag.value}`;
    return { left: `  ${short}--${flag.name}${value}`, help: flag.help };
  });
  const width = Math.min(34, Math.max(...flags.map(({ left }) => left.length)) + 2);
  const rows = flags.map(({ left, help }) => {
    const right = help.replaceAll("\n", `\n${" ".repeat(width)}`);
    return left.length < width
      ? left.padEnd(width) + right
      : `${left}\n${" ".repeat(width)}${right}`;
  });
  return [
    `Usage: ${command.name} ${command.usage}`,
    "",
    command.summary,
    "",
    "Flags:",
    ...rows,
    "",
    ...command.notes === undefined ? [] : [...command.notes, ""],
    ...command.examples.map((example) => `Example: ${example}`),
    "",
    `Exit codes: ${command.exitCodes}`,
  ].join("\n");
}

const HELP: Flag = { name: "help", short: "-h", help: "show this and stop" };
