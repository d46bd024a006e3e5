import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  type HttpHandler,
  type HttpServer,
  openHttpServer,
  textResponse,
} from "../../../lib/ops/http/mod.ts";
import {
  HttpListenError,
  type LogFields,
  type Logger,
  silentLogger,
} from "../../../lib/ops/mod.ts";
import { formatSocketAddress } from "../../../lib/wire/mod.ts";
import { ROOT } from "../../support/pinhole_server.ts";
import { deno } from "../../support/process.ts";
import { LOOPBACKS } from "../../support/tool.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const IPS: Record<string, Uint8Array> = {
  "127.0.0.1": LOOPBACK,
  "::1": Uint8Array.of(...new Uint8Array(15), 1),
};

for (const { family, hostname, skip } of LOOPBACKS) {
  Deno.test({
    name: `openHttpServer() listens on ${family} and says where`,
    ignore: skip !== undefined,
    fn: async () => {
      const lines: [string, LogFields | undefined][] = [];
      const logger: Logger = {
        ...silentLogger,
        info: (message, fields) => void lines.push([message, fields]),
      };
      await using server = await open({ "/a": () => textResponse("ok\n") }, {
        ip: IPS[hostname]!,
        logger,
      });
      assertEquals(server.address.ip, IPS[hostname]!);
      const address = formatSocketAddress(server.address);
      assertEquals(lines, [["listening", { transport: "http", address }]]);
      assertEquals(await get(server, "/a"), [200, "ok\n"]);
    },
  });
}

Deno.test("openHttpServer() answers HEAD as GET, without the body", async () => {
  await using server = await open({ "/a": () => textResponse("ok\n") });
  const head = await fetch(url(server, "/a"), { method: "HEAD" });
  assertEquals([head.status, head.headers.get("content-length"), await head.text()], [
    200,
    "3",
    "",
  ]);
});

Deno.test("openHttpServer() answers 404 for a path without a route, whatever the method", async () => {
  await using server = await open({ "/a": () => textResponse("ok\n") });
  for (const path of ["/", "/a/", "/ab", "/A", "/%61", "//a", "/constructor"]) {
    assertEquals(await get(server, path), [404, "not found\n"], path);
  }
  const post = await fetch(url(server, "/b"), { method: "POST", body: "x" });
  assertEquals([post.status, await post.text()], [404, "not found\n"]);
});

for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
  Deno.test(`openHttpServer() answers ${method} with 405 and what is allowed`, async () => {
    await using server = await open({ "/a": () => textResponse("ok\n") });
    const response = await fetch(url(server, "/a"), { method });
    assertEquals(
      [response.status, response.headers.get("allow"), await response.text()],
      [405, "GET, HEAD", "method not allowed\n"],
    );
  });
}

Deno.test("openHttpServer() takes the longest route that fits, an exact one first", async () => {
  const names = ["/*", "/a/*", "/a/b/*", "/a/b", "/c"];
  await using server = await open(
    Object.fromEntries(names.map((name) => [name, () => textResponse(name)])),
  );
  const cases = {
    "/": "/*",
    "/x/y": "/*",
    "/a": "/*",
    "/a/": "/a/*",
    "/a/x": "/a/*",
    "/a/x/y?z=/a/b": "/a/*",
    "/a/b": "/a/b",
    "/a/b/": "/a/b/*",
    "/a/b/../x": "/a/*",
    "/a/*": "/a/*",
    "/c": "/c",
    "/c/x": "/*",
  };
  for (const [path, name] of Object.entries(cases)) {
    assertEquals(await get(server, path), [200, name], path);
  }
});

for (
  const [how, handler] of [
    ["throws", () => {
      throw new Error("the secret");
    }],
    ["rejects", () => Promise.reject(new Error("the secret"))],
  ] satisfies [string, HttpHandler][]
) {
  Deno.test(`openHttpServer() logs what a handler ${how} and answers 500 without it`, async () => {
    const errors: unknown[] = [];
    const logger: Logger = {
      ...silentLogger,
      error: (message, fields) => void errors.push([message, fields?.path, String(fields?.error)]),
    };
    await using server = await open({ "/a": handler }, { logger });
    assertEquals(await get(server, "/a"), [500, "internal error\n"]);
    assertEquals(errors, [["cannot answer an http request", "/a", "Error: the secret"]]);
  });
}

Deno.test("openHttpServer() answers 503 when a handler takes longer than ten seconds", async () => {
  const clock = new VirtualClock();
  const begun = Promise.withResolvers<void>();
  await using server = await open({
    "/a": () => {
      begun.resolve();
      return new Promise(() => {});
    },
  }, { clock });
  const response = get(server, "/a");
  await begun.promise;
  assertEquals(clock.timers, [10_000]);
  clock.advance(10_000);
  assertEquals(await response, [503, "no answer in time\n"]);
  assertEquals(clock.timers, []);
});

Deno.test("openHttpServer() refuses a head that is too large, and what is not HTTP", async () => {
  await using server = await open({ "/a": () => textResponse("ok\n") });
  const long = `GET /a HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(100_000)}\r\n\r\n`;
  assertStringIncludes(await raw(server, long), "HTTP/1.1 431 Request Header Fields Too Large\r\n");
  for (const text of ["\0\x01\0\0!\x12\xa4B\r\n\r\n", "GET /a HTTP/x\r\n\r\n"]) {
    assertStringIncludes(await raw(server, text), "HTTP/1.1 400 Bad Request\r\n");
  }
  assertEquals(await get(server, "/a"), [200, "ok\n"]);
});

