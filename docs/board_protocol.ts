/**
 * Writes the page about the bulletin board's protocol, `docs/board-protocol.md`, from the schema that
 * the board itself reads messages by. `deno task docs:board` writes it again.
 *
 * @module
 */
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import {
  BOARD_LIMITS,
  BOARD_PATIENCE,
  MAX_BUFFERED_BYTES,
} from "../lib/protocol/board/board_limits.ts";
import { ADDRESS_TOKEN_BYTES } from "../lib/protocol/address_token.ts";
import { BOARD_CLOSE, BOARD_ERRORS } from "../lib/protocol/board/board_message.ts";
import { CLIENT_SCHEMAS, SERVER_SCHEMAS } from "../lib/protocol/board/board_schema.ts";
import { PUNCH_POST_ID, writePunchOffer } from "../lib/protocol/punch/punch_meeting_message.ts";
import {
  CLIENT_MESSAGES,
  CLOSE_REASONS,
  LIMITS,
  type MessageNote,
  PUNCH_SIGNALS,
  SERVER_MESSAGES,
} from "./board_protocol_notes.ts";

/** The page, before `deno fmt` has aligned its tables. */
export function boardProtocolPage(): string {
  return `<!-- Written by deno task docs:board from lib/protocol/board/board_schema.ts: change it there. -->

# The protocol of the bulletin board

Peers that want to connect to each other have to tell each other addresses first. The bulletin board
is where they do: a WebSocket at \`/board/ROOM\` of a Pinhole server with \`--http-port\`. A room has
posts that every peer in it sees, signals from one peer to another, and a way to start together. It
carries no other traffic.

\`BoardClient\` of \`@pinhole/stun\` and \`pinhole board\` speak this protocol; so does the page that the
server shows. This page is for whoever writes another client.

## The connection

- The path is \`/board/ROOM\`. ROOM is 1 to 64 letters, digits, \`.\`, \`_\`, \`~\` and \`-\`; nothing is
  decoded. A room begins with its first peer and ends with its last.
- The subprotocol is \`pinhole.board.v1\`; the server answers with it.
- A room has the secret that its first peer gives, or none. Give it as a further subprotocol,
  \`pinhole.secret.\` and the secret's UTF-8 in base64url without padding, or in \`join\`; never in the
  URL, which proxies log.
- A page of another origin is let in only by the server's \`--http-origin\`.
- Messages are text: one JSON object each, with its \`type\`. Keys that this page does not have are
  refused by the board, and to be passed over by a client: a later version may send more.

The first message is \`join\`, within ${seconds(BOARD_PATIENCE.joinMs)}. The board answers with
\`welcome\` and \`board\`, or with an \`error\` and the end of the connection:

\`\`\`text
peer                                  board
  | -- join {secret} ------------------> |
  | <- welcome {peer, ip, stun, limits}  |
  | <- board {posts} ------------------- |
  | <- ping {id} ----------------------- |
  | -- pong {id} ----------------------> |
  | -- post {id, candidates, data} ----> |   to everybody in the room:
  | <- posted {post} ------------------- |   posted {post}
  | -- sync {with} --------------------> |   to that peer:
  | <- sync {with, delayMs} ------------ |   sync {with, delayMs}
\`\`\`

## What a peer sends

${messages(CLIENT_SCHEMAS, CLIENT_MESSAGES)}

## What the board sends

${messages(SERVER_SCHEMAS, SERVER_MESSAGES)}

## Proved addresses

A candidate is a claim: a peer can post somebody else's address, and make others send there. So a
Binding request with the attribute ADDRESS-TOKEN (0xC0D3) and ${ADDRESS_TOKEN_BYTES} zero bytes as its
value, sent to one of the STUN URIs of \`welcome\`, gets that attribute back as a proof that the server
saw this address over this transport. Post it as the candidate's \`token\`, in base64url without padding,
and others see \`proved: true\`. Without a token, with one for another address or transport, and with
one that has expired, they see \`false\`. Servers that share a board have to share \`--nonce-secret\` for
that. A candidate that is not proved is not to be sent to without a reason.

## A common start

For a punch both sides have to send at about the same moment. \`sync\` asks the board for one: it has
measured the round trip to both peers by its pings, and tells both after how many ms from the receipt
of the message to start, half a round trip each taken off. It is as good as both paths are symmetric.

## Meeting for a punch

Posts and signals carry what their peers like. This is what \`BoardRendezvous\`, and with it
\`pinhole punch --board\`, puts into their \`data\`, so that two of any number of peers meet and exchange the codes that
a punch takes.

Whoever looks for a partner posts an offer under the name \`${PUNCH_POST_ID}\`. It has no address and no
secret; \`family\`, 4 or 6, may be left out:

\`\`\`json
${writePunchOffer({ transports: ["tcp", "udp"], family: 4 })}
\`\`\`

Offers fit that have a transport in common, and no different family. The rest is signals:

| \`punch\` | meaning |
| --- | --- |
${Object.entries(PUNCH_SIGNALS).map(([name, text]) => `| \`${name}\` | ${text} |`).join("\n")}

