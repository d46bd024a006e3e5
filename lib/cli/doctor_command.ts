import { examineServer, type ExamineServerOptions } from "../client/doctor/mod.ts";
import { QueryError } from "../client/mod.ts";
import { type DoctorReport, doctorVerdict } from "../protocol/doctor/mod.ts";
import { parseStunUri } from "../wire/mod.ts";
import { type Command, type CommandLine, formatHelp, parseCommandLine } from "./command_line.ts";
import { doctorReportJson } from "./doctor_report_json.ts";
import { doctorReportMetrics } from "./doctor_report_metrics.ts";
import { doctorReportText } from "./doctor_report_text.ts";
import { type NumberFlagOptions, readNumberFlag } from "./number_flag.ts";
import { complain, Progress, readFile, writeErr, writeOut } from "./terminal.ts";

/**
 * `pinhole doctor`: examines a STUN server, whoever made it.
 *
 * @returns The exit code: 0 nothing to complain of, 1 it breaks a rule, 2 wrong usage, 3 warnings
 * alone, 4 no answer.
 */
export async function doctorCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(DOCTOR, args);
  if (!line.ok) return complain([line.problem]);
  const { flags, positional: [server] } = line;
  if (flags.has("help")) {
    writeOut(formatHelp(DOCTOR));
    return 0;
  }
  if (server === undefined) return complain(["Cannot examine: wanted a server, stun:HOST[:PORT]"]);
  const options = readOptions(line, server);
  if (typeof options === "string") return complain([options]);
  const progress = new Progress();
  const timeout = Number(flags.get("timeout"));
  try {
    const report = await examineServer(server, {
      ...options,
      onProgress: (title) => progress.show(title),
      ...timeout > 0 ? { signal: AbortSignal.timeout(timeout * 1000) } : {},
    });
    progress.clear();
    writeOut(await print(report, flags));
    return EXIT_CODES[doctorVerdict(report)];
  } catch (error) {
    progress.clear();
    const { code, message } = failureOf(error, timeout);
    if (flags.has("json")) writeOut(JSON.stringify({ server, error: { code, message } }));
    else writeErr(`error: ${message}`);
    if (flags.has("prometheus")) writeOut((await doctorReportMetrics(undefined)).trimEnd());
    return EXIT_CODES.silent;
  }
}

/** The command line of `pinhole doctor`. */
export const DOCTOR: Command = {
  name: "pinhole doctor",
  usage: "stun:HOST[:PORT] [flags]",
  summary: "Examines a STUN server: whether it keeps the rules, holds connections, is quick.",
  flags: [
    { name: "udp", help: "examine UDP alone" },
    { name: "tcp", help: "examine TCP alone" },
    { name: "tls", value: "PORT", help: "examine TLS on this port too; it is 5349 as a rule" },
    { name: "ca", value: "FILE", help: "TLS: trust the certificates in this PEM file too" },
    {
      name: "hold",
      value: "SECONDS",
      help: "how long to see whether a connection is held, 0 for not at all; default 5",
    },
    { name: "requests", value: "N", help: "how many to measure loss and latency with; default 10" },
    { name: "ipv4", short: "-4", help: "use IPv4 alone" },
    { name: "ipv6", short: "-6", help: "use IPv6 alone" },
    { name: "timeout", value: "SECONDS", help: "give up after so long; default: when all is told" },
    {
      name: "json",
      help: "print one object: server, checks, holdMs, amplification, latency",
    },
    { name: "prometheus", help: "print metrics in Prometheus' text format, for a probe" },
  ],
  examples: [
    "pinhole doctor stun:stun.example.org --hold 120",
    "pinhole doctor stuns:stun.example.org",
  ],
  exitCodes: "0 nothing to complain of, 1 it breaks a rule, 2 wrong usage, 3 warnings alone, " +
    "4 no answer",
  positional: 1,
};

type Flags = CommandLine["flags"];

/** What the flags say; a text is what is wrong with them. */
function readOptions({ flags }: CommandLine, server: string): ExamineServerOptions | string {
  const uri = parseStunUri(server);
  if (!uri.ok) return uri.reason;
  if (flags.has("ipv4") && flags.has("ipv6")) return "Cannot examine: -4 and -6 exclude each other";
  if (flags.has("json") && flags.has("prometheus")) {
    return "Cannot examine: --json and --prometheus exclude each other";
  }
  for (const name of ["udp", "tcp", "tls"]) {
    if (uri.value.scheme === "stuns" && flags.has(name)) {
      return `Cannot use --${name} with a stuns: URI: it means TLS alone`;
    }
  }
  const tlsPort = readNumberFlag(flags, "tls", PORT);
  const holdSeconds = readNumberFlag(flags, "hold", { unit: "seconds", least: 0, most: A_DAY });
  const requests = readNumberFlag(flags, "requests", REQUESTS);
  const timeout = readNumberFlag(flags, "timeout", { unit: "seconds", most: A_DAY });
  if (typeof tlsPort === "string") return tlsPort;
  if (typeof holdSeconds === "string") return holdSeconds;
  if (typeof requests === "string") return requests;
  if (typeof timeout === "string") return timeout;
  const ca = flags.get("ca");
  const caCerts = typeof ca === "string" ? readFile(ca) : undefined;
  if (caCerts?.ok === false) return caCerts.problem;
  return {
    family: flags.has("ipv4") ? 4 : flags.has("ipv6") ? 6 : undefined,
    transports: flags.has("udp") === flags.has("tcp")
      ? ["udp", "tcp"]
      : [flags.has("udp") ? "udp" : "tcp"],
    tlsPort,
    caCerts: caCerts && [caCerts.text],
    holdMs: holdSeconds === undefined ? undefined : holdSeconds * 1000,
    requests,
  };
}

async function print(report: DoctorReport, flags: Flags): Promise<string> {
  if (flags.has("json")) return JSON.stringify(doctorReportJson(report));
  if (flags.has("prometheus")) return (await doctorReportMetrics(report)).trimEnd();
  return doctorReportText(report);
}

/** What there is to say of an error; rethrows a mistake. */
function failureOf(
  error: unknown,
  timeoutSeconds: number,
): { readonly code: string; readonly message: string } {
  // Deno without --unstable-net
  if (error instanceof TypeError) return { code: "unsupported", message: error.message };
  if (!(error instanceof QueryError)) throw error;
  const { code, message } = error;
  return code === "aborted"
    ? { code: "timed-out", message: `Cannot examine: it took longer than ${timeoutSeconds} s` }
    : { code, message };
}

const PORT: NumberFlagOptions = { unit: "a port", least: 1, most: 65_535, whole: true };
const REQUESTS: NumberFlagOptions = { unit: "a number", least: 1, most: 1000, whole: true };
/** In seconds. */
const A_DAY = 86_400;

const EXIT_CODES = { healthy: 0, failed: 1, warned: 3, silent: 4 } as const;
