/**
 * What a program needs to be run by people: a logger, and the real clock and randomness.
 *
 * @module
 */
export { type Clock, systemClock } from "./clock.ts";
export {
  type LogFields,
  type Logger,
  type LogLevel,
  openLogger,
  type OpenLoggerOptions,
  silentLogger,
} from "./logger.ts";
export { ThrottledLogger, type ThrottledLoggerOptions } from "./throttled_logger.ts";
export { type Randomness, systemRandomness } from "./randomness.ts";
