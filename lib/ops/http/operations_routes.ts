import { type ForwardedClient, ipInPrefix, type IpPrefix } from "../../protocol/mod.ts";
import { type HttpHandler, textResponse } from "./http_server.ts";
import type { Logger } from "../mod.ts";
import type { ServerMetrics } from "../mod.ts";

/** Whether a server does what it is for, and what that was seen from. */
export interface Readiness {
  /** Whether it does. */
  readonly ready: boolean;
  /** What was seen; text or plain JSON. Whoever can reach the HTTP port reads it. */
  readonly detail: unknown;
}

/** What {@linkcode operationsRoutes} serves. */
export interface OperationsRoutesOptions {
  /** Finds out whether the server is ready. Not called again until it has settled. */
  readonly readiness: () => Promise<Readiness>;
  /** What `/metrics` shows. */
  readonly metrics: Pick<ServerMetrics, "contentType" | "text">;
  /** From where these routes may be asked; everybody else gets 403. */
  readonly operators: readonly IpPrefix[];
  /** Takes the log. */
  readonly logger: Logger;
}

/**
 * The routes for whoever runs the server, and for nobody behind a proxy that is not trusted: `/healthz` (200 while the process is up), `/readyz` (200
 * or 503, with what was found out as JSON) and `/metrics` (Prometheus).
 */
export function operationsRoutes(options: OperationsRoutesOptions): Map<string, HttpHandler> {
  const { metrics, operators } = options;
  const readiness = shareWhileRunning(options);
  const isOperator = ({ ip, isClient }: ForwardedClient) =>
    isClient && operators.some((prefix) => ipInPrefix(ip, prefix));
  const routes: [string, HttpHandler][] = [
    ["/healthz", () => textResponse("ok\n")],
    ["/readyz", async () => {
      const { ready, detail } = await readiness();
      return textResponse(`${JSON.stringify({ ready, detail })}\n`, {
        status: ready ? 200 : 503,
        headers: { "content-type": "application/json" },
      });
    }],
    ["/metrics", async () => {
      const headers = { "content-type": metrics.contentType };
      return textResponse(await metrics.text(), { headers });
    }],
  ];
  return new Map(
    routes.map(([path, handler]) => [
      path,
      (request, client) =>
        isOperator(client)
          ? handler(request, client)
          : textResponse("for operators alone\n", { status: 403 }),
    ]),
  );
}

/** However many ask at once, the sockets are tried once. */
function shareWhileRunning(options: OperationsRoutesOptions): () => Promise<Readiness> {
  const { readiness, logger } = options;
  let running: Promise<Readiness> | undefined;
  const run = async (): Promise<Readiness> => {
    try {
      return await readiness();
    } catch (error) {
      logger.error("cannot tell whether the server is ready", { error });
      return { ready: false, detail: "the check failed" };
    }
  };
  return () => running ??= run().finally(() => running = undefined);
}
