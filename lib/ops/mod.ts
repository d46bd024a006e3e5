/**
 * What a program needs to be run by people: a logger, metrics, HTTP, the service manager, and the
 * real clock and randomness.
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
export { notifyService, type ServiceNotification } from "./notify_service.ts";
export { ThrottledLogger, type ThrottledLoggerOptions } from "./throttled_logger.ts";
export { type Randomness, systemRandomness } from "./randomness.ts";
export {
  openServerMetrics,
  type ServerMetrics,
  type ServerMetricsOptions,
  type ServerSnapshot,
  type TransportSnapshot,
} from "./server_metrics.ts";
export { HttpListenError, httpListenError } from "./http_listen_error.ts";
