import { BoardClientError, RendezvousError } from "../board/client/mod.ts";
import { QueryError } from "../client/mod.ts";
import { ConnectionError, ListenError, ResolveError } from "../transport/mod.ts";
import { PunchError, type StreamForwardEnd } from "../traversal/mod.ts";
import { type Command, formatHelp, parseCommandLine } from "./command_line.ts";
import { type PunchEvent, punchEventJson, punchEventText } from "./punch_event.ts";
import { punchSession } from "./punch_session.ts";
import { type PunchSettings, readPunchSettings } from "./punch_settings.ts";
import { StandardStreams } from "./standard_streams.ts";
import { StopSignals } from "./stop_signals.ts";
import { complain, writeErr, writeOut } from "./terminal.ts";

/**
 * `pinhole punch`: connects to another one who runs it too, both behind NATs.
 *
 * @returns The exit code: 0 connected and ended in order, 1 the path broke, 4 no path, 2 wrong usage.
 */
export async function punchCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(PUNCH, args);
  if (!line.ok) return complain([line.problem]);
  if (line.flags.has("help")) {
    writeOut(formatHelp(PUNCH));
    return 0;
  }
  const settings = readPunchSettings(line);
  if (!settings.ok) return complain([settings.reason]);
  const tell = teller(settings.value);
  using stop = new StopSignals();
  let isConnected = false;
  const warnings = new Set<string>();
  try {
    const end = await punchSession(settings.value, {
      streams: new StandardStreams(),
      tell(event) {
        isConnected ||= event.event === "connected";
        tell(event);
      },
      onSkipped(server, reason) {
        // UDP and TCP may each skip it
        const warning = `warning: ${server} is not asked: ${reason}`;
        if (!warnings.has(warning)) writeErr(warning);
        warnings.add(warning);
      },
      signal: stop.signal,
    });
    tell({ event: "closed", outcome: end, reason: REASONS[end] });
    return end === "broken" ? 1 : 0;
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    tell({ event: "failed", ...failure });
    return isConnected ? 1 : 4;
  }
}

/** The command line of `pinhole punch`. */
export const PUNCH: Command = {
  name: "pinhole punch",
  usage: "--board wss://HOST --room NAME [flags] | --server stun:HOST[:PORT] [flags]",
  summary: "Connects to another host that runs this too, both behind NATs if need be.",
  flags: [
    { name: "board", value: "wss://HOST[:PORT]", help: "find the other side on this board" },
    { name: "room", value: "NAME", help: "in this room, which both sides name" },
    { name: "secret", value: "SECRET", help: "secret of the room; other users can see it in ps" },
    { name: "secret-file", value: "FILE", help: "read the secret from the first line of a file" },
    {
      name: "server",
      value: "stun:HOST[:PORT]",
      repeatable: true,
      help: "a STUN server; two tell more about the NAT; default those of the board",
    },
    { name: "tcp", help: "connect over TCP, the default without --board" },
    { name: "udp", help: "connect over UDP, which more NATs allow" },
    { name: "forward", value: "PORT", help: "let programs here connect to 127.0.0.1:PORT" },
    { name: "to", value: "HOST:PORT", help: "connect the other side to this service" },
    { name: "local-port", value: "PORT", help: "punch from this port" },
    { name: "ipv4", short: "-4", help: "use IPv4 alone" },
    { name: "ipv6", short: "-6", help: "use IPv6 alone" },
    { name: "timeout", value: "SECONDS", help: "how long to try; default 60, with --board 15" },
    {
      name: "json",
      help: "print one object a line, as told below",
    },
  ],
  notes: [
    "With --board both sides name the same room; the first two there whose transports fit meet, and",
    "begin at the same moment. A third waits for a fourth. Unless one is asked for, TCP or UDP is",
    "chosen by what both know of their NATs: what will work, TCP before UDP; should it not, the other.",
    "All in the room, and the board, see that somebody wants to punch; addresses and passwords go to",
    "the one peer alone. Take a --secret, or a --room that nobody guesses, to meet nobody else.",
    "",
    "Without, each side prints a code; paste it into the other side's terminal. Who has both codes",
    "can take part, so they are secrets until there is a path.",
    "",
    "Then standard input and output of both are joined: over TCP as a stream of bytes; over UDP as",
    "datagrams, a line or a chunk each, which may get lost or overtake each other. With --forward on",
    "one side and --to on the other, a port of the one leads to a service of the other: over TCP for",
    "one connection, over UDP for one program.",
    "",
    "Nothing is encrypted. Both sides have proved who they are, but everybody on the way can read",
    "along, and change what is sent. Put SSH or TLS on top: --to 22 here, --forward 2222 there, and",
    "there `ssh -p 2222 localhost`, whose own -L forwards as many connections as you like.",
    "",
    "Codes and events go to standard error; those of --json to standard output where that is free,",
    "with --forward or --to. Each has event and time, addresses as text, times in ms:",
    "  code        code: for the other side",
    "  unreadable  reason: what was pasted is no code",
    "  room        room, peer: this side's name there, servers: the STUN servers",
    "  waiting     unfit: how many there want another transport or family",
    "  peer        peer: the other side's name in the room",
    "  disconnected  retryInMs: the board is lost until then",
    "  punching    candidates: where the other side may be, each with kind and address; with --board",
    "              transport, prediction (yes, no, unknown)",
    "  missed      transport, code, reason: no way over this one; another one is used",
    "  connected   transport, local, remote, elapsedMs, rttMs (UDP)",
    "  forwarding  what",
    "  closed      outcome (finished, broken, aborted), reason",
    "  failed      code, reason",
  ],
  examples: [
    "pinhole punch --board wss://stun.example.org --room our-secret-place",
    "pinhole punch --server stun:stun.example.org --udp",
    "pinhole punch --server stun:stun.example.org --to 127.0.0.1:22",
  ],
  exitCodes: "0 connected and ended in order, 1 the path broke, 4 no path, 2 wrong usage",
};

/** What standard output is free for: nothing where it is the other side's. */
function teller({ json, end }: PunchSettings): (event: PunchEvent) => void {
  if (!json) return (event) => writeErr(punchEventText(event));
  const write = end.kind === "standard" ? writeErr : writeOut;
  return (event) => write(JSON.stringify(punchEventJson(event, Date.now())));
}

/** What there is to say of an error; undefined of a mistake. */
function failureOf(error: unknown): { readonly code: string; readonly reason: string } | undefined {
  const isKnown = error instanceof PunchError || error instanceof QueryError ||
    error instanceof ListenError || error instanceof ConnectionError ||
    error instanceof ResolveError || error instanceof BoardClientError ||
    error instanceof RendezvousError;
  if (isKnown) return { code: error.code, reason: error.message };
  // Deno without --unstable-net
  return error instanceof TypeError ? { code: "unsupported", reason: error.message } : undefined;
}

const REASONS: Readonly<Record<StreamForwardEnd, string>> = {
  finished: "both sides have said all that they had to say",
  broken: "the path does not work any more",
  aborted: "this side was stopped",
  idle: "the other side was silent for too long",
};
