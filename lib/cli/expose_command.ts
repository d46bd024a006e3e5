import { systemClock } from "../ops/mod.ts";
import { runChangeHook } from "./change_hook.ts";
import { type Command, formatHelp, parseCommandLine } from "./command_line.ts";
import { ExposeReport } from "./expose_report.ts";
import { expose } from "./expose_session.ts";
import { readExposeSettings } from "./expose_settings.ts";
import { StopSignals } from "./stop_signals.ts";
import { complain, Progress, writeErr, writeOut } from "./terminal.ts";
import { postWebhook } from "./webhook.ts";

/**
 * `pinhole expose`: makes a local service reachable from outside until Ctrl-C.
 *
 * @returns The exit code: 0 stopped, 1 failed while running, 4 no public address, 2 wrong usage.
 */
export async function exposeCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(EXPOSE, args);
  if (!line.ok) return complain([line.problem]);
  if (line.flags.has("help")) {
    writeOut(formatHelp(EXPOSE));
    return 0;
  }
  const settings = readExposeSettings(line);
  if (!settings.ok) return complain([settings.reason]);
  return 0;
}
