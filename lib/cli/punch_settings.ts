import { MAX_SECRET_LENGTH } from "../protocol/board/mod.ts";
import {
  type AddressFamily,
  type Decoded,
  decoded,
  parseStunUri,
  undecodable,
} from "../wire/mod.ts";
import { boardRoomUrl } from "./board_room_url.ts";
import type { CommandLine } from "./command_line.ts";
import { readNumberFlag } from "./number_flag.ts";
import { readRoomSecret } from "./room_secret.ts";
import { parseServiceTarget, type ServiceTarget } from "./service_target.ts";

/** What `pinhole punch` is to do. */
export interface PunchSettings {
  /** Over what the two sides may meet: one of them unless there is a board. */
  readonly transports: readonly ("udp" | "tcp")[];
  /** `stun:` URIs, at least one unless there is a board. */
  readonly servers: readonly string[];
  /** Where the two sides find each other; undefined for codes to copy and paste. */
  readonly board: PunchBoard | undefined;
  /** The only family to use; the servers' first if it is not given. */
  readonly family: AddressFamily | undefined;
  /** The local port of the punch; any if it is not given. */
  readonly localPort: number | undefined;
  /** ms that the sides have for finding each other, over each transport. */
  readonly timeoutMs: number;
  /** What this side's end of the path is. */
  readonly end: PunchEnd;
  /** Whether to tell in JSON. */
  readonly json: boolean;
}

/** A room of a bulletin board. */
export interface PunchBoard {
  /** `ws://HOST/board/ROOM` or `wss://HOST/board/ROOM`. */
  readonly url: string;
  /** The secret of the room, if it has one. */
  readonly secret: string | undefined;
}

/** What is joined to the path: standard input and output, a local port to connect to, or a service. */
export type PunchEnd =
  | { readonly kind: "standard" }
  | { readonly kind: "forward"; readonly port: number }
  | { readonly kind: "to"; readonly service: ServiceTarget };

/** Reads the command line of `pinhole punch`, which has been parsed; says what is wrong with it. */
export function readPunchSettings({ flags }: CommandLine): Decoded<PunchSettings> {
  const servers = [flags.get("server") ?? []].flat().map(String);
  const board = readBoard(flags);
  if (!board.ok) return board;
  if (servers.length === 0 && board.value === undefined) {
    return undecodable("Cannot punch: wanted --server stun:HOST[:PORT] or --board wss://HOST");
  }
  for (const server of servers) {
    const uri = parseStunUri(server);
    if (!uri.ok) return uri;
    if (uri.value.scheme === "stuns") {
      return undecodable(`Cannot punch through ${server}: wanted stun:`);
    }
  }
  for (const [one, other] of EXCLUDING) {
    if (flags.has(one) && flags.has(other)) {
      return undecodable(`Cannot punch: --${one} and --${other} exclude each other`);
    }
  }
  const localPort = readNumberFlag(flags, "local-port", PORT);
  const forward = readNumberFlag(flags, "forward", PORT);
  const timeout = readNumberFlag(flags, "timeout", { unit: "seconds", most: 3600 });
  for (const number of [localPort, forward, timeout]) {
    if (typeof number === "string") return undecodable(number);
  }
  const to = flags.get("to");
  const service = to === undefined ? undefined : parseServiceTarget(String(to));
  if (service?.ok === false) return service;
  return decoded({
    transports: transportsOf(flags, board.value),
    servers,
    board: board.value,
    family: flags.has("ipv4") ? 4 : flags.has("ipv6") ? 6 : undefined,
    localPort: localPort as number | undefined,
    timeoutMs: 1000 *
      (timeout as number | undefined ?? (board.value ? BOARD_SECONDS : CODES_SECONDS)),
    end: endOf(forward as number | undefined, service?.value),
    json: flags.has("json"),
  });
}

function readBoard(flags: CommandLine["flags"]): Decoded<PunchBoard | undefined> {
  const text = flags.get("board");
  if (text === undefined) {
    const alone = ["room", "secret", "secret-file"].find((name) => flags.has(name));
    return alone === undefined
      ? decoded(undefined)
      : undecodable(`Cannot use --${alone}: it goes with --board`);
  }
  const url = boardRoomUrl(String(text), flags.get("room") as string | undefined);
  if (!url.ok) return url;
  const secret = readRoomSecret(flags);
  if (!secret.ok) return secret;
  const { length = 1 } = secret.value ?? {};
  return length >= 1 && length <= MAX_SECRET_LENGTH
    ? decoded({ url: url.value, secret: secret.value })
    : undecodable(`Cannot use the secret: wanted 1 to ${MAX_SECRET_LENGTH} characters`);
}

function transportsOf(
  flags: CommandLine["flags"],
  board: PunchBoard | undefined,
): PunchSettings["transports"] {
  if (flags.has("udp")) return ["udp"];
  return board === undefined || flags.has("tcp") ? ["tcp"] : ["tcp", "udp"];
}

function endOf(port: number | undefined, service: ServiceTarget | undefined): PunchEnd {
  if (port !== undefined) return { kind: "forward", port };
  return service === undefined ? { kind: "standard" } : { kind: "to", service };
}

const EXCLUDING = [["udp", "tcp"], ["ipv4", "ipv6"], ["forward", "to"]] as const;
const PORT = { unit: "a port of", least: 1, most: 65_535, whole: true };

/** People paste codes one after the other: whoever has both begins, and waits for the other side. */
const CODES_SECONDS = 60;

/** By a board both begin at the same moment. */
const BOARD_SECONDS = 15;
