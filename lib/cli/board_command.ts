import { BoardClient, BoardClientError, type ClientPost } from "../board/client/mod.ts";
import {
  BOARD_LIMITS,
  type CandidateTransport,
  type ClaimedCandidate,
} from "../protocol/board/mod.ts";
import { parseSocketAddress } from "../wire/mod.ts";
import { boardEventJson, boardEventText } from "./board_event_text.ts";
import { type Command, type CommandLine, formatHelp, parseCommandLine } from "./command_line.ts";
import { readSeconds } from "./read_seconds.ts";
import { readRoomSecret } from "./room_secret.ts";
import { complain, writeErr, writeOut } from "./terminal.ts";

/**
 * `pinhole board`: what is posted in a room of a bulletin board, and what happens there.
 *
 * @returns The exit code: 0 done, 3 the board refused, 4 it cannot be reached, 2 wrong usage.
 */
export async function boardCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(BOARD, args);
  if (!line.ok) return complain([line.problem]);
  if (line.flags.has("help")) {
    writeOut(formatHelp(BOARD));
    return 0;
  }
  const plan = readPlan(line);
  if (typeof plan === "string") return complain([plan]);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  Deno.addSignalListener("SIGINT", onSignal);
  const timer = plan.timeoutMs === undefined
    ? undefined
    : setTimeout(() => stop.abort(TIMED_OUT), plan.timeoutMs);
  try {
    return await follow(plan, stop.signal);
  } catch (error) {
    if (error instanceof RangeError) return complain([error.message]);
    if (!(error instanceof BoardClientError)) throw error;
    fail(plan, error);
    return EXIT_CODES.refused;
  } finally {
    clearTimeout(timer);
    Deno.removeSignalListener("SIGINT", onSignal);
  }
}

/** The command line of `pinhole board`. */
export const BOARD: Command = {
  name: "pinhole board",
  usage: "wss://HOST/board/ROOM [flags]",
  summary: "Shows what is posted in a room of a bulletin board, and what happens there.",
  flags: [
    { name: "list", help: "show what is posted and stop" },
    { name: "post", value: "NAME", help: "post under this name, for as long as this runs" },
    {
      name: "candidate",
      value: "TRANSPORT:ADDRESS:PORT",
      repeatable: true,
      help: "post this address, such as udp:203.0.113.10:49152; repeatable",
    },
    { name: "data", value: "TEXT", help: "post this text" },
    { name: "lifetime", value: "SECONDS", help: "how long the post is to live; default 60" },
    { name: "secret", value: "SECRET", help: "secret of the room; other users can see it in ps" },
    { name: "secret-file", value: "FILE", help: "read the secret from the first line of a file" },
    { name: "timeout", value: "SECONDS", help: "stop after so long; default 10 with --list" },
    { name: "json", help: "print one object per line: event and what belongs to it" },
  ],
  examples: ["pinhole board wss://stun.example.org/board/our-room --secret-file room.txt"],
  exitCodes: "0 done, 3 the board refused, 4 it cannot be reached, 2 wrong usage",
  positional: 1,
};

/** What the command line asks for. */
interface Plan {
  readonly url: string;
  readonly secret: string | undefined;
  readonly post: ClientPost | undefined;
  readonly listOnly: boolean;
  readonly timeoutMs: number | undefined;
  readonly json: boolean;
}

async function follow(plan: Plan, signal: AbortSignal): Promise<number> {
  const { url, secret, post, listOnly, json } = plan;
  await using board = new BoardClient(url, { secret, signal });
  if (post !== undefined) board.post(post);
  let wasIn = false;
  let refusal: string | undefined;
  for await (const event of board) {
    if (event.type === "welcome") wasIn = true;
    if (event.type === "error" && !wasIn) refusal = event.code;
    if (event.type === "disconnected" && !wasIn) {
      if (refusal !== undefined) return EXIT_CODES.refused;
      fail(plan, { code: "unreachable", message: `Cannot reach the board ${url}` });
      return EXIT_CODES.unreachable;
    }
    if (listOnly && event.type !== "board" && event.type !== "error") continue;
    if (json) writeOut(JSON.stringify(boardEventJson(event)));
    else for (const text of boardEventText(event)) writeOut(text);
    if (listOnly && event.type === "board") return 0;
  }
  if (signal.reason !== TIMED_OUT || (wasIn && !listOnly)) return 0;
  fail(plan, { code: "timed-out", message: `Cannot reach the board ${url}: no answer in time` });
  return EXIT_CODES.unreachable;
}

