import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import {
  type ForwardedClient,
  forwardedClient,
  ipInPrefix,
  type IpPrefix,
  SourceQuota,
} from "../../protocol/mod.ts";
import {
  formatIp,
  formatSocketAddress,
  parseIp,
  type SocketAddress,
  socketAddress,
} from "../../wire/mod.ts";
import { type Clock, systemClock } from "../mod.ts";
import { httpListenError } from "../mod.ts";
import type { Logger } from "../mod.ts";
import { ThrottledLogger } from "../mod.ts";
import { openWebSocket, type WebSocketRoute } from "./websocket_route.ts";

/**
 * Answers the GET requests of a route; HEAD too, whose body is left out for it. What it throws is
 * logged and answered with 500.
 */
export type HttpHandler = (
  request: Request,
  client: ForwardedClient,
) => Response | Promise<Response>;

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
  /** What takes WebSockets on which path, as in `routes`. @default none */
  readonly webSockets?: ReadonlyMap<string, WebSocketRoute>;
  /** The proxies whose `x-forwarded-for` is believed. @default {[]} */
  readonly trustedProxies?: readonly IpPrefix[];
  /** The most connections in all. @default {4096} some 100 MB if all of them are WebSockets */
  readonly maxConnections?: number | undefined;
  /**
   * The most connections of one IPv4 address or IPv6 /64, but for trusted proxies.
   *
   * @default {64} an office behind one address, a browser taking six at a time
   */
  readonly maxConnectionsPerAddress?: number | undefined;
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
 * Serves HTTP/1.1 and WebSockets without TLS: for health, metrics, a page and the board, behind a
 * proxy that does TLS if it is to be public. GET and HEAD alone, request bodies are not read, a
 * request has ten seconds.
 *
 * It is made of `node:http`: `Deno.serve` cannot refuse a connection, so strangers could use up the
 * file descriptors of the whole program.
 *
 * @throws {HttpListenError} If the address cannot be listened on.
 */
export async function openHttpServer(options: OpenHttpServerOptions): Promise<HttpServer> {
  const { logger, clock = systemClock, trustedProxies: trusted = [] } = options;
  const state: Running = { sockets: new Set(), answering: new Map(), clock };
  const clientOf = (incoming: IncomingMessage) =>
    forwardedClient({
      peer: remoteIp(incoming.socket),
      forwardedFor: headersOf(incoming).get("x-forwarded-for"),
      trusted,
    });
  // Here and not before: a browser that runs a client of the board has no such module
  const { createServer } = await import("node:http");
  // Unanswered heads are cut off at 16 KiB, see also SILENCE_MS
  const server = createServer({ maxHeaderSize: 16_384, keepAliveTimeout: 5000 });
  server.on("connection", connectionGate(options, state));
  server.on("request", (incoming, outgoing) => {
    const request = toRequest(incoming);
    const path = request && new URL(request.url).pathname;
    const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
    const done = answer(request, path, { ...options, client: clientOf(incoming), clock, late })
      .then(async (response) => {
        await send(response, outgoing);
        logger.trace("http request", { method: incoming.method, path, status: response.status });
      })
      .finally(() => state.answering.delete(done));
    state.answering.set(done, giveUp);
  });
  server.on("upgrade", (incoming, socket: Socket, head: Uint8Array) => {
    socket.setTimeout(0);
    const request = toRequest(incoming);
    const path = request && new URL(request.url).pathname;
    const found = path === undefined ? undefined : route(path, options.webSockets ?? new Map());
    const client = clientOf(incoming);
    const status = openWebSocket(found, { request, client, socket, head, clock }) ?? 101;
    logger.trace("http request", { method: incoming.method, path, status });
  });
  const address = await listen(server, { ip: options.ip, port: options.port });
  logger.info("listening", { transport: "http", address: formatSocketAddress(address) });
  let closing: Promise<void> | undefined;
  const close = () => closing ??= shutDown(server, state);
  return { address, close, [Symbol.asyncDispose]: close };
}

/** A short answer in plain text, never to be cached. */
export function textResponse(text: string, init: ResponseInit = {}): Response {
  const headers = new Headers(init.headers);
  if (!headers.has("content-type")) headers.set("content-type", "text/plain; charset=utf-8");
  headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  return new Response(text, { ...init, headers });
}

function listen(server: Server, address: SocketAddress): Promise<SocketAddress> {
  const { promise, resolve, reject } = Promise.withResolvers<SocketAddress>();
  const fail = (cause: unknown) => reject(httpListenError(cause, address));
  // Asked beforehand: what node:net throws for it, nobody could catch
  const permission = { name: "net", host: formatSocketAddress(address) } as const;
  if (Deno.permissions.querySync(permission).state !== "granted") {
    fail(new Deno.errors.NotCapable("no network permission"));
    return promise;
  }
  server.once("error", fail);
  server.listen({ host: formatIp(address.ip), port: address.port, backlog: BACKLOG }, () => {
    server.removeListener("error", fail);
    const bound = server.address() as AddressInfo;
    resolve({ ip: readIp(bound.address), port: bound.port });
  });
  return promise;
}

