import { type Clock, systemClock } from "./clock.ts";

/** How grave a line is, the gravest first. */
export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";

/** Facts that belong to a log line. Values are text, numbers, booleans, errors, or plain JSON. */
export type LogFields = Record<string, unknown>;

/** Takes log lines. Logging never throws. */
export interface Logger {
  /** Something failed that a person must look after. */
  error(message: string, fields?: LogFields): void;
  /** Something is wrong, and the program goes on. */
  warn(message: string, fields?: LogFields): void;
  /** The life of the program: start, stop, reload. Never an address of a client. */
  info(message: string, fields?: LogFields): void;
  /** The life of one connection or client. */
  debug(message: string, fields?: LogFields): void;
  /** Every packet. */
  trace(message: string, fields?: LogFields): void;
  /** Whether a line of this level would be written: ask before building costly fields. */
  isEnabled(level: LogLevel): boolean;
}

/** What {@linkcode openLogger} writes, and where. */
export interface OpenLoggerOptions {
  /**
   * `json`: one object per line, `time` (ISO 8601, UTC), `level`, `message`, then the fields.
   * `text`: date and time (UTC), level, message, then the fields as `key=value`.
   */
  readonly format: "text" | "json";
  /** The least grave level that is written. */
  readonly level: LogLevel;
  /**
   * Takes each line, without its line feed. What it throws is passed over.
   *
   * @default to standard output, synchronously
   */
  readonly write?: (line: string) => void;
  /**
   * Tells the time of each line.
   *
   * @default {systemClock}
   */
  readonly clock?: Clock;
}

/**
 * Makes a logger that stands by itself: there is nothing that belongs to the whole process. A logging
 * library would do little of this, and LogTape, for one, adds a sixth to the time that a server takes
 * to start, as it loads `node:util`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const lines: string[] = [];
 * const logger = openLogger({ format: "text", level: "info", write: (line) => lines.push(line) });
 * logger.debug("accepted");
 * logger.info("listening", { transport: "udp", io: "deno" });
 * assertEquals(lines.map((line) => line.slice(20)), ["info  listening transport=udp io=deno"]);
 * ```
 */
export function openLogger(options: OpenLoggerOptions): Logger {
  const { write = writeToStdout, clock = systemClock } = options;
  const format = options.format === "json" ? formatJson : formatText;
  const isEnabled = (level: LogLevel) => LEVELS.indexOf(level) <= LEVELS.indexOf(options.level);
  const log = (level: LogLevel) => {
    if (!isEnabled(level)) return () => {};
    return (message: string, fields: LogFields = {}) => {
      try {
        write(format({ time: new Date(clock.wallTime()).toISOString(), level, message, fields }));
      } catch {
        // Nobody reads the log (a closed pipe, a full disk): no reason to end the program.
      }
    };
  };
  return {
    error: log("error"),
    warn: log("warn"),
    info: log("info"),
    debug: log("debug"),
    trace: log("trace"),
    isEnabled,
  };
}

/** Writes nothing. */
export const silentLogger: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  trace: () => {},
  isEnabled: () => false,
};

/** What a line is made from. */
interface LogRecord {
  /** As ISO 8601 has it, in UTC. */
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

function formatText({ time, level, message, fields }: LogRecord): string {
  const seconds = time.slice(0, 19).replace("T", " ");
  return `${seconds} ${level.padEnd(5)} ${clean(message)}${formatFields(fields)}`;
}

function formatJson({ time, level, message, fields }: LogRecord): string {
  const head = { time, level, message };
  // Twice: first for their place in the line, last so that no field can take it.
  return escapeControls(toJson(Object.assign({ ...head }, fields, head)));
}

function formatFields(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${clean(key)}=${formatValue(value)}`)
    .join("");
}

function formatValue(value: unknown): string {
  if (typeof value === "string" || value instanceof Error) {
    const text = typeof value === "string" ? value : errorText(value);
    return /^[^\s"=\p{Cc}]+$/u.test(text) ? text : escapeControls(JSON.stringify(text));
  }
  return clean(toJson(value));
}

function toJson(value: unknown): string {
  const above: unknown[] = [];
  return JSON.stringify(value, function (this: unknown, _key, inner: unknown) {
    if (typeof inner === "bigint") return `${inner}`;
    if (inner instanceof Error) return errorText(inner);
    if (typeof inner !== "object" || inner === null) return inner;
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    if (above.includes(inner)) return "[circular]";
    above.push(inner);
    return inner;
  }) ?? String(value);
}

function errorText(error: Error): string {
  return `${error.name}: ${error.message}`;
}

/** What a stranger sent must not clear the screen or forge a line. */
function clean(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, (char) => {
    if (char === "\n") return "\\n";
    if (char === "\r") return "\\r";
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** JSON leaves DEL and the C1 controls, which some terminals obey, and two line separators as is. */
function escapeControls(json: string): string {
  return json.replace(
    /[\x7f-\x9f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function writeToStdout(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  let written = 0;
  while (written < bytes.length) written += Deno.stdout.writeSync(bytes.subarray(written));
}

const LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug", "trace"];
