import { assertEquals } from "@std/assert";
import { type Command, parseCommandLine } from "../../lib/cli/command_line.ts";
import {
  readServeSettings,
  type ServeSettings,
  type ServeSettingsResult,
} from "../../lib/cli/serve_settings.ts";
import { SETTING_FLAGS, SETTINGS } from "../../lib/cli/settings_table.ts";
import { GOOD } from "./setting_values.ts";

const COMMAND: Command = {
  name: "server.ts",
  usage: "",
  summary: "",
  flags: SETTING_FLAGS,
  examples: [],
  exitCodes: "",
};

const DEFAULTS: ServeSettings = {
  port: 3478,
  transport: ["udp", "tcp"],
  "tls-port": 5349,
  "dial-back": "on",
  auth: "none",
  "rate-limit": 1000,
  "rate-burst": 5000,
  exempt: [],
  "proxy-protocol": [],
  "http-hostname": "127.0.0.1",
  "http-operator": ["127.0.0.0/8", "::1"],
  "http-trusted-proxy": [],
  "http-origin": [],
  "board-store": "memory",
  udp: "auto",
  tcp: "auto",
  workers: 1,
  "log-format": "text",
  "log-level": "info",
};

Deno.test("readServeSettings() has a default for what must have a value, and no other", () => {
  assertEquals(fromFlags(""), { ok: true, value: DEFAULTS });
  assertEquals(fromFile({}), { ok: true, value: DEFAULTS });
});

for (const [name, cases] of Object.entries(GOOD)) {
  for (const { flag, file, value, also = {} } of cases) {
    Deno.test(`readServeSettings() reads ${flag}, and the same from a file`, () => {
      const expected = { ok: true, value: { ...DEFAULTS, ...also, [name]: value } };
      assertEquals<unknown>(fromFlags(flag, also), expected);
      assertEquals<unknown>(fromFile({ ...also, [name]: file }), expected);
    });
  }
}

Deno.test("every setting has a value that is read here", () => {
  assertEquals(Object.keys(GOOD), Object.keys(SETTINGS));
});

interface BadValue {
  readonly flag: string;
  readonly name: string;
  /** What follows the place, for the flag. */
  readonly problem: string;
}

