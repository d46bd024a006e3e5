import { formatIp, formatSocketAddress, parseIp, type SocketAddress } from "../wire/mod.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Logger } from "./logger.ts";

/**
 * Answers the GET requests of a route; HEAD too, whose body is left out for it. What it throws is
 * logged and answered with 500. It may upgrade the request to a WebSocket.
 */
export type HttpHandler = (request: Request) => Response | Promise<Response>;

/** What {@linkcode openHttpServer} serves, and where. */
export interface OpenHttpServerOptions {
  /** The IP address to listen on. */
  readonly ip: Uint8Array;
  /** The port; 0 lets the system choose one. */
  readonly port: number;
  /**
   * What answers which path. A path that ends in `/*` stands for all that begin as it does, so `/*`
   * for every path; the longest that fits wins, and one without `/*` before all others.
   */
  readonly routes: ReadonlyMap<string, HttpHandler>;
  /** Takes the log. */
  readonly logger: Logger;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock;
}

/** An open HTTP server. */
export interface HttpServer extends AsyncDisposable {
  /** The address that it is bound to. */
  readonly address: SocketAddress;
  /**
   * Accepts nothing more, gives the requests that are being answered a second, and closes all
   * connections, WebSockets among them. May be called more than once.
   */
  close(): Promise<void>;
}

/**
 * Serves HTTP/1.1 and HTTP/2 without TLS: for health, metrics and a page, behind a proxy if it is
 * to be public. GET and HEAD alone, request bodies are not read, a request has ten seconds.
 * `Deno.serve` refuses a request head of more than some 64 KiB and sets no limit on connections,
 * nor on how long one stays open without a request: keep it away from strangers, who could use up
 * the file descriptors, or put a proxy in front of it.
 *
 * @throws {HttpListenError} If the address cannot be listened on.
 */
export function openHttpServer(options: OpenHttpServerOptions): HttpServer {
  const { logger, clock = systemClock } = options;
  const wanted = { ip: options.ip, port: options.port };
  const late = new Set<() => void>();
  const handle = async (request: Request) => {
    const { method } = request;
    const path = URL.parse(request.url)?.pathname;
    const response = await answer(request, path, { ...options, clock, late });
    logger.trace("http request", { method, path, status: response.status });
    return response;
  };
  const server = listen(wanted, handle);
  const address = { ip: readIp(server.addr.hostname), port: server.addr.port };
  logger.info("listening", { transport: "http", address: formatSocketAddress(address) });
  let closing: Promise<void> | undefined;
  const close = () => closing ??= shutDown(server, { clock, late });
  return { address, close, [Symbol.asyncDispose]: close };
}

/** Why an HTTP server could not be opened. The message can be shown to a person as it is. */
export class HttpListenError extends Error {
  /** The name of the class. */
  override readonly name = "HttpListenError";
  /** The address that was to be listened on. */
  readonly address: SocketAddress;

  /** Makes the error; `reason` is what follows the colon of the message. */
  constructor(reason: string, options: ErrorOptions & { readonly address: SocketAddress }) {
    super(`Cannot listen on http ${formatSocketAddress(options.address)}: ${reason}`, options);
    this.address = options.address;
  }
}

/** A short answer in plain text, never to be cached. */
export function textResponse(text: string, init: ResponseInit = {}): Response {
  const headers = new Headers(init.headers);
  if (!headers.has("content-type")) headers.set("content-type", "text/plain; charset=utf-8");
  headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  return new Response(text, { ...init, headers });
}

function listen(
  address: SocketAddress,
  handler: (request: Request) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({
      hostname: formatIp(address.ip),
      port: address.port,
      // Deno would write to standard output, which is the log's
      onListen: () => {},
      handler,
    });
  } catch (cause) {
    throw new HttpListenError(diagnose(cause, address), { address, cause });
  }
}

interface AnswerOptions {
  readonly routes: ReadonlyMap<string, HttpHandler>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** What ends the requests that are being answered. */
  readonly late: Set<() => void>;
}

/** Never rejects: `Deno.serve` would print the stack of what was thrown. */
async function answer(
  request: Request,
  path: string | undefined,
  { routes, logger, clock, late }: AnswerOptions,
): Promise<Response> {
  if (path === undefined) return textResponse("bad request\n", { status: 400 });
  const handler = route(path, routes);
  if (handler === undefined) return textResponse("not found\n", { status: 404 });
  if (request.method !== "GET" && request.method !== "HEAD") {
    const headers = { allow: "GET, HEAD" };
    return textResponse("method not allowed\n", { status: 405, headers });
  }
  const { promise, resolve } = Promise.withResolvers<Response>();
  const giveUp = () => resolve(textResponse("no answer in time\n", { status: 503 }));
  const cancel = clock.setTimer(REQUEST_TIMEOUT_MS, giveUp);
  late.add(giveUp);
  try {
    return await Promise.race([handler(request), promise]);
  } catch (error) {
    logger.error("cannot answer an http request", { path, error });
    return textResponse("internal error\n", { status: 500 });
  } finally {
    late.delete(giveUp);
    cancel();
  }
}

function route(path: string, routes: ReadonlyMap<string, HttpHandler>): HttpHandler | undefined {
  const exact = routes.get(path);
  if (exact !== undefined) return exact;
  for (let end = path.lastIndexOf("/"); end >= 0; end = path.lastIndexOf("/", end - 1)) {
    const handler = routes.get(`${path.slice(0, end)}/*`);
    if (handler !== undefined || end === 0) return handler;
  }
}

async function shutDown(
  server: Deno.HttpServer,
  { clock, late }: Pick<AnswerOptions, "clock" | "late">,
): Promise<void> {
  const done = server.shutdown();
  // To abort would be simpler, and throws where nobody can catch it once a shutdown has begun
  const cancelAnswers = clock.setTimer(CLOSE_PATIENCE_MS, () => {
    for (const giveUp of late) giveUp();
  });
  const left = Promise.withResolvers<void>();
  // Who does not take his answer is left to the end of the process
  const cancelWait = clock.setTimer(2 * CLOSE_PATIENCE_MS, left.resolve);
  await Promise.race([done, left.promise]);
  cancelAnswers();
  cancelWait();
}

function diagnose(cause: unknown, { ip, port }: SocketAddress): string {
  if (cause instanceof Deno.errors.NotCapable) {
    return "Deno was run without network permission, pass --allow-net";
  }
  switch (cause instanceof Error && "code" in cause ? cause.code : undefined) {
    case "EADDRINUSE":
      return "the address is in use by another program";
    case "EACCES":
    case "EPERM":
      return port > 0 && port < 1024
        ? "the operating system wants root or CAP_NET_BIND_SERVICE for ports below 1024"
        : "the operating system does not permit it";
    case "EADDRNOTAVAIL":
      return `${formatIp(ip)} is not an address of this host`;
    case "EAFNOSUPPORT":
      return `this host has no ${ip.length === 4 ? "IPv4" : "IPv6"}`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}

function readIp(hostname: string): Uint8Array {
  const ip = parseIp(hostname);
  if (!ip.ok) throw new TypeError(`Cannot read the address of a socket: ${ip.reason}`);
  return ip.value;
}

/** Longer than any handler of ours takes, and than a scraper waits (Prometheus: 10 s). */
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_PATIENCE_MS = 1000;
