/**
 * The `pinhole` command line: `pinhole COMMAND [arguments]`.
 *
 * @module
 */
import denoJson from "../../deno.json" with { type: "json" };
import { BOARD, boardCommand } from "./board_command.ts";
import { formatHelp } from "./command_line.ts";
import { EXPOSE, exposeCommand } from "./expose_command.ts";
import { NAT, natCommand } from "./nat_command.ts";
import { PUNCH, punchCommand } from "./punch_command.ts";
import { QUERY, queryCommand } from "./query_command.ts";
import { REACH, reachCommand } from "./reach_command.ts";
import { PINHOLE_SERVE, serve } from "./serve.ts";
import { writeErr, writeOut } from "./terminal.ts";

/**
 * Runs one command.
 *
 * @returns The exit code; 2 for wrong usage, else what the command says.
 */
export async function pinhole(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const asked = COMMANDS.find(({ command }) => command.name === `pinhole ${rest[0]}`);
    const text = asked === undefined ? overview() : formatHelp(asked.command);
    if (name === undefined) writeErr(text);
    else writeOut(text);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    writeOut(`pinhole ${denoJson.version}`);
    return 0;
  }
  const found = COMMANDS.find(({ command }) => command.name === `pinhole ${name}`);
  if (found === undefined) {
    writeErr(`error: Cannot run ${JSON.stringify(name)}: there is no such command`);
    writeErr(overview());
    return 2;
  }
  return await found.run(rest);
}

function overview(): string {
  return [
    "Usage: pinhole COMMAND [arguments]",
    "",
    "Commands:",
    ...COMMANDS.map(({ command }) => {
      return `  ${command.name.slice("pinhole ".length).padEnd(8)} ${command.summary}`;
    }),
    "",
    "pinhole COMMAND --help tells more about a command.",
  ].join("\n");
}

const COMMANDS = [
  { command: PINHOLE_SERVE, run: (args: readonly string[]) => serve(args, PINHOLE_SERVE) },
  { command: QUERY, run: queryCommand },
  { command: NAT, run: natCommand },
  { command: REACH, run: reachCommand },
  { command: EXPOSE, run: exposeCommand },
  { command: PUNCH, run: punchCommand },
  { command: BOARD, run: boardCommand },
];

if (import.meta.main) Deno.exit(await pinhole(Deno.args));
