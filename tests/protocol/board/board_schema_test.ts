import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  BOARD_LIMITS,
  type ClientMessage,
  readClientMessage,
  readServerMessage,
  type ServerMessage,
} from "../../../lib/protocol/board/mod.ts";
import { CLIENT_SCHEMAS, SERVER_SCHEMAS } from "../../../lib/protocol/board/board_schema.ts";
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";

const PEER = "abcdefghijklmnop";
const TOKEN = "A".repeat(43);

/** A message of each type with every field that it can have. */
const FULL: readonly ClientMessage[] = [
  { type: "join", secret: "open sesame" },
  {
    type: "post",
    id: "me",
    candidates: [
      { address: "203.0.113.10:49152", transport: "udp", token: TOKEN },
      { address: "[2001:db8::1]:49152", transport: "tcp" },
    ],
    data: "hello ö",
    lifetimeMs: 60_000,
  },
  { type: "remove", id: "me" },
  { type: "board" },
  { type: "signal", to: PEER, data: "offer" },
  { type: "sync", with: PEER },
  { type: "ping", id: "1" },
  { type: "pong", id: "1" },
];

/** What may be left out. */
const OPTIONAL = ["join.secret", "post.candidates", "post.data", "post.lifetimeMs"];

for (const message of FULL) {
  Deno.test(`readClientMessage() reads ${message.type} with all of its fields`, () => {
    assertEquals(readClientMessage(JSON.stringify(message)), { ok: true, value: message });
  });

  for (const field of Object.keys(message).filter((name) => name !== "type")) {
    const name = `${message.type}.${field}`;
    if (!OPTIONAL.includes(name)) {
      Deno.test(`readClientMessage() refuses ${message.type} without ${field}`, () => {
        const { [field]: _, ...rest } = message as unknown as Record<string, unknown>;
        assertRefused(rest, `Cannot read ${message.type}: ${field} is missing, wanted a value`);
      });
    }
    for (const wrong of [null, true, {}, [[]], Symbol.iterator, -1, "\0".repeat(20_00)]) {
      const value = typeof wrong === "symbol" ? ["x"] : wrong;
      Deno.test(`readClientMessage() refuses ${name} of ${JSON.stringify(value).slice(0, 30)}`, () => {
        if (name.endsWith("data") && typeof value === "string") {
          // Longer than a post's, and within a signal's
          const { ok } = readClientMessage(JSON.stringify({ ...message, [field]: value }));
          return assertEquals(ok, message.type === "signal");
        }
        const reason = assertRefused({ ...message, [field]: value });
        assertMatch(
          reason,
          new RegExp(`^Cannot read ${message.type}: ${field}\\S* is .*, wanted `),
        );
      });
    }
  }

  Deno.test(`readClientMessage() refuses ${message.type} with a key too many`, () => {
    assertRefused(
      { ...message, extra: 1 },
      `Cannot read ${message.type}: it has extra, wanted no such key`,
    );
  });
}

const WRONG: readonly (readonly [unknown, string])[] = [
  [1, "Cannot read a message: type is missing, wanted join, "],
  [null, "Cannot read a message: type is missing, wanted join, "],
  [[], "Cannot read a message: type is missing, wanted join, "],
  [{}, "Cannot read a message: type is missing, wanted join, "],
  [{ type: 1 }, "Cannot read a message: type is 1, wanted join, "],
  [{ type: "welcome" }, 'Cannot read a message: type is "welcome", wanted join, '],
  [{ type: "toString" }, 'Cannot read a message: type is "toString", wanted join, '],
  [{ type: "__proto__" }, 'Cannot read a message: type is "__proto__", wanted join, '],
  [{ type: "join", secret: "" }, 'secret is "", wanted a secret of 1 to 128 characters'],
  [{ type: "join", secret: "x".repeat(129) }, "wanted a secret of 1 to 128 characters"],
  [post({ id: "" }), "wanted 1 to 32 letters, digits, ., _ and -"],
  [post({ id: "a b" }), 'id is "a b", wanted 1 to 32 letters'],
  [post({ id: "x".repeat(33) }), "wanted 1 to 32 letters"],
  [post({ data: "x".repeat(1025) }), "wanted text of at most 1024 characters"],
  [post({ lifetimeMs: 999 }), "lifetimeMs is 999, wanted a number of 1000 to 3600000"],
  [post({ lifetimeMs: 3_600_001 }), "wanted a number of 1000 to 3600000"],
  [post({ candidates: Array(9).fill(candidate({})) }), "wanted a list of 8 candidates at most"],
  [post({ candidates: [candidate({ address: "203.0.113.10" })] }), "wanted ADDRESS:PORT"],
  [post({ candidates: [candidate({ address: "203.0.113.10:0" })] }), "wanted ADDRESS:PORT"],
  [post({ candidates: [candidate({ address: "example.org:1" })] }), "wanted ADDRESS:PORT"],
  [post({ candidates: [candidate({ transport: "sctp" })] }), "wanted udp or tcp"],
  [post({ candidates: [candidate({ token: "A" })] }), "wanted an address token"],
  [
    post({ candidates: [candidate({ proved: true })] }),
    "it has candidates.0.proved, wanted no such key",
  ],
  [{ type: "signal", to: "me", data: "" }, "wanted the name of a peer"],
  [{ type: "signal", to: PEER, data: "x".repeat(12_289) }, "at most 12288 characters"],
  [{ type: "ping", id: "" }, "wanted text of 1 to 32 characters"],
  [{ type: "ping", id: "x".repeat(33) }, "wanted text of 1 to 32 characters"],
];
for (const [message, reason] of WRONG) {
  Deno.test(`readClientMessage() refuses ${JSON.stringify(message).slice(0, 70)}`, () => {
    assertStringIncludes(assertRefused(message), reason);
  });
}