function fail(
  { json }: Plan,
  { code, message }: { readonly code: string; readonly message: string },
): void {
  if (json) writeOut(JSON.stringify({ event: "failed", error: { code, message } }));
  else writeErr(`error: ${message}`);
}

/** The plan, or what is wrong with the command line. */
function readPlan({ flags, positional }: CommandLine): Plan | string {
  const [url] = positional;
  if (url === undefined) return "Cannot show a board: wanted wss://HOST/board/ROOM";
  const text = (name: string) => flags.get(name) as string | undefined;
  const timeout = readSeconds("timeout", text("timeout"));
  const lifetime = readSeconds("lifetime", text("lifetime"));
  for (const one of [timeout, lifetime]) if (typeof one === "string") return one;
  const secret = readRoomSecret(flags);
  if (!secret.ok) return secret.reason;
  const listOnly = flags.has("list");
  const post = readPost(flags, lifetime as number | undefined);
  if (typeof post === "string") return post;
  if (post !== undefined && listOnly) return "Cannot use --list with --post: wanted one of them";
  const seconds = timeout as number | undefined ?? (listOnly ? 10 : undefined);
  return {
    url,
    secret: secret.value,
    post,
    listOnly,
    timeoutMs: seconds === undefined ? undefined : seconds * 1000,
    json: flags.has("json"),
  };
}

function readPost(
  flags: CommandLine["flags"],
  lifetimeSeconds: number | undefined,
): ClientPost | string | undefined {
  const id = flags.get("post") as string | undefined;
  if (id === undefined) {
    const alone = ["candidate", "data", "lifetime"].find((name) => flags.has(name));
    return alone === undefined ? undefined : `Cannot use --${alone}: it goes with --post`;
  }
  if (!/^[A-Za-z0-9._-]{1,32}$/.test(id)) {
    return `Cannot read --post: got ${id}, wanted 1 to 32 letters, digits, ., _ and -`;
  }
  const data = (flags.get("data") ?? "") as string;
  const { maxPostData, maxCandidates, minLifetimeMs, maxLifetimeMs } = BOARD_LIMITS;
  if (data.length > maxPostData) return `Cannot read --data: wanted ${maxPostData} characters`;
  const lifetimeMs = (lifetimeSeconds ?? 60) * 1000;
  if (lifetimeMs < minLifetimeMs || lifetimeMs > maxLifetimeMs) {
    return `Cannot read --lifetime: wanted ${minLifetimeMs / 1000} to ${maxLifetimeMs / 1000}`;
  }
  const texts = (flags.get("candidate") ?? []) as readonly string[];
  if (texts.length > maxCandidates) {
    return `Cannot read --candidate: wanted ${maxCandidates} at most`;
  }
  const candidates: ClaimedCandidate[] = [];
  for (const text of texts) {
    const [, transport, address = ""] = /^(udp|tcp):(.+)$/.exec(text) ?? [];
    if (!parseSocketAddress(address).ok) {
      return `Cannot read --candidate: got ${text}, wanted udp:ADDRESS:PORT or tcp:ADDRESS:PORT`;
    }
    candidates.push({ transport: transport as CandidateTransport, address });
  }
  return { id, candidates, data, lifetimeMs };
}

const TIMED_OUT = Symbol("timed out");
const EXIT_CODES = { refused: 3, unreachable: 4 } as const;
