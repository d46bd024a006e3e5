import { assertEquals } from "@std/assert";
import { operationsRoutes, type Readiness } from "../../../lib/ops/http/mod.ts";
import { type Logger, silentLogger } from "../../../lib/ops/mod.ts";
import type { ForwardedClient } from "../../../lib/protocol/mod.ts";

const OPERATORS = { ip: Uint8Array.of(10, 0, 0, 0), bits: 24 };

Deno.test("operationsRoutes() has /healthz, /readyz and /metrics and nothing else", () => {
  assertEquals([...routesFor().keys()], ["/healthz", "/readyz", "/metrics"]);
});

Deno.test("operationsRoutes() says ok at /healthz whatever the sockets do", async () => {
  const routes = routesFor(() => Promise.reject(new Error("no answer")));
  const response = await get(routes, "/healthz");
  assertEquals(await shown(response), [200, "text/plain; charset=utf-8", "ok\n"]);
});

Deno.test("operationsRoutes() answers 200 with the detail at /readyz when ready", async () => {
  const routes = routesFor(() => Promise.resolve({ ready: true, detail: { udp: "answered" } }));
  const body = '{"ready":true,"detail":{"udp":"answered"}}\n';
  assertEquals(await shown(await get(routes, "/readyz")), [200, "application/json", body]);
});

Deno.test("operationsRoutes() answers 503 with the detail at /readyz when not ready", async () => {
  const routes = routesFor(() => Promise.resolve({ ready: false, detail: "no answer" }));
  const body = '{"ready":false,"detail":"no answer"}\n';
  assertEquals(await shown(await get(routes, "/readyz")), [503, "application/json", body]);
});

for (
  const [how, readiness] of [
    ["throws", () => {
      throw new Error("the secret");
    }],
    ["rejects", () => Promise.reject(new Error("the secret"))],
  ] satisfies [string, () => Promise<Readiness>][]
) {
  Deno.test(`operationsRoutes() is not ready, and logs why, when the check ${how}`, async () => {
    const lines: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      error: (message, fields) => void lines.push(`${message}: ${fields?.error}`),
    };
    const routes = routesFor(readiness, logger);
    const body = '{"ready":false,"detail":"the check failed"}\n';
    for (let times = 1; times <= 2; times++) {
      assertEquals(await shown(await get(routes, "/readyz")), [503, "application/json", body]);
      const line = "cannot tell whether the server is ready: Error: the secret";
      assertEquals(lines, Array(times).fill(line));
    }
  });
}

Deno.test("operationsRoutes() checks once for all who ask at the same time, then anew", async () => {
  const checks: PromiseWithResolvers<Readiness>[] = [];
  const routes = routesFor(() => {
    checks.push(Promise.withResolvers());
    return checks.at(-1)!.promise;
  });
  const first = [get(routes, "/readyz"), get(routes, "/readyz"), get(routes, "/readyz")];
  assertEquals(checks.length, 1);
  checks[0]!.resolve({ ready: true, detail: 1 });
  assertEquals((await Promise.all(first)).map(({ status }) => status), [200, 200, 200]);
  const second = get(routes, "/readyz");
  assertEquals(checks.length, 2);
  checks[1]!.resolve({ ready: false, detail: 2 });
  assertEquals((await second).status, 503);
});

Deno.test("operationsRoutes() shows the metrics, as the type that they have, at /metrics", async () => {
  const response = await get(routesFor(), "/metrics");
  assertEquals(await shown(response), [200, "text/plain; version=0.0.4", "a_total 1\n"]);
});

for (
  const [who, client, status] of [
    ["an operator", { ip: [10, 0, 0, 7], isClient: true }, 200],
    ["a stranger", { ip: [10, 0, 1, 7], isClient: true }, 403],
    ["somebody behind an unknown proxy", { ip: [10, 0, 0, 7], isClient: false }, 403],
  ] as const
) {
  Deno.test(`operationsRoutes() answers ${who} with ${status}`, async () => {
    const from = { ...client, ip: Uint8Array.from(client.ip) };
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      assertEquals((await get(routesFor(), path, from)).status, status, path);
    }
  });
}

function routesFor(
  readiness: () => Promise<Readiness> = () => Promise.resolve({ ready: true, detail: "" }),
  logger: Logger = silentLogger,
) {
  const metrics = {
    contentType: "text/plain; version=0.0.4",
    text: () => Promise.resolve("a_total 1\n"),
  };
  return operationsRoutes({ readiness, metrics, operators: [OPERATORS], logger });
}

async function get(
  routes: ReturnType<typeof routesFor>,
  path: string,
  client: ForwardedClient = { ip: OPERATORS.ip, isClient: true },
): Promise<Response> {
  return await routes.get(path)!(new Request(`http://127.0.0.1${path}`), client);
}

async function shown(response: Response): Promise<[number, string | null, string]> {
  return [response.status, response.headers.get("content-type"), await response.text()];
}
