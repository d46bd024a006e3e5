import { systemClock } from "../ops/mod.ts";
import { AcceptError, ListenError, ResolveError } from "../transport/mod.ts";
import { listenPublicTcp, listenPublicUdp, PublicListenerError } from "../traversal/mod.ts";
import { runChangeHook } from "./change_hook.ts";
import { type Command, formatHelp, parseCommandLine } from "./command_line.ts";
import { ExposeReport } from "./expose_report.ts";
import { expose } from "./expose_session.ts";
import { type ExposeSettings, readExposeSettings } from "./expose_settings.ts";
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
  return await run(settings.value);
}

/** The command line of `pinhole expose`. */
export const EXPOSE: Command = {
  name: "pinhole expose",
  usage: "HOST:PORT --server stun:HOST[:PORT] [flags]",
  summary: "Makes a local service reachable from outside, until Ctrl-C.",
  flags: [
    {
      name: "server",
      value: "URI",
      repeatable: true,
      help: "a STUN server, stun:HOST[:PORT]; of two it can be told whether the address is of use",
    },
    { name: "udp", help: "expose a UDP service; TCP otherwise. A UDP address cannot be verified" },
    {
      name: "allow",
      value: "CIDR",
      repeatable: true,
      help: "let these in alone; default: everybody",
    },
    { name: "max-connections", value: "N", help: "so many at a time; default 256" },
    {
      name: "local-port",
      value: "PORT",
      help: "the local port of the public address; default: any",
    },
    {
      name: "keep-alive",
      value: "SECONDS",
      help: "ask the servers so often; default 25; 0 asks once, and the NAT may forget the address",
    },
    {
      name: "keep-alive-url",
      value: "URL",
      help: "an http: URL to ask as well, where no server keeps connections open",
    },
    {
      name: "on-change",
      value: "COMMAND",
      help:
        "run `sh -c COMMAND` when there is a new public address, with its IP address and port\n" +
        "appended, and in PINHOLE_PUBLIC_ADDRESS, PINHOLE_PUBLIC_IP, PINHOLE_PUBLIC_PORT,\n" +
        "PINHOLE_LOCAL_ADDRESS, PINHOLE_EVENT (refresh); 60 s at most; wants --allow-run=sh",
    },
    {
      name: "webhook",
      value: "URL",
      help: "POST the events refresh, verified, unverified and lost there, as --json prints them",
    },
    { name: "ipv4", short: "-4", help: "use IPv4 alone" },
    { name: "ipv6", short: "-6", help: "use IPv6 alone" },
    { name: "json", help: "print one object a line, as told below" },
  ],
  notes: [
    "HOST:PORT is the service: 127.0.0.1:8080, [::1]:80, localhost:80, or a port of 127.0.0.1 alone.",
    "The public address is held by connections to the STUN servers; what comes there is forwarded.",
    "",
    "Events of --json, each with event and time, addresses as text, null for what is not there:",
    "  listening              transport, service, local, nat, sharing (TCP)",
    "  refresh                public, previous, local: a public address was learned, or has changed",
    "  verified, unverified   public, reachable (true, false, null), reason, dialBack: whether",
    "                         strangers can connect was tried",
    "  lost                   reason: no server holds the address",
    "  server                 holder, state (connected, closed, not-holding, failed), afterMs,",
    "                         reason, redialMs",
    "  gap                    ms for which the port was not listened on",
    "  connection             id, from, open",
    "  closed                 id, from, outcome (finished, broken, aborted, idle, no-service),",
    "                         reason, receivedBytes, sentBytes, elapsedMs, open",
    "  denied                 from, reason (not-allowed, too-many), count; once a second at most",
    "  traffic                open, receivedBytes, sentBytes; every 10 s if they have changed",
    "  hook, webhook          ok, detail",
    "  failed                 code, reason: it could not begin, or not go on",
    "  stopped                reason",
    "",
    "With --allow-ffi, on Linux, a server is dialled again without a gap.",
  ],
  examples: [
    "pinhole expose 127.0.0.1:8080 --server stun:stun.example.org",
    "pinhole expose 22 --server stun:stun.example.org --allow 198.51.100.0/24 --on-change ./tell.sh",
  ],
  exitCodes: "0 stopped by Ctrl-C, 1 failed while running, 4 no public address, 2 wrong usage",
  positional: 1,
};

async function run(settings: ExposeSettings): Promise<number> {
  const { onChange, webhook, json } = settings;
  const clock = systemClock;
  const progress = new Progress();
  const report = new ExposeReport({ json, write: writeOut, progress, clock });
  using stop = new StopSignals();
  const { signal } = stop;
  let listening = false;
  try {
    await expose(settings, {
      listenTcp: listenPublicTcp,
      listenUdp: listenPublicUdp,
      clock,
      signal,
      tell: (event) => {
        listening ||= event.event === "listening";
        report.tell(event);
      },
      hook: onChange === undefined
        ? undefined
        : (change, signal) => runChangeHook(change, { command: onChange, clock, signal }),
      webhook: webhook === undefined
        ? undefined
        : (body, signal) => postWebhook(body, { url: webhook, clock, signal }),
    });
    return signal.aborted ? 0 : 1;
  } catch (error) {
    if (signal.aborted && error instanceof PublicListenerError) return 0;
    progress.clear();
    // A URL of the wrong kind, or too many servers
    if (error instanceof RangeError) return complain([error.message]);
    const { code, message } = failureOf(error);
    if (json) report.tell({ event: "failed", code, reason: message });
    else writeErr(`error: ${message}`);
    return listening ? 1 : 4;
  } finally {
    progress.clear();
  }
}

/** What there is to say of an error; rethrows a mistake. */
function failureOf(error: unknown): { readonly code: string; readonly message: string } {
  // Deno without --unstable-net
  if (error instanceof TypeError) return { code: "unsupported", message: error.message };
  if (
    error instanceof PublicListenerError || error instanceof ListenError ||
    error instanceof AcceptError || error instanceof ResolveError
  ) return error;
  throw error;
}