/** Lets as many connections in as there may be. */
function connectionGate(
  options: OpenHttpServerOptions,
  { sockets, clock }: Running,
): (socket: Socket) => void {
  const { logger, trustedProxies = [] } = options;
  const { maxConnections = 4096, maxConnectionsPerAddress = 64 } = options;
  const warnings = new ThrottledLogger({ logger, clock });
  const quota = new SourceQuota({ total: maxConnections, perSource: maxConnectionsPerAddress });
  return (socket) => {
    const peer = remoteIp(socket);
    // What comes through a proxy is counted by whoever knows the client: the WebSocket routes
    const shared = trustedProxies.some((prefix) => ipInPrefix(peer, prefix));
    const full = quota.total >= maxConnections;
    if (shared ? full : !quota.hasRoom(peer)) {
      const limit = full ? maxConnections : maxConnectionsPerAddress;
      warnings.warn("http connection refused: too many", { limit });
      return void socket.destroy();
    }
    const leave = quota.enter(peer);
    sockets.add(socket);
    // A reset by the client is no news; it ends in "close"
    socket.on("error", () => {});
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.once("close", () => {
      leave();
      sockets.delete(socket);
    });
  };
}

/** The request without its body; undefined if its target and Host make no URL. */
function toRequest(incoming: IncomingMessage): Request | undefined {
  const headers = headersOf(incoming);
  const url = URL.parse(incoming.url ?? "", `http://${headers.get("host") ?? "localhost"}`);
  if (url === null) return undefined;
  // What Request does not take (CONNECT, TRACE) is answered as what it does
  const method = incoming.method === "HEAD" || incoming.method === "GET" ? incoming.method : "POST";
  return new Request(url, { method, headers });
}

function headersOf(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  return headers;
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    "content-length": body.length,
  });
  outgoing.end(body);
}

interface AnswerOptions {
  readonly routes: ReadonlyMap<string, HttpHandler>;
  readonly client: ForwardedClient;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Resolves when the answer can no longer be waited for. */
  readonly late: Promise<void>;
}

/** Never rejects: nobody would catch it. */
async function answer(
  request: Request | undefined,
  path: string | undefined,
  { routes, client, logger, clock, late }: AnswerOptions,
): Promise<Response> {
  if (request === undefined || path === undefined) {
    return textResponse("bad request\n", { status: 400 });
  }
  const handler = route(path, routes);
  if (handler === undefined) return textResponse("not found\n", { status: 404 });
  if (request.method !== "GET" && request.method !== "HEAD") {
    const headers = { allow: "GET, HEAD" };
    return textResponse("method not allowed\n", { status: 405, headers });
  }
  const timeout = Promise.withResolvers<void>();
  const cancel = clock.setTimer(REQUEST_TIMEOUT_MS, timeout.resolve);
  const tooLate = () => textResponse("no answer in time\n", { status: 503 });
  try {
    const end = Promise.race([late, timeout.promise]).then(tooLate);
    return await Promise.race([handler(request, client), end]);
  } catch (error) {
    logger.error("cannot answer an http request", { path, error });
    return textResponse("internal error\n", { status: 500 });
  } finally {
    cancel();
  }
}

function route<T>(path: string, routes: ReadonlyMap<string, T>): T | undefined {
  const exact = routes.get(path);
  if (exact !== undefined) return exact;
  for (let end = path.lastIndexOf("/"); end >= 0; end = path.lastIndexOf("/", end - 1)) {
    const handler = routes.get(`${path.slice(0, end)}/*`);
    if (handler !== undefined || end === 0) return handler;
  }
}

/** What goes on in an open server. */
interface Running {
  readonly sockets: Set<Socket>;
  /** What is being answered, and what ends the wait for it. */
  readonly answering: Map<Promise<void>, () => void>;
  readonly clock: Clock;
}

async function shutDown(server: Server, { sockets, answering, clock }: Running): Promise<void> {
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  const cancel = clock.setTimer(CLOSE_PATIENCE_MS, () => {
    for (const giveUp of answering.values()) giveUp();
  });
  await Promise.all(answering.keys());
  cancel();
  for (const socket of sockets) socket.destroySoon();
  // Who does not take his answer is not waited for
  const cancelWait = clock.setTimer(CLOSE_PATIENCE_MS, () => {
    for (const socket of sockets) socket.destroy();
  });
  await closed.promise;
  cancelWait();
}

function remoteIp(socket: Socket): Uint8Array {
  // A link-local one comes with its zone; one that is gone already with nothing
  return readIp(socket.remoteAddress?.split("%", 1)[0] ?? "0.0.0.0");
}

function readIp(hostname: string): Uint8Array {
  const ip = parseIp(hostname);
  if (!ip.ok) throw new TypeError(`Cannot read the address of a socket: ${ip.reason}`);
  return socketAddress(ip.value, 0).ip;
}

/** Longer than any handler of ours takes, and than a scraper waits (Prometheus: 10 s). */
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_PATIENCE_MS = 1000;
const BACKLOG = 512;
/** A client that is silent for so long, in a request, after one or before one, is gone. */
const SILENCE_MS = 15_000;
