import { assert, assertEquals, assertMatch } from "@std/assert";
import { pageRoutes } from "../../lib/board/mod.ts";
import { ROOT } from "../support/pinhole_server.ts";

const CLIENT = { ip: Uint8Array.of(203, 0, 113, 9), isClient: true };

Deno.test("pageRoutes() serves the page and all that it names, and nothing from elsewhere", async () => {
  const page = await get("/");
  assertEquals(page.headers.get("content-type"), "text/html; charset=utf-8");
  const html = await page.text();
  const named = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path]) => path!);
  assertEquals(named, ["/page/icon.svg", "/page/page.css", "/page/page.js"]);
  for (const path of named) {
    const response = await get(path);
    assertEquals(response.status, 200);
    assert((await response.text()).length > 100);
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  }
});

Deno.test("pageRoutes() forbids the page scripts, styles and connections that are not its own", async () => {
  const { headers } = await get("/");
  const policy = headers.get("content-security-policy")!;
  assertMatch(policy, /^default-src 'none'; script-src 'self';/);
  assertEquals(/unsafe|\*|https?:|data:/.test(policy), false);
  const html = await (await get("/")).text();
  assertEquals(/<style|<script(?![^>]*src=)|\son\w+=|\sstyle=/.test(html), false);
});

Deno.test("pageRoutes() tells a browser its address, and the STUN URIs for the host it asked for", async () => {
  const response = await get("/whoami", { headers: { host: "stun.example.org:8080" } });
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(await response.json(), {
    ip: "203.0.113.9",
    stun: ["stun:stun.example.org:8080"],
  });
});

Deno.test("the page's script is what its sources are bundled to", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--platform", "browser", "--minify"],
      ROOT + "lib/board/page/page.ts",
    ],
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const served = await (await get("/page/page.js")).text();
  assert(
    served.trim() === new TextDecoder().decode(stdout).trim(),
    "lib/board/page/page.js is not up to date: run `deno task page`",
  );
});

async function get(path: string, init: RequestInit = {}): Promise<Response> {
  const handler = pageRoutes({ stunUris: (host) => [`stun:${host}`] }).get(path);
  assert(handler !== undefined, path);
  return await handler(new Request(`http://127.0.0.1${path}`, init), CLIENT);
}
