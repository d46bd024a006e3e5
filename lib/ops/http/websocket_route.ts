import { sha1 } from "@noble/hashes/legacy";
import type { Socket } from "node:net";
import type { ForwardedClient } from "../../protocol/mod.ts";
import { encodeUtf8 } from "../../wire/mod.ts";
import type { Clock } from "../mod.ts";
import { ServedWebSocket, type WebSocketListener } from "./served_websocket.ts";

/** A client that wants a WebSocket. */
export interface WebSocketCall extends ForwardedClient {
  /** The path that it asked for. */
  readonly path: string;
  /** The host that it asked for, as its Host header has it. */
  readonly host: string;
  /** The subprotocols that it offers. */
  readonly protocols: readonly string[];
}

/** Why a call is not taken, as HTTP says it. */
export interface WebSocketRefusal {
  /** The status, 400 or above. */
  readonly status: number;
  /** A line for people. */
  readonly text: string;
}

/** What takes the WebSockets of a path. */
export interface WebSocketRoute {
  /** The subprotocol that is spoken; clients that do not offer it are refused. */
  readonly subprotocol: string;
  /** The longest message to take, in bytes. */
  readonly maxMessageBytes: number;
  /**
   * The origins (RFC 6454) whose pages may connect, beside that of this server itself; `*` for all.
   * Programs, which send no Origin, always may.
   */
  readonly origins: readonly string[];
  /** Whether a call is not to be taken, and why. */
  refuse(call: WebSocketCall): WebSocketRefusal | undefined;
  /** Takes a call. What has been sent before this returns goes out after the upgrade. */
  accept(call: WebSocketCall, socket: ServedWebSocket): WebSocketListener;
}

/** A request for an upgrade, and the connection that it came over. */
export interface UpgradeRequest {
  /** The request; undefined if its target and Host make no URL. */
  readonly request: Request | undefined;
  /** Where it comes from. */
  readonly client: ForwardedClient;
  /** The connection. */
  readonly socket: Socket;
  /** What has come after the request already. */
  readonly head: Uint8Array;
  /** Tells the time. */
  readonly clock: Clock;
}

/**
 * Answers a request for a WebSocket (RFC 6455 section 4.2).
 *
 * @returns The status of the refusal, or undefined if the socket was opened.
 */
export function openWebSocket(
  route: WebSocketRoute | undefined,
  { request, client, socket, head, clock }: UpgradeRequest,
): number | undefined {
  const call = request && toCall(request, client);
  const refusal = request === undefined || call === undefined
    ? { status: 400, text: "bad request" }
    : refuse(route, request, call);
  if (route === undefined || call === undefined || refusal !== undefined) {
    const { status, text } = refusal ?? NOT_FOUND;
    respond(socket, status, { body: `${text}\n` });
    socket.end();
    // Who does not take the answer is not waited for
    const cancel = clock.setTimer(REFUSAL_PATIENCE_MS, () => socket.destroy());
    socket.once("close", cancel);
    socket.resume();
    return status;
  }
  respond(socket, 101, {
    headers: {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-accept": acceptKey(request!.headers.get("sec-websocket-key")!),
      "sec-websocket-protocol": route.subprotocol,
    },
  });
  const served = new ServedWebSocket(socket, { maxMessageBytes: route.maxMessageBytes, clock });
  served.listen(route.accept(call, served), head);
}

function toCall({ url, headers }: Request, client: ForwardedClient): WebSocketCall {
  const protocols = headers.get("sec-websocket-protocol")?.split(",") ?? [];
  return {
    ...client,
    path: new URL(url).pathname,
    host: headers.get("host") ?? "",
    protocols: protocols.map((one) => one.trim()),
  };
}

function refuse(
  route: WebSocketRoute | undefined,
  { method, headers }: Request,
  call: WebSocketCall,
): WebSocketRefusal | undefined {
  if (route === undefined) return NOT_FOUND;
  const isWebSocket = method === "GET" && headers.get("upgrade")?.toLowerCase() === "websocket" &&
    headers.get("sec-websocket-version") === "13" &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "");
  if (!isWebSocket) return { status: 400, text: "bad WebSocket handshake" };
  if (!mayConnect(headers.get("origin"), route.origins, call.host)) {
    return { status: 403, text: "this origin may not connect" };
  }
  if (!call.protocols.includes(route.subprotocol)) {
    return { status: 400, text: `wanted the subprotocol ${route.subprotocol}` };
  }
  return route.refuse(call);
}

function mayConnect(origin: string | null, allowed: readonly string[], host: string): boolean {
  if (origin === null || allowed.includes("*") || allowed.includes(origin)) return true;
  return URL.parse(origin)?.host === host;
}

function respond(
  socket: Socket,
  status: number,
  { headers = {}, body = "" }: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  },
): void {
  const all = status === 101 ? headers : {
    "content-type": "text/plain; charset=utf-8",
    "content-length": `${body.length}`,
    "cache-control": "no-store",
    connection: "close",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n${lines}\r\n${body}`);
}

function acceptKey(key: string): string {
  return btoa(String.fromCharCode(...sha1(encodeUtf8(key + GUID))));
}

const NOT_FOUND: WebSocketRefusal = { status: 404, text: "not found" };
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const REFUSAL_PATIENCE_MS = 2000;
const REASONS: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  429: "Too Many Requests",
  503: "Service Unavailable",
};