Deno.test("openHttpServer() answers a request whose Host makes no URL", async () => {
  await using server = await open({ "/a": () => textResponse("ok\n") });
  const answer = await raw(server, "GET /a HTTP/1.1\r\nHost: [[\r\nConnection: close\r\n\r\n");
  assertStringIncludes(answer, "HTTP/1.1 400 Bad Request\r\n");
});

Deno.test("openHttpServer() does not wait for the body of a request", async () => {
  await using server = await open({ "/a": () => textResponse("ok\n") });
  const answer = await raw(
    server,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n",
  );
  assertStringIncludes(answer, "HTTP/1.1 405 Method Not Allowed\r\n");
});

Deno.test("openHttpServer() throws an HttpListenError when the port is taken", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const error = await assertRejects(
    () => openHttpServer({ ip: LOOPBACK, port, routes: new Map(), logger: silentLogger }),
    HttpListenError,
    `Cannot listen on http 127.0.0.1:${port}: the address is in use by another program`,
  );
  assertEquals(error.address, { ip: LOOPBACK, port });
  assertEquals((error.cause as { code?: string }).code, "EADDRINUSE");
});

Deno.test("openHttpServer() throws an HttpListenError when Deno may not use the address", async () => {
  const ip = Uint8Array.of(192, 0, 2, 1); // for documentation (RFC 5737), so not permitted to tests
  await assertRejects(
    () => openHttpServer({ ip, port: 80, routes: new Map(), logger: silentLogger }),
    HttpListenError,
    "Cannot listen on http 192.0.2.1:80: Deno was run without network permission, pass --allow-net",
  );
});

Deno.test("HttpServer.close() lets a request that is being answered finish", async () => {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const server = await open({
    "/a": async () => {
      begun.resolve();
      await go.promise;
      return textResponse("done\n");
    },
  });
  const response = get(server, "/a");
  await begun.promise;
  const closed = server.close();
  go.resolve();
  assertEquals(await response, [200, "done\n"]);
  await closed;
  assertEquals(server.close(), closed);
});

Deno.test("HttpServer.close() waits a second for a handler that does not settle", async () => {
  const clock = new VirtualClock();
  const begun = Promise.withResolvers<void>();
  const server = await open({
    "/a": () => {
      begun.resolve();
      return new Promise(() => {});
    },
  }, { clock });
  const response = get(server, "/a");
  await begun.promise;
  const closed = server.close();
  clock.advance(999);
  assertEquals(clock.timers, [1000, 10_000]);
  clock.advance(1);
  assertEquals(await response, [503, "no answer in time\n"]);
  await closed;
  assertEquals(clock.timers, []);
});

Deno.test("HttpServer.close() closes connections that say nothing, and frees the port", async () => {
  const server = await open({ "/a": () => textResponse("ok\n") });
  const { port } = server.address;
  using silent = await Deno.connect({ hostname: "127.0.0.1", port });
  using partial = await Deno.connect({ hostname: "127.0.0.1", port });
  await partial.write(new TextEncoder().encode("GET /a HT"));
  assertEquals(await get(server, "/a"), [200, "ok\n"]);
  await server.close();
  assertEquals(await silent.read(new Uint8Array(1)), null);
  assertEquals(await partial.read(new Uint8Array(1)), null);
  const next = await openHttpServer({
    ip: LOOPBACK,
    port,
    routes: new Map(),
    logger: silentLogger,
  });
  await next.close();
});

Deno.test("openHttpServer() writes nothing by itself and asks for network alone", async () => {
  const program = `
    import { openHttpServer } from ${JSON.stringify(`file://${ROOT}lib/ops/http/mod.ts`)};
    import { silentLogger } from ${JSON.stringify(`file://${ROOT}lib/ops/mod.ts`)};
    const routes = new Map([["/a", () => { throw new Error("the secret"); }]]);
    const ip = Uint8Array.of(127, 0, 0, 1);
    await using server = await openHttpServer({ ip, port: 0, routes, logger: silentLogger });
    await (await fetch("http://127.0.0.1:" + server.address.port + "/a")).text();`;
  await using child = deno([
    ...["run", "--no-prompt", "--no-lock", `--config=${ROOT}deno.json`, "--allow-net=127.0.0.1"],
    `data:application/javascript,${encodeURIComponent(program)}`,
  ]);
  const { code, stdout, stderr } = await child.result(20_000);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
});

Deno.test("textResponse() is plain text that nobody may cache or take for something else", async () => {
  const response = textResponse("ok\n", { status: 404, headers: { allow: "GET" } });
  assertEquals([response.status, await response.text()], [404, "ok\n"]);
  assertEquals(Object.fromEntries(response.headers), {
    "allow": "GET",
    "cache-control": "no-store",
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
  });
});

interface OpenOptions {
  readonly ip?: Uint8Array;
  readonly logger?: Logger;
  readonly clock?: VirtualClock;
}

function open(
  routes: Record<string, HttpHandler>,
  options: OpenOptions = {},
): Promise<HttpServer> {
  return openHttpServer({
    ip: LOOPBACK,
    port: 0,
    routes: new Map(Object.entries(routes)),
    logger: silentLogger,
    ...options,
  });
}

function url(server: HttpServer, path: string): string {
  return `http://${formatSocketAddress(server.address)}${path}`;
}

async function get(server: HttpServer, path: string): Promise<[status: number, text: string]> {
  const response = await fetch(url(server, path));
  return [response.status, await response.text()];
}

/** The first piece of what the server answers to these bytes. */
async function raw(server: HttpServer, text: string): Promise<string> {
  const { port } = server.address;
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  const piece = new Uint8Array(4096);
  return new TextDecoder().decode(piece.subarray(0, await connection.read(piece) ?? 0));
}