Deno.test("readClientMessage() fills in what a post leaves out", () => {
  assertEquals(readClientMessage('{"type":"post","id":"a"}'), {
    ok: true,
    value: { type: "post", id: "a", candidates: [], data: "", lifetimeMs: 60_000 },
  });
});

Deno.test("readClientMessage() refuses what is not JSON, by a text that shows nothing of it", () => {
  for (const text of ["", "{", "NaN", '{"type":"board"}x']) {
    assertEquals(readClientMessage(text), {
      ok: false,
      code: "bad_message",
      reason: "Cannot read a message: it is not JSON",
    });
  }
});

Deno.test("readClientMessage() takes a message of the greatest length and refuses a byte more", () => {
  const { maxMessageBytes } = BOARD_LIMITS;
  const text = (bytes: number) => `{"type":"board"}${" ".repeat(bytes - 16)}`;
  assertEquals(readClientMessage(text(maxMessageBytes)).ok, true);
  const expected = {
    ok: false,
    code: "message_too_long",
    reason: "Cannot read a message: it is too long, wanted 16384 bytes at most",
  };
  assertEquals<unknown>(readClientMessage(text(maxMessageBytes + 1)), expected);
  // Bytes of UTF-8, not characters
  assertEquals<unknown>(readClientMessage(`"${"ö".repeat(maxMessageBytes / 2)}"`), expected);
});

Deno.test("readClientMessage() shows little of what was wrong", () => {
  const reason = assertRefused({ type: "sync", with: "x".repeat(1000) });
  assertEquals(reason.length < 200, true);
});

const SAID: readonly ServerMessage[] = [
  {
    type: "welcome",
    peer: PEER,
    room: "r",
    ip: "2001:db8::1",
    stun: ["stun:stun.example.org"],
    limits: BOARD_LIMITS,
  },
  { type: "board", posts: [] },
  {
    type: "posted",
    post: {
      peer: PEER,
      id: "me",
      candidates: [{ address: "203.0.113.10:49152", transport: "udp", proved: true }],
      data: "",
      expiresInMs: 1,
    },
  },
  { type: "removed", peer: PEER, id: "me" },
  { type: "expired", peer: PEER, id: "me" },
  { type: "signal", from: PEER, data: "x" },
  { type: "sync", with: PEER, delayMs: 200.5 },
  { type: "error", code: "bad_message", message: "m", about: "post" },
  { type: "error", code: "store_unavailable", message: "m" },
  { type: "ping", id: "1" },
  { type: "pong", id: "1" },
];
for (const message of SAID) {
  Deno.test(`readServerMessage() reads ${message.type}, and passes over keys of the future`, () => {
    const text = JSON.stringify({ ...message, future: { x: 1 } });
    assertEquals(readServerMessage(text), { ok: true, value: message });
  });

  Deno.test(`readServerMessage() refuses ${message.type} without a field that it needs`, () => {
    for (const field of Object.keys(message).filter((name) => !/^(type|about)$/.test(name))) {
      const { [field]: _, ...rest } = message as unknown as Record<string, unknown>;
      assertEquals(readServerMessage(JSON.stringify(rest)).ok, false, field);
    }
  });
}

Deno.test("every message has a case here, and a JSON Schema", () => {
  assertEquals(
    FULL.map(({ type }) => type),
    Object.keys(CLIENT_SCHEMAS) as ClientMessage["type"][],
  );
  assertEquals(
    [...new Set(SAID.map(({ type }) => type))],
    Object.keys(SERVER_SCHEMAS) as ServerMessage["type"][],
  );
  const schemas: v.GenericSchema[] = [
    ...Object.values(CLIENT_SCHEMAS),
    ...Object.values(SERVER_SCHEMAS),
  ];
  for (const schema of schemas) {
    const { type, properties } = toJsonSchema(schema, { ignoreActions: ["check"] });
    assertEquals([type, typeof properties], ["object", "object"]);
  }
});

function assertRefused(message: unknown, wanted?: string): string {
  const read = readClientMessage(JSON.stringify(message));
  if (read.ok) throw new Error(`Read ${JSON.stringify(message)}`);
  assertEquals(read.code, "bad_message");
  if (wanted !== undefined) assertEquals(read.reason, wanted);
  return read.reason;
}

function post(fields: Record<string, unknown>): unknown {
  return { type: "post", id: "me", ...fields };
}

function candidate(fields: Record<string, unknown>): unknown {
  return { address: "203.0.113.10:49152", transport: "udp", ...fields };
}
