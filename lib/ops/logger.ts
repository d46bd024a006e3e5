import {
  compareLogLevel,
  getTextFormatter,
  type LogLevel as LogtapeLevel,
  type LogRecord,
  sanitizeControlSequences,
  type TextFormatter,
} from "@logtape/logtape";
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
 * Makes a logger that stands by itself. It formats with LogTape and leaves LogTape's process-wide
 * configuration alone, so a program that uses LogTape too keeps its own.
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
  const isEnabled = (level: LogLevel) =>
    compareLogLevel(LOGTAPE_LEVELS[level], LOGTAPE_LEVELS[options.level]) >= 0;
  const log = (level: LogLevel) => {
    if (!isEnabled(level)) return () => {};
    return (message: string, fields: LogFields = {}) => {
      try {
        write(format({
          category: [],
          level: LOGTAPE_LEVELS[level],
          message: [message],
          rawMessage: message,
          timestamp: clock.wallTime(),
          properties: fields,
        }));
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

const LOGTAPE_LEVELS = {
  error: "error",
  warn: "warning",
  info: "info",
  debug: "debug",
  trace: "trace",
} as const satisfies Record<LogLevel, LogtapeLevel>;

const formatLine: TextFormatter = getTextFormatter({
  timestamp: (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " "),
  level: (level) => levelName(level).padEnd(5),
  // What a stranger sent must not clear the screen or forge a line.
  sanitize: { sgr: "escape", newlines: "escape" },
  format: ({ timestamp, level, message, record }) =>
    `${timestamp} ${level} ${message}${formatFields(record.properties)}`,
});

function formatText(record: LogRecord): string {
  return formatLine(record).replace(/\n$/, "");
}

// LogTape's own JSON Lines formatter has fixed keys ("@timestamp", "logger") and upper-case levels.
function formatJson(record: LogRecord): string {
  const head = {
    time: new Date(record.timestamp).toISOString(),
    level: levelName(record.level),
    message: record.rawMessage,
  };
  // Twice: first for their place in the line, last so that no field can take it.
  const line = Object.assign({ ...head }, record.properties, head);
  return escapeControls(toJson(line));
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

function levelName(level: LogtapeLevel): string {
  return level === "warning" ? "warn" : level;
}

function clean(text: string): string {
  return sanitizeControlSequences(text, { sgr: "escape", newlines: "escape" });
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
