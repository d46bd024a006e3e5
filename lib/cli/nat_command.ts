import { discoverNat, type DiscoverNatOptions, watchMapping } from "../client/discovery/mod.ts";
import { QueryError } from "../client/mod.ts";
import { completeness, type NatReport } from "../protocol/discovery/mod.ts";
import { formatSocketAddress } from "../wire/mod.ts";
import { type Command, formatHelp, parseCommandLine } from "./command_line.ts";
import { natReportJson } from "./nat_report_json.ts";
import { natReportText } from "./nat_report_text.ts";
import { readNumberFlag } from "./number_flag.ts";
import { readServerChoice } from "./server_choice.ts";
import { complain, Progress, writeErr, writeOut } from "./terminal.ts";

/**
 * `pinhole nat`: what the NATs between this host and some STUN servers do.
 *
 * @returns The exit code: 0 all was told, 3 some of it, 4 blocked or no server, 2 wrong usage.
 */
export async function natCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(NAT, args);
  if (!line.ok) return complain([line.problem]);
  const { flags, positional: servers } = line;
  if (flags.has("help")) {
    writeOut(formatHelp(NAT));
    return 0;
  }
  const wanted = "a server, stun:HOST[:PORT]";
  const choice = readServerChoice({ flags, servers, attempt: "Cannot test", wanted });
  if (!choice.ok) return complain([choice.reason]);
  const watchSeconds = readNumberFlag(flags, "watch", SECONDS);
  const timeoutSeconds = readNumberFlag(flags, "timeout", SECONDS);
  for (const one of [watchSeconds, timeoutSeconds]) {
    if (typeof one === "string") return complain([one]);
  }
  const json = flags.has("json");
  const tcpAlone = flags.has("tcp") && !flags.has("udp");
  for (const name of ["lifetime", "padding", "watch"].filter((name) => flags.has(name))) {
    if (tcpAlone) return complain([`Cannot use --${name} with --tcp alone: it is about UDP`]);
  }
  const progress = new Progress();
  const options: DiscoverNatOptions = {
    family: choice.value.family,
    transports: flags.has("udp") === flags.has("tcp")
      ? ["udp", "tcp"]
      : [flags.has("udp") ? "udp" : "tcp"],
    lifetime: flags.has("lifetime"),
    fragments: flags.has("padding"),
    onProgress: (title, leftMs) =>
      progress.show(leftMs === undefined ? title : `${title}, about ${minutes(leftMs)} left`),
    onSkipped: (server, reason) => {
      progress.clear();
      writeErr(`warning: ${server} is not asked: ${reason}`);
    },
    ...typeof timeoutSeconds === "number"
      ? { signal: AbortSignal.timeout(timeoutSeconds * 1000) }
      : {},
  };
  try {
    const report = await discoverNat(servers, options);
    progress.clear();
    writeOut(json ? JSON.stringify(natReportJson(report)) : natReportText(report));
    if (typeof watchSeconds === "number") {
      await watch(report, { everyMs: watchSeconds * 1000, json });
    }
    return EXIT_CODES[completeness(report)];
  } catch (error) {
    progress.clear();
    const { code, message } = failureOf(error, timeoutSeconds);
    if (json) writeOut(JSON.stringify({ servers, error: { code, message } }));
    else writeErr(`error: ${message}`);
    return EXIT_CODES.blocked;
  }
}

/** The command line of `pinhole nat`. */
export const NAT: Command = {
  name: "pinhole nat",
  usage: "stun:HOST[:PORT] [stun:…] [flags]",
  summary: "Finds out what the NAT in front of this host does to UDP and TCP.",
  flags: [
    { name: "udp", help: "test UDP alone" },
    { name: "tcp", help: "test TCP alone" },
    { name: "ipv4", short: "-4", help: "use IPv4 alone" },
    { name: "ipv6", short: "-6", help: "use IPv6 alone" },
    { name: "lifetime", help: "measure how long a UDP mapping lives; takes minutes" },
    { name: "padding", help: "test whether UDP datagrams longer than a packet pass" },
    { name: "watch", value: "SECONDS", help: "go on: say when the public address changes" },
    { name: "timeout", value: "SECONDS", help: "give up after so long; default: when all is told" },
    {
      name: "json",
      help: "print one object: udp, tcp, hairpinning, summary, predictions, servers, evidence",
    },
  ],
  examples: ["pinhole nat stun:stun.example.org"],
  exitCodes: "0 complete verdict, 3 partial, 4 blocked or no server answered, 2 wrong usage",
  positional: Infinity,
};

async function watch(
  report: NatReport,
  options: { readonly everyMs: number; readonly json: boolean },
): Promise<void> {
  const servers = report.udp?.servers ?? [];
  const server = (servers.find(({ answered }) => answered) ?? servers[0])?.address;
  if (server === undefined) return;
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  Deno.addSignalListener("SIGINT", onSignal);
  try {
    const changes = watchMapping(server, { everyMs: options.everyMs, signal: stop.signal });
    for await (const { reflexive, previous } of changes) {
      const now = reflexive && formatSocketAddress(reflexive);
      const before = previous && formatSocketAddress(previous);
      const time = new Date().toISOString();
      writeOut(
        options.json
          ? JSON.stringify({
            event: "mapping",
            time,
            reflexive: now ?? null,
            previous: before ?? null,
          })
          : `${time} ${now ?? "no answer"}${before === undefined ? "" : ` (was ${before})`}`,
      );
    }
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
  }
}

/** What there is to say of an error; rethrows a mistake. */
function failureOf(
  error: unknown,
  timeoutSeconds: number | string | undefined,
): { readonly code: string; readonly message: string } {
  // Deno without --unstable-net
  if (error instanceof TypeError) return { code: "unsupported", message: error.message };
  if (!(error instanceof QueryError)) throw error;
  const { code, message } = error;
  return code === "aborted"
    ? { code: "timed-out", message: `Cannot tell the NAT: it took longer than ${timeoutSeconds} s` }
    : { code, message };
}

function minutes(ms: number): string {
  return ms < 90_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

const EXIT_CODES = { complete: 0, partial: 3, blocked: 4 } as const;

const SECONDS = { unit: "seconds", most: 86_400 };