const BAD: readonly BadValue[] = [
  ...[
    ["port", "0 to 65535", ["-1", "65536", "1.5", "1e3", "0x10", "abc", "3478,3479"]],
    ["tls-port", "0 to 65535", ["65536"]],
    ["alternate-port", "0 to 65535", ["65536"]],
    ["http-port", "0 to 65535", ["65536"]],
    ["http-max-connections", "1 to 1000000", ["0"]],
    ["http-max-connections-per-address", "1 to 1000000", ["0"]],
    ["rate-limit", "0 to 10000000", ["-1", "10000001", "10/s"]],
    ["rate-burst", "1 to 100000000", ["0", "100000001"]],
    ["max-connections", "1 to 1000000", ["0", "1000001", "many"]],
    ["max-connections-per-address", "1 to 1000000", ["0", "1000001"]],
    ["idle-timeout", "1 to 31536000", ["0", "31536001", "10m"]],
  ].flatMap(([name, range, values]) =>
    (values as string[]).map((value) => ({
      name: name as string,
      flag: `--${name}=${value}`,
      problem: `got ${/^-?[0-9.]+$/.test(value) ? value : JSON.stringify(value)}, ` +
        `wanted a whole number of ${range}`,
    }))
  ),
  ...["hostname", "alternate-hostname", "advertise", "advertise-alternate"].map((name) => ({
    name,
    flag: `--${name} [::1]:3478`,
    problem: 'got "[::1]:3478", wanted an IP address, without brackets or port',
  })),
  {
    name: "hostname",
    flag: "--hostname 127.0.0.1 --hostname localhost",
    problem: 'got "localhost", wanted an IP address, without brackets or port',
  },
  {
    name: "http-hostname",
    flag: "--http-hostname localhost",
    problem: 'got "localhost", wanted an IP address, without brackets or port',
  },
  ...["app.example", "https://app.example/page", "null"].map((value) => ({
    name: "http-origin",
    flag: `--http-origin ${value}`,
    problem: `got "${value}", wanted an origin such as https://app.example, or *`,
  })),
  ...["disk", "redis:", "http://user:word@127.0.0.1"].map((value) => ({
    name: "board-store",
    flag: `--board-store ${value}`,
    problem: "got something else, wanted none, memory or redis://HOST[:PORT]",
  })),
  ...["exempt", "proxy-protocol", "http-operator", "http-trusted-proxy"].flatMap((name) =>
    ["10.0.0.0/33", "10.0.0.1/8", "office"].map((value) => ({
      name,
      flag: `--${name} ${value}`,
      problem: `got "${value}", wanted an address block such as 192.0.2.0/24`,
    }))
  ),
  { name: "transport", flag: "--transport sctp", problem: 'got "sctp", wanted udp or tcp' },
  { name: "transport", flag: "--transport udp,", problem: 'got "", wanted udp or tcp' },
  { name: "transport", flag: "--transport UDP", problem: 'got "UDP", wanted udp or tcp' },
  {
    name: "transport",
    flag: "--transport udp,udp",
    problem: 'got ["udp","udp"], wanted each of udp and tcp once',
  },
  { name: "dial-back", flag: "--dial-back yes", problem: 'got "yes", wanted on or off' },
  {
    name: "auth",
    flag: "--auth longterm",
    problem: 'got "longterm", wanted none or short-term or long-term',
  },
  { name: "log-format", flag: "--log-format xml", problem: 'got "xml", wanted text or json' },
  {
    name: "log-level",
    flag: "--log-level verbose",
    problem: 'got "verbose", wanted error or warn or info or debug or trace',
  },
  {
    name: "software",
    flag: `--software ${"x".repeat(128)}`,
    problem: `got "${"x".repeat(128)}", wanted at most 127 characters`,
  },
  {
    name: "realm",
    flag: `--realm ${"x".repeat(128)}`,
    problem: `got "${"x".repeat(128)}", wanted at most 127 characters`,
  },
  ...["alice", ":pass", "alice:"].map((value) => ({
    name: "user",
    flag: `--user ${value}`,
    problem: "got something else, wanted NAME:PASSWORD, neither of them empty",
  })),
  {
    name: "nonce-secret",
    flag: "--nonce-secret 0123456789abcde",
    problem: "got something else, wanted 16 characters or more",
  },
];
for (const { flag, name, problem } of BAD) {
  Deno.test(`readServeSettings() refuses ${flag.slice(0, 60)}`, () => {
    assertEquals(fromFlags(flag), {
      ok: false,
      problems: [`Cannot read --${name}: ${problem}`],
    });
  });
}

