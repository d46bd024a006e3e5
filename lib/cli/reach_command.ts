import {
  listenPublicTcp,
  PublicListenerError,
  type PublicTcpListener,
  verifyReach,
} from "../traversal/mod.ts";
import { type Command, formatHelp, parseCommandLine } from "./command_line.ts";
import { readNumberFlag } from "./number_flag.ts";
import { type ReachFinding, reachJson, reachText } from "./reach_report.ts";
import { readServerChoice } from "./server_choice.ts";
import { complain, Progress, writeErr, writeOut } from "./terminal.ts";

/**
 * `pinhole reach`: whether the world can connect to this host.
 *
 * @returns The exit code: 0 it can, 1 it cannot, 3 it cannot be told, 4 no public address, 2 wrong
 * usage.
 */
export async function reachCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(REACH, args);
  if (!line.ok) return complain([line.problem]);
  const { flags, positional: servers } = line;
  if (flags.has("help")) {
    writeOut(formatHelp(REACH));
    return 0;
  }
  const wanted = "a server, stun:HOST[:PORT]";
  const choice = readServerChoice({ flags, servers, attempt: "Cannot test", wanted });
  if (!choice.ok) return complain([choice.reason]);
  const port = readNumberFlag(flags, "port", {
    unit: "a port of",
    least: 1,
    most: 65_535,
    whole: true,
  });
  const seconds = readNumberFlag(flags, "timeout", { unit: "seconds", most: 3600 }) ?? 30;
  if (typeof port === "string") return complain([port]);
  if (typeof seconds === "string") return complain([seconds]);
  const json = flags.has("json");
  const progress = new Progress();
  const signal = AbortSignal.timeout(seconds * 1000);
  try {
    progress.show("Learning the public address");
    const finding = await findReach(
      () =>
        listenPublicTcp({
          ...choice.value,
          localPort: port,
          timeoutMs: seconds * 1000,
          signal,
        }),
      () => progress.show("Being dialled back"),
    );
    signal.throwIfAborted();
    progress.clear();
    writeOut(json ? JSON.stringify(reachJson(finding)) : reachText(finding));
    return finding.reachable === null ? 3 : finding.reachable ? 0 : 1;
  } catch (error) {
    progress.clear();
    // Too many servers
    if (error instanceof RangeError) return complain([error.message]);
    if (!signal.aborted && !(error instanceof PublicListenerError)) throw error;
    const { code, message } = signal.aborted
      ? { code: "timed-out", message: `Cannot tell: it took longer than ${seconds} s` }
      : error as PublicListenerError;
    if (json) writeOut(JSON.stringify({ servers, error: { code, message } }));
    else writeErr(`error: ${message}`);
    return 4;
  }
}

/**
 * Finds out whether the world can connect to a listener.
 *
 * @param listen Opens it.
 * @param onAddress Called when the public address is known and a server is asked to dial back.
 * @throws {PublicListenerError} If there is no public address, but for `mapping-depends`, which tells
 * that the world cannot connect (as a rejection).
 */
export async function findReach(
  listen: () => Promise<PublicTcpListener>,
  onAddress: () => void = () => {},
): Promise<ReachFinding> {
  try {
    await using listener = await listen();
    onAddress();
    const { publicAddress, localAddress } = listener;
    return { public: publicAddress, local: localAddress, ...await verifyReach(listener) };
  } catch (error) {
    if (!(error instanceof PublicListenerError && error.code === "mapping-depends")) throw error;
    const nothing = { public: undefined, local: undefined, dialBacks: [] };
    return { ...nothing, reachable: false, reason: error.message };
  }
}

/** The command line of `pinhole reach`. */
export const REACH: Command = {
  name: "pinhole reach",
  usage: "stun:HOST[:PORT] [stun:…] [flags]",
  summary: "Says whether the world can connect to this host over TCP, as a server tries it.",
  flags: [
    {
      name: "port",
      value: "PORT",
      help: "test this local port, which nothing else may use meanwhile; default: any",
    },
    { name: "ipv4", short: "-4", help: "use IPv4 alone" },
    { name: "ipv6", short: "-6", help: "use IPv6 alone" },
    { name: "timeout", value: "SECONDS", help: "give up after so long; default 30" },
    { name: "json", help: "print one object: public, local, dialBack, reachable, reason" },
  ],
  examples: [
    "pinhole reach stun:stun.example.org",
    "pinhole reach stun:stun.example.org --port 8080 --json",
  ],
  exitCodes: "0 reachable, 1 not reachable, 3 cannot be told, 4 no public address, 2 wrong usage",
  positional: Infinity,
};
