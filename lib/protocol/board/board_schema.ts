import * as v from "valibot";
import {
  type Decoded,
  decoded,
  encodeUtf8,
  parseSocketAddress,
  undecodable,
} from "../../wire/mod.ts";
import { MAX_SECRET_LENGTH } from "./board_address.ts";
import { BOARD_LIMITS } from "./board_limits.ts";
import {
  BOARD_ERRORS,
  type BoardErrorCode,
  type ClientMessage,
  type ServerMessage,
} from "./board_message.ts";

/** A message that cannot be acted on. */
export interface BadMessage {
  /** Tells it from one that can. */
  readonly ok: false;
  /** Which error it is. */
  readonly code: "bad_message" | "message_too_long";
  /** What is wrong, as a sentence for people. */
  readonly reason: string;
  /** The type of the message, if it names one that there is. */
  readonly about?: string;
}

/** Reads what a peer sent to the board. Keys that the protocol does not have are refused. */
export function readClientMessage(
  text: string,
): { readonly ok: true; readonly value: ClientMessage } | BadMessage {
  const { maxMessageBytes } = BOARD_LIMITS;
  // The first look is cheap, and spares encoding what is certainly too long
  if (text.length > maxMessageBytes || encodeUtf8(text).length > maxMessageBytes) {
    return messageTooLong();
  }
  const read = readMessage<ClientMessage>(text, CLIENT_SCHEMAS);
  return read.ok ? read : { code: "bad_message", ...read };
}

/** What is said of a message that is too long to be looked at. */
export function messageTooLong(): BadMessage {
  const { maxMessageBytes } = BOARD_LIMITS;
  const reason = `Cannot read a message: it is too long, wanted ${maxMessageBytes} bytes at most`;
  return { ok: false, code: "message_too_long", reason };
}

/** Reads what the board sent to a peer. Keys that are not known, of a later version, are left out. */
export function readServerMessage(text: string): Decoded<ServerMessage> {
  const read = readMessage<ServerMessage>(text, SERVER_SCHEMAS);
  return read.ok ? decoded(read.value) : undecodable(read.reason);
}

function readMessage<T>(
  text: string,
  schemas: Readonly<Record<string, v.GenericSchema>>,
):
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly about?: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, reason: "Cannot read a message: it is not JSON" };
  }
  const type = typeof json === "object" && json !== null && "type" in json ? json.type : undefined;
  if (typeof type !== "string" || !Object.hasOwn(schemas, type)) {
    const wanted = Object.keys(schemas).join(", ");
    return { ok: false, reason: `Cannot read a message: type is ${show(type)}, wanted ${wanted}` };
  }
  const result = v.safeParse(schemas[type]!, json, { abortEarly: true });
  if (result.success) return { ok: true, value: result.output as T };
  const [issue] = result.issues;
  const path = issue.path?.map(({ key }) => String(key)).join(".") ?? "";
  const found = issue.expected === "never"
    ? `it has ${clip(path)}`
    : `${clip(path)} is ${show(issue.input)}`;
  return {
    ok: false,
    reason: `Cannot read ${type}: ${found}, wanted ${issue.message}`,
    about: type,
  };
}

/** One schema per type of message, and each of them yields that message and nothing else. */
type SchemasOf<M extends { readonly type: string }> = {
  readonly [K in M["type"]]: v.GenericSchema<unknown, Extract<M, { readonly type: K }>>;
};

/** What was found, short: it goes back to whoever sent it. */
function show(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "a list" : "an object";
  }
  return clip(JSON.stringify(value));
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function text(wanted: string, min: number, max: number): v.GenericSchema<string> {
  const lengths = min === 0 ? `at most ${max}` : `${min} to ${max}`;
  const full = `${wanted} of ${lengths} characters`;
  return v.pipe(v.string(full), v.minLength(min, full), v.maxLength(max, full));
}

function matching(pattern: RegExp, wanted: string): v.GenericSchema<string> {
  return v.pipe(v.string(wanted), v.regex(pattern, wanted));
}

function number(min: number, max: number): v.GenericSchema<number> {
  const wanted = `a number of ${min} to ${max}`;
  return v.pipe(v.number(wanted), v.minValue(min, wanted), v.maxValue(max, wanted));
}

function list<T>(item: v.GenericSchema<T>, max: number, what: string): v.GenericSchema<T[]> {
  const wanted = `a list of ${max} ${what} at most`;
  return v.pipe(v.array(item, wanted), v.maxLength(max, wanted));
}

/** What is wrong with the keys of an object, as `wanted` says it. */
function keys({ expected }: v.StrictObjectIssue | v.ObjectIssue): string {
  if (expected === "never") return "no such key";
  return expected === "Object" ? "an object" : "a value";
}

function strict<const E extends v.ObjectEntries>(
  entries: E,
): v.StrictObjectSchema<E, typeof keys> {
  return v.strictObject(entries, keys);
}

function loose<const E extends v.ObjectEntries>(entries: E): v.ObjectSchema<E, typeof keys> {
  return v.object(entries, keys);
}

/** Its description goes into the JSON Schema, for whoever writes a client. */
function about<T>(schema: v.GenericSchema<T>, description: string): v.GenericSchema<T> {
  return v.pipe(schema, v.description(description)) as unknown as v.GenericSchema<T>;
}

