import { assertEquals } from "@std/assert";
import {
  type Clock,
  type LogFields,
  type Logger,
  type LogLevel,
  openLogger,
  silentLogger,
} from "../../lib/ops/mod.ts";

const LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug", "trace"];
const WHEN = Date.UTC(2026, 10, 21, 21, 14, 53, 7);
const stoppedClock: Clock = {
  now: () => 0,
  wallTime: () => WHEN,
  setTimer: () => () => {},
};
const LISTENING = { transport: "udp", address: "127.0.0.1:3478", io: "deno" };

Deno.test("openLogger() writes one line of text per call", () => {
  assertEquals(logged("text", (logger) => logger.info("listening", LISTENING)), [
    "2026-11-21 21:14:53 info  listening transport=udp address=127.0.0.1:3478 io=deno",
  ]);
});

Deno.test("openLogger() writes one JSON object per call", () => {
  assertEquals(logged("json", (logger) => logger.info("listening", LISTENING)), [
    '{"time":"2026-11-21T21:14:53.007Z","level":"info","message":"listening",' +
    '"transport":"udp","address":"127.0.0.1:3478","io":"deno"}',
  ]);
});

Deno.test("openLogger() names each level, in text five characters wide", () => {
  const all = (logger: Logger) => LEVELS.forEach((level) => logger[level]("x"));
  assertEquals(logged("text", all).map((line) => line.slice(20)), [
    "error x",
    "warn  x",
    "info  x",
    "debug x",
    "trace x",
  ]);
  assertEquals(logged("json", all).map((line) => JSON.parse(line).level), [...LEVELS]);
});

for (const [index, level] of LEVELS.entries()) {
  Deno.test(`openLogger() writes ${level} and what is graver when the level is ${level}`, () => {
    const lines: string[] = [];
    const logger = openLogger({ format: "json", level, write: (line) => lines.push(line) });
    for (const each of LEVELS) logger[each](each);
    const wanted = LEVELS.slice(0, index + 1);
    assertEquals(lines.map((line) => JSON.parse(line).message), [...wanted]);
    assertEquals(LEVELS.filter((each) => logger.isEnabled(each)), [...wanted]);
  });
}

const VALUES: readonly [name: string, value: unknown, text: string, json: string][] = [
  ["plain text", "udp", "udp", '"udp"'],
  ["text with a space", "a b", '"a b"', '"a b"'],
  ["no text at all", "", '""', '""'],
  ["a quotation mark", 'a"b', '"a\\"b"', '"a\\"b"'],
  ["an equals sign", "a=b", '"a=b"', '"a=b"'],
  ["a line feed", "a\nb", '"a\\nb"', '"a\\nb"'],
  ["a terminal's escape", "\x1b[2J", '"\\u001b[2J"', '"\\u001b[2J"'],
  ["an 8-bit escape", "\x9b2J", '"\\u009b2J"', '"\\u009b2J"'],
  ["a line separator", "a\u2028b", '"a\\u2028b"', '"a\\u2028b"'],
  ["a number", 3478, "3478", "3478"],
  ["a boolean", false, "false", "false"],
  ["null", null, "null", "null"],
  ["a bigint", 10n, '"10"', '"10"'],
  ["an error", new TypeError("no way"), '"TypeError: no way"', '"TypeError: no way"'],
  ["an array", [1, "a"], '[1,"a"]', '[1,"a"]'],
  ["an object", { a: { b: 1 } }, '{"a":{"b":1}}', '{"a":{"b":1}}'],
];

for (const [name, value, text, json] of VALUES) {
  Deno.test(`openLogger() writes a field's value when it is ${name}`, () => {
    const log = (logger: Logger) => logger.info("x", { value });
    assertEquals(logged("text", log), [`2026-11-21 21:14:53 info  x value=${text}`]);
    assertEquals(logged("json", log), [
      `{"time":"2026-11-21T21:14:53.007Z","level":"info","message":"x","value":${json}}`,
    ]);
  });
}

Deno.test("openLogger() leaves a field out when its value is undefined", () => {
  const log = (logger: Logger) => logger.info("x", { gone: undefined, kept: 1 });
  assertEquals(logged("text", log), ["2026-11-21 21:14:53 info  x kept=1"]);
  assertEquals(Object.keys(JSON.parse(logged("json", log)[0]!)), [
    "time",
    "level",
    "message",
    "kept",
  ]);
});

Deno.test("openLogger() keeps its own keys when a field has the same name", () => {
  const fields = { message: "forged", level: "error", time: "never", port: 1 };
  const [line] = logged("json", (logger) => logger.info("true", fields));
  assertEquals(
    line,
    '{"time":"2026-11-21T21:14:53.007Z","level":"info","message":"true","port":1}',
  );
});

Deno.test("openLogger() writes one line when the message holds control characters", () => {
  const log = (logger: Logger) => logger.warn("a\nb\x1b[31m", { "k\n": 1 });
  assertEquals(logged("text", log), ["2026-11-21 21:14:53 warn  a\\nb\\x1b[31m k\\n=1"]);
  assertEquals(logged("json", log)[0]!.includes("\n"), false);
});

Deno.test("openLogger() writes what it can when a field is circular", () => {
  const loop: LogFields = { name: "loop" };
  loop.self = loop;
  const shared = { a: 1 };
  const [line] = logged("json", (logger) => logger.info("x", { loop, twice: [shared, shared] }));
  const { loop: found, twice } = JSON.parse(line!);
  assertEquals(found, { name: "loop", self: "[circular]" });
  assertEquals(twice, [{ a: 1 }, { a: 1 }]);
});

Deno.test("openLogger() goes on when the line cannot be written", () => {
  const logger = openLogger({
    format: "text",
    level: "info",
    write: () => {
      throw new Deno.errors.BrokenPipe("nobody reads");
    },
  });
  logger.error("unheard");
});

Deno.test("openLogger() writes whole lines to standard output when it is given no writer", () => {
  const { writeSync } = Deno.stdout;
  const written: number[] = [];
  Deno.stdout.writeSync = (bytes) => {
    // A pipe may take less than it is offered.
    const taken = Math.min(bytes.length, 10);
    written.push(...bytes.subarray(0, taken));
    return taken;
  };
  try {
    openLogger({ format: "text", level: "info", clock: stoppedClock }).info("näher");
  } finally {
    Deno.stdout.writeSync = writeSync;
  }
  const text = new TextDecoder().decode(new Uint8Array(written));
  assertEquals(text, "2026-11-21 21:14:53 info  näher\n");
});

Deno.test("silentLogger is enabled for no level and takes every call", () => {
  for (const level of LEVELS) {
    silentLogger[level]("x", { a: 1 });
    assertEquals(silentLogger.isEnabled(level), false);
  }
});

function logged(format: "text" | "json", log: (logger: Logger) => void): string[] {
  const lines: string[] = [];
  log(openLogger({
    format,
    level: "trace",
    clock: stoppedClock,
    write: (line) => lines.push(line),
  }));
  return lines;
}
