import denoJson from "../../deno.json" with { type: "json" };
import { type Logger, openLogger } from "../ops/mod.ts";
import { StunServer } from "../server/mod.ts";
import { ListenError } from "../transport/mod.ts";
import { type Command, formatHelp, parseCommandLine } from "./command_line.ts";
import { writeErr, writeOut } from "./terminal.ts";
import { readServeSettings, type ServeSettings } from "./serve_settings.ts";
import { SETTING_FLAGS } from "./settings_table.ts";

/**
 * Runs the server until it is told to stop. Writes its log to standard output and complaints about
 * its command line to standard error.
 *
 * @returns The exit code: 0 stopped cleanly, 1 failed, 2 wrong usage or configuration.
 */
export async function serve(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(SERVE, args);
  if (!line.ok) return complain([line.problem]);
  if (line.flags.has("help")) return print(formatHelp(SERVE));
  if (line.flags.has("version")) return print(`pinhole ${denoJson.version}`);
  const file = readConfigFile(line.flags.get("config"));
  if (typeof file === "string") return complain([file]);
  const settings = readServeSettings({ flags: line.flags, ...file === undefined ? {} : { file } });
  if (!settings.ok) return complain(settings.problems);
  if (line.flags.has("check-config")) return print("the configuration is valid");
  return await run(settings.value);
}

/** The server's command line, for its help and for the documentation. */
export const SERVE: Command = {
  name: "server.ts",
  usage: "[flags]",
  summary: "Serves STUN (RFC 8489, 5389, 3489) over UDP and TCP until SIGINT or SIGTERM.",
  flags: [
    ...SETTING_FLAGS,
    { name: "config", value: "FILE", help: "read the same keys from a JSON file; a flag wins" },
    { name: "check-config", help: "say whether flags and file are valid, and stop" },
    { name: "version", help: "print the version and stop" },
  ],
  examples: ["deno run --allow-net server.ts --port 3478"],
  exitCodes: "0 stopped cleanly, 1 failed while running, 2 wrong usage or configuration",
};

async function run(settings: ServeSettings): Promise<number> {
  const missing = await missingPermission();
  if (missing !== undefined) return fail(missing);
  const logger = openLogger({ format: settings["log-format"], level: settings["log-level"] });
  const server = new StunServer({
    hostnames: settings.hostname,
    port: settings.port,
    transports: settings.transport,
    software: settings.software,
    maxConnections: settings["max-connections"],
    maxConnectionsPerAddress: settings["max-connections-per-address"],
    idleTimeoutMs: settings["idle-timeout"] && settings["idle-timeout"] * 1000,
    logger,
  });
  const stop = Promise.withResolvers<string>();
  const release = watchProcess(stop.resolve, logger);
  try {
    server.start();
    logger.info("ready");
    const signal = await stop.promise;
    logger.info("stopping", { signal });
    await server.close();
    logger.info("stopped");
    return 0;
  } catch (error) {
    await server.close();
    if (error instanceof ListenError || error instanceof TypeError) return fail(error.message);
    throw error;
  } finally {
    release();
  }
}

/** Never a prompt: a server that waits for somebody at its terminal serves nobody. */
async function missingPermission(): Promise<string | undefined> {
  const { state } = await Deno.permissions.query({ name: "net" });
  return state === "granted"
    ? undefined
    : "Cannot serve: Deno was run without full network permission, pass --allow-net " +
      "(a list of hosts is not enough: an answer goes to whoever asks)";
}

function watchProcess(stop: (signal: string) => void, logger: Logger): () => void {
  const signals = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"] as const
    : ["SIGINT", "SIGTERM"] as const;
  const handlers = signals.map((signal) => [signal, () => stop(signal)] as const);
  for (const [signal, handler] of handlers) Deno.addSignalListener(signal, handler);
  // What nobody caught is a mistake of ours; it is told, and everybody else goes on being served
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    logger.error("unhandled rejection", { error: event.reason });
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    logger.error("unhandled error", { error: event.error });
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);
  return () => {
    for (const [signal, handler] of handlers) Deno.removeSignalListener(signal, handler);
    globalThis.removeEventListener("unhandledrejection", onRejection);
    globalThis.removeEventListener("error", onError);
  };
}

function readConfigFile(
  name: string | true | readonly string[] | undefined,
): { readonly name: string; readonly content: unknown } | string | undefined {
  if (typeof name !== "string") return undefined;
  const { state } = Deno.permissions.querySync({ name: "read", path: name });
  if (state !== "granted") return `Cannot read ${name}: pass --allow-read=${name}`;
  try {
    return { name, content: JSON.parse(Deno.readTextFileSync(name)) };
  } catch (error) {
    return `Cannot read ${name}: ${error instanceof Error ? error.message : error}`;
  }
}

function print(text: string): number {
  writeOut(text);
  return 0;
}

function fail(problem: string): number {
  writeErr(`error: ${problem}`);
  return 1;
}

function complain(problems: readonly string[]): number {
  for (const problem of problems) writeErr(`error: ${problem}`);
  writeErr("Run with --help to see what there is.");
  return 2;
}
