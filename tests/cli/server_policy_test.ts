import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { parseCommandLine } from "../../lib/cli/command_line.ts";
import { SERVE } from "../../lib/cli/serve.ts";
import { readServeConfiguration } from "../../lib/cli/serve_configuration.ts";
import { readServeSettings } from "../../lib/cli/serve_settings.ts";
import { serverPolicy } from "../../lib/cli/server_policy.ts";
import { serverOptions } from "../../lib/cli/server_process.ts";
import { query, QueryError, type QueryOptions } from "../../lib/client/mod.ts";
import { AddressTokenAuthority, timeLimitedPassword } from "../../lib/protocol/mod.ts";
import { type ServerPolicy, StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import {
  attribute,
  formatSocketAddress,
  longTermKey,
  NONCE,
  parseIp,
  REALM,
  type SocketAddress,
  USERNAME,
} from "../../lib/wire/mod.ts";
import { request } from "../protocol/binding_cases.ts";
import { type Heard, UdpClient, until } from "../server/loopback_client.ts";
import { leakTest } from "../support/leak_test.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { ServingProcess } from "./serving_process.ts";

const LONG_TERM = ["--auth", "long-term", "--realm", "example.org"];
const ALICE = ["--user", "alice:secret"];
const SHARED = ["--nonce-secret", "the same on both servers"];
const SPARSE = ["--rate-limit", "5", "--rate-burst", "5"];

Deno.test("serverPolicy() says what the defaults mean", () => {
  const { authenticator, addressTokens, ...policy } = policyOf({});
  assertInstanceOf(addressTokens, AddressTokenAuthority);
  assertEquals([authenticator, policy], [undefined, {
    software: undefined,
    rateLimit: { ratePerSecond: 1000, burst: 5000, exempt: [] },
    dialBack: true,
    proxies: [],
    idleTimeoutMs: undefined,
    maxConnections: undefined,
    maxConnectionsPerAddress: undefined,
  }]);
});

Deno.test("serverPolicy() makes servers take each other's address tokens by --nonce-secret", () => {
  const tokens = (secret?: string) =>
    policyOf(secret === undefined ? {} : { "nonce-secret": secret }).addressTokens!;
  const address = { ip: ip("192.0.2.1"), port: 7 };
  const token = tokens("the same on both servers").issue(address, "udp", 0);
  const verdicts = [tokens("the same on both servers"), tokens("another one in here"), tokens()]
    .map((authority) => authority.check(token, address, "udp", 600_000));
  assertEquals(verdicts, ["valid", "forged", "forged"]);
});

const MEANINGS: readonly (readonly [Record<string, unknown>, ServerPolicy])[] = [
  [{ software: "Pinhole" }, { software: "Pinhole" }],
  [{ "rate-limit": 0 }, { rateLimit: undefined }],
  [{ "rate-limit": 5, "rate-burst": 7, exempt: ["10.0.0.0/8", "2001:db8::/32"] }, {
    rateLimit: {
      ...{ ratePerSecond: 5, burst: 7 },
      exempt: [{ ip: ip("10.0.0.0"), bits: 8 }, { ip: ip("2001:db8::"), bits: 32 }],
    },
  }],
  [{ "dial-back": "off" }, { dialBack: false }],
  [{ "proxy-protocol": ["192.0.2.0/24"] }, { proxies: [{ ip: ip("192.0.2.0"), bits: 24 }] }],
  [{ "idle-timeout": 90 }, { idleTimeoutMs: 90_000 }],
  [{ "max-connections": 9 }, { maxConnections: 9 }],
  [{ "max-connections-per-address": 3 }, { maxConnectionsPerAddress: 3 }],
];
for (const [settings, meaning] of MEANINGS) {
  Deno.test(`serverPolicy() says what ${JSON.stringify(settings)} means, and nothing else`, () => {
    assertEquals(policyOf(settings), { ...policyOf({}), ...meaning });
  });
}

const REFUSED: readonly (readonly [Record<string, unknown>, string])[] = [
  [
    { auth: "short-term", user: ["alice:a", "alice:b"] },
    'Cannot make a short-term authenticator: the user "alice" is there twice',
  ],
  [
    { auth: "long-term", realm: "r", user: ["alice:a", "alice:b"] },
    'Cannot make a long-term authenticator: the user "alice" is there twice',
  ],
  [
    { auth: "long-term", realm: "\u0007", user: ["alice:a"] },
    "Cannot make a long-term authenticator: the realm: ",
  ],
  [
    { auth: "short-term", user: ["alice:\u0007"] },
    'Cannot make a short-term authenticator: the password of "alice": ',
  ],
];
for (const [settings, message] of REFUSED) {
  Deno.test(`serverPolicy() throws on ${JSON.stringify(settings)}`, () => {
    const error = assertThrows(() => policyOf(settings), RangeError);
    assertEquals(error.message.slice(0, message.length), message);
  });
}

const SECRET = "north";
const IN_AN_HOUR = `${Math.floor(Date.now() / 1000) + 3600}:alice`;
const AN_HOUR_AGO = `${Math.floor(Date.now() / 1000) - 3600}:alice`;

/** What clients say they are. */
const WHO = {
  "nobody": undefined,
  "alice": { username: "alice", password: "secret" },
  "alice with a wrong password": { username: "alice", password: "Secret" },
  "bob": { username: "bob", password: "with:colons" },
  "a time-limited user": timeLimited(IN_AN_HOUR),
  "a time-limited user of old": timeLimited(AN_HOUR_AGO),
  "a time-limited user with the password of another": {
    ...timeLimited(IN_AN_HOUR),
    username: IN_AN_HOUR + "!",
  },
} satisfies Readonly<Record<string, QueryOptions["credentials"]>>;

/** Flags, a client, and how its query ends: `authenticated`, `open`, or the code of the error. */
const CLIENTS: readonly (readonly [
  args: readonly string[],
  who: keyof typeof WHO,
  outcome: string,
])[] = [
  [[], "nobody", "open"],
  [[], "alice", "open"],
  ...[["--auth", "short-term"], LONG_TERM].flatMap((mechanism) => {
    const args = [...mechanism, ...ALICE];
    return [
      [args, "alice", "authenticated"],
      [args, "alice with a wrong password", "unauthenticated"],
      [args, "bob", "unauthenticated"],
      [args, "nobody", "error-response"],
      [[...args, "--user", "bob:with:colons"], "bob", "authenticated"],
    ] as const;
  }),
  ...[[], ALICE].flatMap((users) => {
    const args = [...LONG_TERM, "--auth-secret", SECRET, ...users];
    return [
      [args, "a time-limited user", "authenticated"],
      [args, "a time-limited user of old", "unauthenticated"],
      [args, "a time-limited user with the password of another", "unauthenticated"],
      [args, "alice", users.length > 0 ? "authenticated" : "unauthenticated"],
    ] as const;
  }),
];
for (const [args, who, outcome] of CLIENTS) {
  const mechanism = args.includes("short-term") ? "short-term" : "long-term";
  for (const transport of ["udp", "tcp"] as const) {
    leakTest(`server.ts ${args.join(" ")} and ${who} over ${transport}: ${outcome}`, async () => {
      await using server = serverOf(args);
      const known = WHO[who];
      const asking = query(`stun:${formatSocketAddress(start(server))}`, {
        transport,
        credentials: known && { ...known, mechanism },
        // Over UDP a client waits for a better answer than one that anybody could have forged
        timeoutMs: mechanism === "short-term" && outcome === "unauthenticated" ? 300 : 5000,
      });
      if (outcome === "authenticated" || outcome === "open") {
        const { reflexive, local, authenticated } = await asking;
        assertEquals(reflexive, local);
        assertEquals(authenticated, known && outcome === "authenticated");
        return;
      }
      const error = await assertRejects(() => asking, QueryError);
      // RFC 8489 9.1.3: a request without credentials is a bad one where there is no challenge
      const code = mechanism === "short-term" && known === undefined ? 400 : 401;
      assertEquals([error.code, error.errorCode], [outcome, code]);
    });
  }
}

leakTest("--nonce-secret makes servers take each other's nonces, for the same port", async () => {
  await using first = serverOf([...LONG_TERM, ...ALICE, ...SHARED]);
  await using second = serverOf([...LONG_TERM, ...ALICE, ...SHARED]);
  await using stranger = serverOf([...LONG_TERM, ...ALICE]);
  using socket = new UdpClient();
  using otherPort = new UdpClient();
  const nonce = nonceOf(await socket.ask(request(), start(first)));
  const target = start(second);
  assertEquals((await socket.ask(authenticated(nonce), target)).kind, "success");
  assertEquals((await otherPort.ask(authenticated(nonce), target)).kind, "error 438");
  const strange = start(stranger);
  const stale = await socket.ask(authenticated(nonce), strange);
  assertEquals(stale.kind, "error 438");
  // What comes with 438 is good where it came from
  const again = await socket.ask(authenticated(nonceOf(stale)), strange);
  assertEquals(again.kind, "success");
});

leakTest("--rate-limit and --rate-burst meet the request too many with silence", async () => {
  const clock = new VirtualClock();
  await using server = serverOf(SPARSE, { clock });
  const target = start(server);
  using socket = new UdpClient();
  for (let i = 0; i < 5; i++) assertEquals((await socket.ask(request(), target)).kind, "success");
  await socket.send(request(), target);
  await until(() => server.statistics!.total("drop-rate-limited") === 1);
  // A fifth of a second later there is one token more
  clock.advance(200);
  assertEquals((await socket.ask(request(), target)).kind, "success");
  await socket.send(request(), target);
  await until(() => server.statistics!.total("drop-rate-limited") === 2);
  assertEquals(server.statistics!.total("success"), 6);
});

leakTest("--exempt lifts the rate limit for its block alone", async () => {
  for (const [block, answered] of [["127.0.0.0/8", 8], ["10.0.0.0/8", 5]] as const) {
    await using server = serverOf([...SPARSE, "--exempt", block], { clock: new VirtualClock() });
    const target = start(server);
    using socket = new UdpClient();
    for (let i = 0; i < 8; i++) await socket.send(request(), target);
    await until(() => count(server) === 8);
    assertEquals(server.statistics!.total("success"), answered);
  }
});

leakTest("--rate-limit 0 limits nobody", async () => {
  await using server = serverOf(["--rate-limit", "0", "--rate-burst", "1"], {
    clock: new VirtualClock(),
  });
  const target = start(server);
  using socket = new UdpClient();
  for (let i = 0; i < 8; i++) assertEquals((await socket.ask(request(), target)).kind, "success");
});

leakTest("challenges have a tighter budget of their own, which the known do not need", async () => {
  const clock = new VirtualClock();
  await using server = serverOf([...LONG_TERM, ...ALICE], { clock });
  const target = start(server);
  using socket = new UdpClient();
  const nonce = nonceOf(await socket.ask(request(), target));
  for (let i = 1; i < 200; i++) {
    assertEquals((await socket.ask(request(), target)).kind, "error 401");
  }
  await socket.send(request(), target);
  // A wrong nonce would be answered with a challenge too
  await socket.send(authenticated("stale"), target);
  assertEquals((await socket.ask(authenticated(nonce), target)).kind, "success");
  const { statistics } = server;
  assertEquals([
    statistics!.total("error-401"),
    statistics!.total("drop-challenge-limited"),
    statistics!.total("drop-rate-limited"),
  ], [200, 2, 0]);
  clock.advance(50);
  assertEquals((await socket.ask(request(), target)).kind, "error 401");
});

leakTest("--exempt lifts the budget of challenges too", async () => {
  const args = [...LONG_TERM, ...ALICE, "--exempt", "127.0.0.1/32"];
  await using server = serverOf(args, { clock: new VirtualClock() });
  const target = start(server);
  using socket = new UdpClient();
  for (let i = 0; i < 210; i++) {
    assertEquals((await socket.ask(request(), target)).kind, "error 401");
  }
});

const COMBINATIONS: readonly (readonly [args: readonly string[], ...problems: string[]])[] = [
  [["--auth", "short-term"], "Cannot use --auth: it goes with a user"],
  [
    ["--auth", "long-term"],
    "Cannot use --auth: it goes with a realm",
    "Cannot use --auth: it goes with a user or an auth-secret",
  ],
  [LONG_TERM, "Cannot use --auth: it goes with a user or an auth-secret"],
  [
    ["--auth", "long-term", ...ALICE],
    "Cannot use --auth: it goes with a realm",
  ],
  [ALICE, "Cannot use --user: it goes with auth short-term or long-term"],
  [["--realm", "example.org"], "Cannot use --realm: it goes with auth long-term"],
  [["--auth-secret", SECRET], "Cannot use --auth-secret: it goes with auth long-term"],
  [
    ["--auth", "short-term", ...ALICE, "--realm", "r", "--auth-secret", SECRET],
    "Cannot use --auth-secret: it goes with auth long-term",
    "Cannot use --realm: it goes with auth long-term",
  ],
  [
    [...LONG_TERM, ...ALICE, "--nonce-secret", "short"],
    "Cannot read --nonce-secret: got something else, wanted 16 characters or more",
  ],
  [
    [...LONG_TERM, ...ALICE, "--user", "alice:other"],
    'Cannot make a long-term authenticator: the user "alice" is there twice',
  ],
];
for (const [args, ...problems] of COMBINATIONS) {
  Deno.test(`server.ts ${args.join(" ")} cannot be`, () => {
    const result = configurationOf(args);
    assertEquals(!result.ok && result.problems, problems);
  });
}

Deno.test("server.ts stops with 2 before it listens when credentials do not go together", async () => {
  for (const args of [["--auth", "long-term", ...ALICE], [...LONG_TERM, ...ALICE, ...ALICE]]) {
    await using server = await ServingProcess.spawn({ args: ["--port", "0", ...args] });
    const { code, stdout, stderr } = await server.child.result(20_000);
    assertEquals([code, stdout, stderr.split("\n").length, /secret/.test(stderr)], [
      ...[2, "", 3, false],
    ], stderr);
  }
});

function policyOf(settings: Record<string, unknown>): ServerPolicy {
  const read = readServeSettings({
    flags: new Map(),
    file: { name: "my.json", content: settings },
  });
  if (!read.ok) throw new TypeError(read.problems.join("\n"));
  return serverPolicy(read.value, { nonceSecret: new Uint8Array(32), seed: 0 });
}

function configurationOf(args: readonly string[]): ReturnType<typeof readServeConfiguration> {
  const line = parseCommandLine(SERVE, ["--hostname", "127.0.0.1", "--port", "0", ...args]);
  if (!line.ok) throw new TypeError(line.problem);
  const nonceSecret = crypto.getRandomValues(new Uint8Array(32));
  return readServeConfiguration(line, { nonceSecret, seed: 0 });
}

/** The server that these flags make. */
function serverOf(args: readonly string[], options: StunServerOptions = {}): StunServer {
  const configuration = configurationOf(args);
  if (!configuration.ok) throw new TypeError(configuration.problems.join("\n"));
  return new StunServer({ ...serverOptions(configuration.value), ...options });
}

/** Starts a server; the address of UDP and TCP. */
function start(server: StunServer): SocketAddress {
  return server.start()[0]!.address;
}

/** How many messages a server has seen. */
function count(server: StunServer): number {
  return [...server.statistics!.counts()].reduce((sum, one) => sum + one.count, 0);
}

function nonceOf({ attributes }: Heard): string {
  return `${attributes["NONCE"]}`;
}

/** A request of alice's with this nonce. */
function authenticated(nonce: string): Uint8Array {
  const [username, realm] = ["alice", "example.org"];
  const attributes = [
    attribute(USERNAME, username),
    attribute(REALM, realm),
    attribute(NONCE, nonce),
  ];
  return request(attributes, {
    integrity: longTermKey({ username, realm, password: "secret" }),
  });
}

function timeLimited(username: string): { readonly username: string; readonly password: string } {
  return { username, password: timeLimitedPassword(SECRET, username) };
}

function ip(text: string): Uint8Array {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