const BAD_FILES: readonly (readonly [content: unknown, problem: string])[] = [
  [{ prot: 1 }, "Cannot read prot in my.json: there is no such setting"],
  [{ Port: 1 }, "Cannot read Port in my.json: there is no such setting"],
  [{ config: "x.json" }, "Cannot read config in my.json: there is no such setting"],
  [{ toString: 1 }, "Cannot read toString in my.json: there is no such setting"],
  [
    JSON.parse('{"__proto__":{"port":1}}'),
    "Cannot read __proto__ in my.json: there is no such setting",
  ],
  [
    { port: "3478" },
    'Cannot read port in my.json: got "3478", wanted a whole number of 0 to 65535',
  ],
  [{ port: null }, "Cannot read port in my.json: got null, wanted a whole number of 0 to 65535"],
  [{ port: [1] }, "Cannot read port in my.json: got [1], wanted a whole number of 0 to 65535"],
  [{ port: true }, "Cannot read port in my.json: got true, wanted a whole number of 0 to 65535"],
  [{ hostname: 1 }, "Cannot read hostname in my.json: got 1, wanted IP addresses"],
  [{ hostname: [] }, "Cannot read hostname in my.json: got [], wanted an IP address or more"],
  [
    { hostname: ["::1", "x"] },
    'Cannot read hostname.1 in my.json: got "x", wanted an IP address, without brackets or port',
  ],
  [{ hostname: [1] }, "Cannot read hostname.0 in my.json: got 1, wanted an IP address"],
  [{ transport: [] }, "Cannot read transport in my.json: got [], wanted udp or tcp or both"],
  [{ transport: {} }, "Cannot read transport in my.json: got {}, wanted a list of udp and tcp"],
  [{ "dial-back": true }, "Cannot read dial-back in my.json: got true, wanted on or off"],
  [
    { "tls-cert": "", "tls-key": "k" },
    'Cannot read tls-cert in my.json: got "", wanted a file name',
  ],
  [{ software: "" }, 'Cannot read software in my.json: got "", wanted text'],
  [{ exempt: 1 }, "Cannot read exempt in my.json: got 1, wanted address blocks"],
  [{ exempt: [1] }, "Cannot read exempt.0 in my.json: got 1, wanted an address block"],
  [
    { user: { alice: "hunter2" } },
    "Cannot read user in my.json: got something else, wanted a list of NAME:PASSWORD",
  ],
  [
    { user: ["a:b", 2] },
    "Cannot read user.1 in my.json: got something else, wanted NAME:PASSWORD",
  ],
  ...[[], "text", 1, true, null].map((content) =>
    [content, "Cannot read my.json: wanted a JSON object of settings"] as const
  ),
];
for (const [content, problem] of BAD_FILES) {
  Deno.test(`readServeSettings() refuses a file of ${JSON.stringify(content)}`, () => {
    assertEquals(fromFile(content), { ok: false, problems: [problem] });
  });
}

Deno.test("readServeSettings() tells of everything that is wrong, at once, in one line each", () => {
  const flags = parse("--port 99999 --log-level loud");
  const file = { name: "my.json", content: { hostname: ["a", "::1", "b"], bogus: 1, port: "x" } };
  assertEquals(readServeSettings({ flags, file }), {
    ok: false,
    problems: [
      'Cannot read hostname.0 in my.json: got "a", wanted an IP address, without brackets or port',
      'Cannot read hostname.2 in my.json: got "b", wanted an IP address, without brackets or port',
      "Cannot read --port: got 99999, wanted a whole number of 0 to 65535",
      'Cannot read --log-level: got "loud", wanted error or warn or info or debug or trace',
      "Cannot read bogus in my.json: there is no such setting",
    ],
  });
});

Deno.test("readServeSettings() believes a flag more than the file, lists and bad values included", () => {
  const content = {
    hostname: ["192.0.2.1", "192.0.2.2"],
    port: "not read",
    software: "from the file",
    "log-level": "debug",
  };
  const flags = parse("--hostname ::1 --port 1 --software flag");
  assertEquals(readServeSettings({ flags, file: { name: "my.json", content } }), {
    ok: true,
    value: {
      ...DEFAULTS,
      hostname: ["::1"],
      port: 1,
      software: "flag",
      "log-level": "debug",
    },
  });
});

Deno.test("readServeSettings() passes over flags that are no settings, and the schema of a file", () => {
  const flags = new Map<string, string | true>([["config", "my.json"], ["check-config", true]]);
  const file = { name: "my.json", content: { $schema: "./config.schema.json", port: 1 } };
  assertEquals(readServeSettings({ flags, file }), { ok: true, value: { ...DEFAULTS, port: 1 } });
});

