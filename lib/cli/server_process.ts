import denoJson from "../../deno.json" with { type: "json" };
import {
  HttpListenError,
  type Logger,
  notifyService,
  openLogger,
  openServerMetrics,
  type ServerMetrics,
} from "../ops/mod.ts";
import { StunServer, type StunServerOptions, WorkerError } from "../server/mod.ts";
import {
  CertificateError,
  chooseStreamIo,
  type DatagramIo,
  LibcError,
  ListenError,
  type StreamIo,
} from "../transport/mod.ts";
import { datagramIoFor } from "./datagram_io_for.ts";
import type { HttpService } from "./http_service.ts";
import type { ServeConfiguration, ServeConfigurationResult } from "./serve_configuration.ts";
import type { ServeSettings } from "./serve_settings.ts";
import { type SettingName, SETTINGS } from "./settings_table.ts";

/** What {@linkcode runServer} runs. */
export interface RunServerOptions {
  /** What it starts with. */
  readonly configuration: ServeConfiguration;
  /** Reads the configuration once more, for SIGHUP. */
  readonly reload: () => ServeConfigurationResult;
}

/**
 * Runs a server, and HTTP beside it where that is asked for, until SIGINT or SIGTERM.
 *
 * @returns Why it could not start, in one line; undefined if it ran and stopped cleanly.
 */
export async function runServer(options: RunServerOptions): Promise<string | undefined> {
  const missing = await missingPermission();
  if (missing !== undefined) return missing;
  const { settings } = options.configuration;
  let inForce = settings;
  const logger = openLogger({ format: settings["log-format"], level: settings["log-level"] });
  let datagramIo: DatagramIo | undefined;
  let streamIo: StreamIo | undefined;
  try {
    datagramIo = await datagramIoFor(settings);
    if (settings.transport.includes("tcp")) streamIo = await chooseStreamIo(settings.tcp);
  } catch (error) {
    if (error instanceof LibcError || error instanceof WorkerError) return error.message;
    throw error;
  }
  let metrics: ServerMetrics | undefined;
  const server = new StunServer({
    ...serverOptions(options.configuration),
    datagramIo,
    streamIo,
    workers: settings.workers,
    onLatency: settings["http-port"] === undefined
      ? undefined
      : (seconds) => metrics?.observe(seconds),
    logger,
  });
  let http: HttpService | undefined;
  const stop = Promise.withResolvers<string>();
  const release = watchProcess({
    stop: stop.resolve,
    reload: () => {
      const configuration = reload(server, { ...options, logger });
      if (configuration === undefined) return;
      inForce = configuration.settings;
      http?.replaceAddressTokens(configuration.policy.addressTokens);
    },
    logger,
  });
  try {
    const listeners = server.start();
    await server.serving();
    if (settings["http-port"] !== undefined) {
      metrics = await openServerMetrics({
        version: denoJson.version,
        io: listeners.find(({ transport }) => transport === "udp")?.io ?? "deno",
        snapshot: () => server.snapshot(),
      });
      const { addressTokens } = options.configuration.policy;
      // Loaded when it is needed: the board and the page are as much code as all the rest
      const { openHttpService } = await import("./http_service.ts");
      http = await openHttpService({
        settings,
        listeners,
        addressTokens,
        proxies: () => inForce["proxy-protocol"],
        metrics,
        logger,
      });
    }
    logger.info("ready");
    await tellService("READY=1", logger);
    const signal = await stop.promise;
    logger.info("stopping", { signal });
    await tellService("STOPPING=1", logger);
    await Promise.all([server.close(), http?.close()]);
    logger.info("stopped");
    return undefined;
  } catch (error) {
    await Promise.all([server.close(), http?.close()]);
    if (isListenFailure(error)) return error.message;
    throw error;
  } finally {
    release();
  }
}

