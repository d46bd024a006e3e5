import { type LogFields, type Logger, type LogLevel, silentLogger } from "../../lib/ops/mod.ts";

/** A log line: how grave, what, and the facts, errors by their messages. */
export type LogLine = readonly [level: LogLevel, message: string, fields: LogFields];

/** A logger that keeps its lines. */
export interface MemoryLogger extends Logger {
  /** What was logged so far, from error to debug. */
  readonly lines: readonly LogLine[];
}

/** Makes a logger that keeps every line but those of level trace. */
export function memoryLogger(): MemoryLogger {
  const lines: LogLine[] = [];
  const keep = (level: LogLevel) => (message: string, fields: LogFields = {}) => {
    const plain = Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? value.message : value,
    ]);
    lines.push([level, message, Object.fromEntries(plain)]);
  };
  return {
    ...silentLogger,
    error: keep("error"),
    warn: keep("warn"),
    info: keep("info"),
    debug: keep("debug"),
    lines,
  };
}