const CONFLICTS: readonly (readonly [flags: string, problems: readonly string[]])[] = [
  ["--tls-cert c.pem", ["Cannot use --tls-cert: it goes with tls-key"]],
  ["--tls-key k.pem", ["Cannot use --tls-key: it goes with tls-cert"]],
  [
    "--auth long-term",
    [
      "Cannot use --auth: it goes with a realm",
      "Cannot use --auth: it goes with a user or an auth-secret",
    ],
  ],
  ["--auth long-term --user a:b", ["Cannot use --auth: it goes with a realm"]],
  [
    "--auth long-term --realm r",
    ["Cannot use --auth: it goes with a user or an auth-secret"],
  ],
  ["--auth long-term --realm r --auth-secret s", []],
  ["--auth long-term --realm r --auth-secret s --user a:b", []],
  ["--workers 2", []],
  ["--workers 2 --udp batched --transport udp", []],
  ["--workers 2 --udp deno", ["Cannot use --workers: it goes with udp auto or batched"]],
  ["--workers 2 --transport tcp", ["Cannot use --workers: it goes with udp among the transports"]],
  ["--workers 1 --transport tcp --udp deno", []],
  ["--auth short-term", ["Cannot use --auth: it goes with a user"]],
  ["--user a:b", ["Cannot use --user: it goes with auth short-term or long-term"]],
  ["--auth-secret s", ["Cannot use --auth-secret: it goes with auth long-term"]],
  ["--realm r", ["Cannot use --realm: it goes with auth long-term"]],
  [
    "--auth short-term --user a:b --realm r --auth-secret s",
    [
      "Cannot use --auth-secret: it goes with auth long-term",
      "Cannot use --realm: it goes with auth long-term",
    ],
  ],
];
for (const [flags, problems] of CONFLICTS) {
  Deno.test(`readServeSettings() says whether ${flags} go together`, () => {
    const result = fromFlags(flags);
    assertEquals(result.ok ? [] : result.problems, problems);
  });
}

Deno.test("readServeSettings() says of a conflict in which place it is", () => {
  assertEquals(
    readServeSettings({
      flags: parse("--auth short-term"),
      file: { name: "my.json", content: { realm: "r", user: "a:b" } },
    }),
    { ok: false, problems: ["Cannot use realm in my.json: it goes with auth long-term"] },
  );
});

Deno.test("readServeSettings() never shows a secret", () => {
  const secrets = Object.entries(SETTINGS).filter(([, row]) => "secret" in row)
    .map(([name]) => name);
  assertEquals(secrets, ["user", "auth-secret", "nonce-secret", "board-store"]);
  const hidden = "hunter2";
  for (const name of secrets) {
    const values = [hidden, `:${hidden}`, `${hidden}:`, [hidden], { [name]: hidden }, [[hidden]], [
      "a:b",
      { a: hidden },
    ], { a: [hidden] }];
    for (const value of values) {
      for (const extra of [{}, { auth: "none" }, { auth: "short-term" }, { bogus: 1 }]) {
        const result = fromFile({ ...extra, [name]: value });
        assertEquals(JSON.stringify(result.ok ? "" : result.problems).includes(hidden), false);
      }
    }
    const result = fromFlags(`--${name} ${hidden}`);
    assertEquals(JSON.stringify(result.ok ? "" : result.problems).includes(hidden), false);
  }
});

function fromFlags(
  flags: string,
  content?: Readonly<Record<string, unknown>>,
): ServeSettingsResult {
  const file = content === undefined ? undefined : { name: "my.json", content };
  return readServeSettings({ flags: parse(flags), file });
}

function fromFile(content: unknown): ServeSettingsResult {
  return readServeSettings({ flags: new Map(), file: { name: "my.json", content } });
}

function parse(flags: string): ReadonlyMap<string, string | true | readonly string[]> {
  const line = parseCommandLine(COMMAND, flags === "" ? [] : flags.split(" "));
  if (!line.ok) throw new TypeError(line.problem);
  return line.flags;
}