\`\`\`text
peer with the smaller name        peer with the larger name
  | -- invite ----------------------> |
  | <- accept, or busy -------------- |   for nobody else from here on
  | -- codes -----------------------> |
  | <- codes ------------------------ |   who then asks the board for \`sync\`
  | <- sync                   sync -> |   from the board: both start together
\`\`\`

Only the smaller name invites, and nobody who has invited or accepted accepts. So no two invite each
other, and each is with one partner at the most, in whatever order they hear of each other. Codes go to
that partner alone, once. A code begins with \`pin1\`; \`decodePunchCode()\` reads it.

## Limits

| limit | value | what it limits |
| --- | --- | --- |
${
    Object.entries(LIMITS).map(([name, text]) =>
      `| \`${name}\` | ${thousands(BOARD_LIMITS[name as keyof typeof LIMITS])} | ${text} |`
    ).join("\n")
  }

\`welcome\` repeats these. Besides: ${BOARD_PATIENCE.messageBurst} messages and
${BOARD_PATIENCE.postBurst} posts at once after a silence; ${BOARD_PATIENCE.errorBurst} errors at once
and ${BOARD_PATIENCE.errorsPerSecond} a second in the long run, then the connection ends. A peer that
says nothing for ${seconds(BOARD_PATIENCE.silenceMs)}, though it is sent a \`ping\` every
${seconds(BOARD_PATIENCE.pingMs)}, is given up; one for whom more than
${thousands(MAX_BUFFERED_BYTES)} bytes wait because it does not read is dropped.

## Errors

| code | meaning |
| --- | --- |
${Object.entries(BOARD_ERRORS).map(([code, text]) => `| \`${code}\` | ${text} |`).join("\n")}

The codes that the board closes a WebSocket with, and whether it is of any use to connect again, with
jitter:

| code | meaning | try again |
| --- | --- | --- |
${
    Object.entries(CLOSE_REASONS).map(([reason, text]) => {
      const { code, retry } = BOARD_CLOSE[reason as keyof typeof CLOSE_REASONS];
      return `| ${code} | ${text} | ${retry ? "yes" : "no"} |`;
    }).join("\n")
  }

Before the WebSocket is there, HTTP says no: 400 a handshake, subprotocol or secret that is not as above, 403 an origin that is
not let in, 404 no such path, 429 too many peers in all or of this address, 503 the server is going
away.

## JSON Schema

What a peer may send, for a validator. The board checks addresses beyond that: an IP address and a port
that is not 0.

\`\`\`json
${JSON.stringify(clientJsonSchema(), null, 2)}
\`\`\`
`;
}

/** The JSON Schema (draft 2020-12) of the messages of a peer. */
export function clientJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A message to the bulletin board, pinhole.board.v1",
    oneOf: Object.values(CLIENT_SCHEMAS).map(schemaOf),
  };
}

type Schemas = Readonly<Record<string, Parameters<typeof toJsonSchema>[0]>>;

function messages(schemas: Schemas, notes: Readonly<Record<string, MessageNote>>): string {
  return Object.entries(schemas).map(([type, schema]) => {
    const { does, example } = notes[type]!;
    const rows = keysOf(schemaOf(schema))
      // The limits have a table of their own
      .filter(({ name }) => name !== "type" && !name.startsWith("limits."));
    const table = rows.map(({ name, form, about }) => `| \`${name}\` | ${form} | ${about} |`);
    const head = ["| key | form | what it is |", "| --- | --- | --- |"];
    return [
      `### \`${type}\``,
      does,
      ...rows.length === 0 ? [] : [[...head, ...table].join("\n")],
      `\`\`\`json\n${JSON.stringify({ type, ...example })}\n\`\`\``,
    ].join("\n\n");
  }).join("\n\n");
}

function schemaOf(schema: Parameters<typeof toJsonSchema>[0]): JsonSchema {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    target: "draft-2020-12",
    // Functions, which say nothing to others
    ignoreActions: ["check"],
  });
  return rest;
}

interface Key {
  readonly name: string;
  readonly form: string;
  readonly about: string;
}

/** The keys of an object, those of objects within after them: `candidates[].address`. */
function keysOf(schema: JsonSchema, prefix = ""): readonly Key[] {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties as Record<string, JsonSchema>).flatMap(([key, value]) => {
    const name = prefix + key;
    const optional = value.default === undefined
      ? required.includes(key) ? [] : ["may be left out"]
      : [`\`${JSON.stringify(value.default)}\` if left out`];
    const about = [value.description ?? "", ...optional].join("; ");
    const inner = value.type === "array"
      ? keysOf(value.items as JsonSchema, `${name}[].`)
      : keysOf(value, `${name}.`);
    return [{ name, form: formOf(value), about }, ...inner];
  });
}

function formOf({ type, pattern, enum: one, ...schema }: JsonSchema): string {
  if (one !== undefined) {
    return one.length > MAX_LISTED
      ? "one of the [errors](#errors)"
      : one.map((value) => `\`${value}\``).join(" or ");
  }
  if (pattern !== undefined) return `text, \`${pattern}\``;
  switch (type) {
    case "string":
      return schema.maxLength === undefined
        ? "text"
        : `text, ${range(schema.minLength, schema.maxLength)} characters`;
    case "number":
      return schema.maximum === undefined
        ? "number"
        : `number, ${range(schema.minimum, schema.maximum)}`;
    case "array":
      return `list, ${schema.maxItems} at most`;
    default:
      return type === "boolean" ? "`true` or `false`" : "object";
  }
}

function range(from = 0, to: number): string {
  return `${thousands(from)} to ${thousands(to)}`;
}

function thousands(value: number): string {
  return value.toLocaleString("en-US");
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

/** More than these are in a table of their own. */
const MAX_LISTED = 4;

if (import.meta.main) {
  Deno.writeTextFileSync(new URL("board-protocol.md", import.meta.url), boardProtocolPage());
}