/** What a configuration says to the server. */
export function serverOptions(configuration: ServeConfiguration): StunServerOptions {
  const { settings, policy, certificate } = configuration;
  return {
    ...policy,
    tls: certificate && { ...certificate, port: settings["tls-port"] },
    hostnames: settings.hostname,
    port: settings.port,
    transports: settings.transport,
    alternateHostnames: settings["alternate-hostname"],
    alternatePort: settings["alternate-port"],
    advertise: settings.advertise,
    advertiseAlternate: settings["advertise-alternate"],
  };
}

/** A listening problem is told in one line; anything else is a mistake of ours. */
function isListenFailure(error: unknown): error is Error {
  return error instanceof ListenError || error instanceof CertificateError ||
    error instanceof HttpListenError || error instanceof WorkerError || error instanceof TypeError;
}

/** What is in force from now on; undefined where the old configuration stays. */
function reload(
  server: StunServer,
  options: RunServerOptions & { readonly logger: Logger },
): ServeConfiguration | undefined {
  const { logger } = options;
  const result = options.reload();
  if (!result.ok) {
    logger.error("reload refused: what was in force stays", { problems: result.problems });
    return undefined;
  }
  const { policy, certificate } = result.value;
  try {
    // The certificate first: it is what can still be refused, and then nothing must have changed
    if (certificate !== undefined) server.replaceCertificate(certificate);
    server.reconfigure(policy);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.error("reload refused: what was in force stays", { problems: [reason] });
    return undefined;
  }
  const { settings } = result.value;
  const waiting = waitingForRestart(options.configuration.settings, settings);
  logger.info("reloaded");
  if (waiting.length > 0) {
    logger.warn("some settings wait for a restart", { settings: waiting });
  }
  return result.value;
}

/** The settings that differ from those that the server was started with, and need another start. */
function waitingForRestart(former: ServeSettings, settings: ServeSettings): SettingName[] {
  const names = Object.keys(SETTINGS) as SettingName[];
  return names.filter((name) => {
    // A running server takes another certificate, but opens and closes no socket
    if (CERTIFICATE.test(name)) {
      return (former[name] === undefined) !== (settings[name] === undefined);
    }
    return FIXED.test(name) && JSON.stringify(former[name]) !== JSON.stringify(settings[name]);
  });
}

/** Never a prompt: a server that waits for somebody at its terminal serves nobody. */
async function missingPermission(): Promise<string | undefined> {
  const { state } = await Deno.permissions.query({ name: "net" });
  return state === "granted"
    ? undefined
    : "Cannot serve: Deno was run without full network permission, pass --allow-net " +
      "(a list of hosts is not enough: an answer goes to whoever asks)";
}

async function tellService(state: string, logger: Logger): Promise<void> {
  const { reason } = await notifyService(state);
  if (reason !== undefined) logger.warn("the service manager was not told", { state, reason });
}

function watchProcess(handlers: {
  readonly stop: (signal: string) => void;
  readonly reload: () => void;
  readonly logger: Logger;
}): () => void {
  const { stop, logger } = handlers;
  const windows = Deno.build.os === "windows";
  const signals: [Deno.Signal, () => void][] = [
    ["SIGINT", () => stop("SIGINT")],
    windows ? ["SIGBREAK", () => stop("SIGBREAK")] : ["SIGTERM", () => stop("SIGTERM")],
    ...(windows ? [] : [["SIGHUP", handlers.reload] as [Deno.Signal, () => void]]),
  ];
  for (const [signal, handler] of signals) Deno.addSignalListener(signal, handler);
  // What nobody caught is a mistake of ours; it is told, and everybody else goes on being served
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    logger.error("unhandled rejection", { error: event.reason });
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    logger.error("unhandled error", { error: event.error });
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);
  return () => {
    for (const [signal, handler] of signals) Deno.removeSignalListener(signal, handler);
    globalThis.removeEventListener("unhandledrejection", onRejection);
    globalThis.removeEventListener("error", onError);
  };
}

/** The settings that are about sockets and the log: a running server keeps those that it has. */
const FIXED =
  /^(hostname|port|transport|udp|tcp|workers|tls-port|alternate-.*|advertise.*|http-.*|board-.*|log-.*)$/;
const CERTIFICATE = /^tls-(cert|key)$/;