const peer = matching(/^[A-Za-z0-9_-]{16}$/, "the name of a peer, 16 letters, digits, - and _");
const postId = matching(/^[A-Za-z0-9._-]{1,32}$/, "1 to 32 letters, digits, ., _ and -");
const pingId = text("text", 1, 32);
const transport = v.picklist(["udp", "tcp"], "udp or tcp");
const address = v.pipe(
  v.string("ADDRESS:PORT"),
  v.check((value) => {
    const parsed = parseSocketAddress(value);
    return parsed.ok && parsed.value.port > 0;
  }, "ADDRESS:PORT, with an IPv6 address in brackets"),
);
const token = matching(/^[A-Za-z0-9_-]{43}$/, "an address token, 43 characters of base64url");
const {
  maxCandidates,
  maxPostData,
  maxSignalData,
  minLifetimeMs,
  maxLifetimeMs,
  maxPosts,
  maxPeersPerRoom,
} = BOARD_LIMITS;

const claimed = strict({
  address: about(address, "where the peer may be reached"),
  transport: about(transport, "what is to be sent there"),
  token: v.optional(about(token, "the value of ADDRESS-TOKEN for this address")),
});
const postData = text("text", 0, maxPostData);
const signalData = text("text", 0, maxSignalData);

const seen = loose({
  address: about(address, "where the peer may be reached"),
  transport: about(transport, "what is to be sent there"),
  proved: about(v.boolean("true or false"), "whether a server of this board has seen that address"),
});

const posted = loose({
  peer: about(peer, "whose it is"),
  id: about(postId, "the name of the post"),
  candidates: about(
    list(seen, maxCandidates, "candidates"),
    "where that peer says that it may be reached",
  ),
  data: about(postData, "text of that peer"),
  expiresInMs: about(number(0, maxLifetimeMs), "ms until the post vanishes"),
});

/** What each message of a peer must look like, by its type. */
export const CLIENT_SCHEMAS = {
  join: strict({
    type: v.literal("join"),
    secret: v.optional(
      about(
        text("a secret", 1, MAX_SECRET_LENGTH),
        "the secret of the room, unless given as a subprotocol",
      ),
    ),
  }),
  post: strict({
    type: v.literal("post"),
    id: about(postId, "the name of the post; one of the same name is replaced"),
    candidates: v.optional(
      about(list(claimed, maxCandidates, "candidates"), "where this peer may be reached"),
      [],
    ),
    data: v.optional(about(postData, "text for the others, which the board does not read"), ""),
    lifetimeMs: v.optional(
      about(number(minLifetimeMs, maxLifetimeMs), "ms until the post vanishes"),
      60_000,
    ),
  }),
  remove: strict({
    type: v.literal("remove"),
    id: about(postId, "the name of the post"),
  }),
  board: strict({ type: v.literal("board") }),
  signal: strict({
    type: v.literal("signal"),
    to: about(peer, "the peer that gets it; nobody else does"),
    data: about(signalData, "text for that peer, which the board does not read"),
  }),
  sync: strict({
    type: v.literal("sync"),
    with: about(peer, "the peer that is to start at the same moment"),
  }),
  ping: strict({ type: v.literal("ping"), id: about(pingId, "what the pong will carry") }),
  pong: strict({ type: v.literal("pong"), id: about(pingId, "what the ping carried") }),
} as const satisfies SchemasOf<ClientMessage>;

/** What each message of the board must look like, by its type. */
export const SERVER_SCHEMAS = {
  welcome: loose({
    type: v.literal("welcome"),
    peer: about(peer, "the name of this peer"),
    room: about(text("a room", 1, 64), "the name of the room"),
    ip: about(text("an IP address", 2, 45), "the IP address that the board sees"),
    stun: about(list(text("a STUN URI", 6, 300), 64, "STUN URIs"), "the STUN URIs of this server"),
    limits: about(
      loose({
        maxMessageBytes: v.number(),
        maxPosts: v.number(),
        maxCandidates: v.number(),
        maxPostData: v.number(),
        maxSignalData: v.number(),
        minLifetimeMs: v.number(),
        maxLifetimeMs: v.number(),
        messagesPerSecond: v.number(),
        postsPerSecond: v.number(),
        maxPeersPerRoom: v.number(),
      }),
      "what this peer may do",
    ),
  }),
  board: loose({
    type: v.literal("board"),
    posts: about(list(posted, maxPosts * maxPeersPerRoom, "posts"), "every post of the room"),
  }),
  posted: loose({ type: v.literal("posted"), post: about(posted, "what is posted now") }),
  removed: loose({
    type: v.literal("removed"),
    peer: about(peer, "whose it was"),
    id: about(postId, "the name of the post"),
  }),
  expired: loose({
    type: v.literal("expired"),
    peer: about(peer, "whose it was"),
    id: about(postId, "the name of the post"),
  }),
  signal: loose({
    type: v.literal("signal"),
    from: about(peer, "who sends it"),
    data: about(signalData, "text of that peer"),
  }),
  sync: loose({
    type: v.literal("sync"),
    with: about(peer, "the peer that starts at the same moment"),
    delayMs: about(number(0, 60_000), "ms from the receipt of this until the start"),
  }),
  error: loose({
    type: v.literal("error"),
    code: about(
      v.picklist(Object.keys(BOARD_ERRORS) as BoardErrorCode[], "a known code"),
      "what is wrong, for programs",
    ),
    message: about(text("text", 0, 1024), "what is wrong, for people"),
    about: v.optional(about(text("text", 0, 32), "the type of the message that this is about")),
  }),
  ping: loose({ type: v.literal("ping"), id: about(pingId, "what the pong will carry") }),
  pong: loose({ type: v.literal("pong"), id: about(pingId, "what the ping carried") }),
} as const satisfies SchemasOf<ServerMessage>;
