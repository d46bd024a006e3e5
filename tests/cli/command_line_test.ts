import { assertEquals } from "@std/assert";
import { type Command, formatHelp, parseCommandLine } from "../../lib/cli/command_line.ts";

const COMMAND: Command = {
  name: "fetch",
  usage: "[WHAT] [flags]",
  summary: "Fetches a stick.",
  flags: [
    { name: "port", value: "PORT", help: "where" },
    { name: "user", value: "NAME:PASSWORD", repeatable: true, help: "who" },
    { name: "ipv4", short: "-4", help: "how" },
    { name: "with-a-name-that-is-too-long", value: "TEXT", help: "why" },
  ],
  examples: ["fetch --port 1", "fetch stick -4"],
  exitCodes: "0 fetched, 1 lost",
  positional: 1,
};

const READ: readonly (readonly [string, Record<string, unknown>, readonly string[]])[] = [
  ["", {}, []],
  ["--port 1", { port: "1" }, []],
  ["--port=1", { port: "1" }, []],
  ["--port=-1", { port: "-1" }, []],
  ["--port 007", { port: "007" }, []],
  ["--port=a=b", { port: "a=b" }, []],
  ["--user a:b", { user: ["a:b"] }, []],
  ["--user a:b --user=c:d --user a:b", { user: ["a:b", "c:d", "a:b"] }, []],
  ["--ipv4", { ipv4: true }, []],
  ["-4", { ipv4: true }, []],
  ["-4 --ipv4", { ipv4: true }, []],
  ["stick", {}, ["stick"]],
  ["-4 stick --port 1", { ipv4: true, port: "1" }, ["stick"]],
  ["12", {}, ["12"]],
  ["-", {}, ["-"]],
  ["-- --port", {}, ["--port"]],
  ["--help", { help: true }, []],
  ["-h", { help: true }, []],
];
for (const [args, flags, positional] of READ) {
  Deno.test(`parseCommandLine() reads ${JSON.stringify(args)}`, () => {
    const line = parseCommandLine(COMMAND, args === "" ? [] : args.split(" "));
    assertEquals(line, { ok: true, flags: new Map(Object.entries(flags)), positional } as never);
  });
}

const REFUSED: readonly (readonly [string, string])[] = [
  ["--prot 1", "Cannot read --prot: fetch has no such flag"],
  ["--ports=1", "Cannot read --ports: fetch has no such flag"],
  ["--pass=hunter2", "Cannot read --pass: fetch has no such flag"],
  ["--PORT 1", "Cannot read --PORT: fetch has no such flag"],
  ["--no-ipv4", "Cannot read --no-ipv4: fetch has no such flag"],
  ["--port.x 1", "Cannot read --port.x: fetch has no such flag"],
  ["--constructor 1", "Cannot read --constructor: fetch has no such flag"],
  ["--__proto__ 1", "Cannot read --__proto__: fetch has no such flag"],
  ["-p 1", "Cannot read -p: fetch has no such flag"],
  ["-4h", "Cannot read -4h: fetch has no such flag"],
  ["-5", "Cannot read -5: fetch has no such flag"],
  ["--port -1", "Cannot read -1: fetch has no such flag"],
  ["--port", "Cannot read --port: it wants PORT"],
  ["--port=", "Cannot read --port: it wants PORT"],
  ["--port --ipv4", "Cannot read --port: it wants PORT"],
  ["--port -4", "Cannot read --port: it wants PORT"],
  ["--user a:b --user", "Cannot read --user: it wants NAME:PASSWORD"],
  ["--port 1 --port 2", "Cannot read --port: it was given 2 times, wanted once"],
  ["--port 1 --port=1 --port 1", "Cannot read --port: it was given 3 times, wanted once"],
  ["--ipv4=yes", "Cannot read --ipv4: it takes no value"],
  ["--ipv4=false", "Cannot read --ipv4: it takes no value"],
  ["--help=yes", "Cannot read --help: it takes no value"],
  ["stick ball", 'Cannot read "ball": no such argument'],
  ["--ipv4 stick ball", 'Cannot read "ball": no such argument'],
  ["-- stick --port", 'Cannot read "--port": no such argument'],
];
for (const [args, problem] of REFUSED) {
  Deno.test(`parseCommandLine() refuses ${JSON.stringify(args)}`, () => {
    assertEquals(parseCommandLine(COMMAND, args.split(" ")), { ok: false, problem });
  });
}

Deno.test("parseCommandLine() keeps empty arguments and those with spaces as they are", () => {
  const read = (...args: string[]) => parseCommandLine(COMMAND, args);
  assertEquals(read("", "--port", " 1 "), {
    ok: true,
    flags: new Map([["port", " 1 "]]),
    positional: [""],
  });
  assertEquals(read("--port", ""), { ok: false, problem: "Cannot read --port: it wants PORT" });
});

Deno.test("parseCommandLine() takes no argument when the command takes none", () => {
  const { positional: _, ...command } = COMMAND;
  assertEquals(parseCommandLine(command, ["stick"]), {
    ok: false,
    problem: 'Cannot read "stick": no such argument',
  });
});

Deno.test("formatHelp() tells usage, flags, examples and exit codes", () => {
  assertEquals(
    formatHelp(COMMAND),
    `Usage: fetch [WHAT] [flags]

Fetches a stick.

Flags:
  --port PORT                     where
  --user NAME:PASSWORD            who
  -4, --ipv4                      how
  --with-a-name-that-is-too-long TEXT
                                  why
  -h, --help                      show this and stop

Example: fetch --port 1
Example: fetch stick -4

Exit codes: 0 fetched, 1 lost`,
  );
});
