import denoJson from "../../deno.json" with { type: "json" };
import { systemRandomness } from "../ops/mod.ts";
import { StunServer } from "../server/mod.ts";
import { type Command, type CommandLine, formatHelp, parseCommandLine } from "./command_line.ts";
import { readServeConfiguration } from "./serve_configuration.ts";
import { runServer, serverOptions } from "./server_process.ts";
import { SETTING_FLAGS } from "./settings_table.ts";
import { complain, writeErr, writeOut } from "./terminal.ts";

/**
 * Runs the server until it is told to stop. Writes its log to standard output and complaints about
 * its command line to standard error.
 *
 * @param command Under which name it was called, for its help and its complaints.
 * @returns The exit code: 0 stopped cleanly, 1 failed, 2 wrong usage or configuration.
 */
export async function serve(args: readonly string[], command: Command = SERVE): Promise<number> {
  const line = parseCommandLine(command, args);
  if (!line.ok) return complain([line.problem]);
  if (line.flags.has("help")) {
    writeOut(formatHelp(command));
    return 0;
  }
  if (line.flags.has("version")) {
    writeOut(`pinhole ${denoJson.version}`);
    return 0;
  }
  // Drawn once, so that a reload does not make every nonce stale
  const options = { nonceSecret: systemRandomness.bytes(32), seed: randomSeed() };
  const configuration = readConfiguration(line, options);
  if (!configuration.ok) return complain(configuration.problems);
  if (line.flags.has("check-config")) {
    writeOut("The configuration is valid");
    return 0;
  }
  const failure = await runServer({
    configuration: configuration.value,
    reload: () => readConfiguration(line, options),
  });
  if (failure === undefined) return 0;
  writeErr(`error: ${failure}`);
  return 1;
}

/** The server's command line, for its help and for the documentation. */
export const SERVE: Command = {
  name: "server.ts",
  usage: "[flags]",
  summary:
    "Serves STUN (RFC 8489, 5389, 3489, 5780) over UDP, TCP and TLS until SIGINT or SIGTERM.",
  flags: [
    ...SETTING_FLAGS,
    { name: "config", value: "FILE", help: "read the same keys from a JSON file; a flag wins" },
    { name: "check-config", help: "say whether flags and file are valid, and stop" },
    { name: "version", help: "print the version and stop" },
  ],
  examples: ["deno run --allow-net server.ts --port 3478"],
  exitCodes: "0 stopped cleanly, 1 failed while running, 2 wrong usage or configuration",
};

/** The same as a command of `pinhole`. */
export const PINHOLE_SERVE: Command = {
  ...SERVE,
  name: "pinhole serve",
  examples: ["pinhole serve --port 3478"],
};

/** Also tries whether the addresses go together, which no setting alone can tell. */
function readConfiguration(
  line: CommandLine,
  options: Parameters<typeof readServeConfiguration>[1],
): ReturnType<typeof readServeConfiguration> {
  const result = readServeConfiguration(line, options);
  if (!result.ok) return result;
  try {
    new StunServer(serverOptions(result.value));
    return result;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ok: false, problems: [error.message] };
  }
}

function randomSeed(): number {
  return systemRandomness.bytes(6).reduce((number, byte) => number * 256 + byte, 0);
}
