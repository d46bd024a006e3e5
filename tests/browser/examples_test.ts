// The examples of docs/examples/ that run in a browser, in Chromium, with a server on loopback.

import { assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { PinholeServer, ROOT } from "../support/pinhole_server.ts";
import { run } from "../support/process.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import { launchChromium } from "./_launch.ts";

testWithTool({
  name: "docs/examples/webrtc.html shows the public address and opens a data channel",
  tools: [TOOLS.chromium],
  fn: async () => {
    await using server = await PinholeServer.start();
    const stun = `stun:${server.target("udp").address}`;
    await withPage(`file://${ROOT}docs/examples/webrtc.html?stun=${stun}`, async (page) => {
      await page.waitForSelector('#channel:text-is("You said: hello")');
      await page.waitForSelector("#addresses li");
      assertMatch(
        await page.textContent("#addresses li") ?? "",
        /^127\.0\.0\.1:\d+ over udp$/,
      );
      assertEquals(await page.textContent("#server"), stun);
    });
  },
});

// What `deno bundle` makes of the page; it has to get esbuild once, which can fail
const folder = await Deno.makeTempDir({ prefix: "pinhole-codec-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const bundle = await run(Deno.execPath(), [
  ...["bundle", "--quiet", "--platform", "browser"],
  ...[`${ROOT}docs/examples/codec.html`, "--outdir", folder],
], { env: { NO_COLOR: "1" } });

testWithTool({
  name: "docs/examples/codec.html reads a message, and says what is wrong with one",
  tools: [TOOLS.chromium],
  skip: bundle.code === 0 ? undefined : `deno bundle: ${bundle.stderr.trim().split("\n").at(-1)}`,
  fn: async () => {
    // A browser loads no module from a file
    await using web = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, serveFile);
    await withPage(`http://127.0.0.1:${web.addr.port}/codec.html`, async (page) => {
      const text = () => page.textContent("#message");
      assertEquals(
        await text(),
        `success, method 0x001
SOFTWARE, 11 bytes
XOR-MAPPED-ADDRESS, 8 bytes
MESSAGE-INTEGRITY, 20 bytes
FINGERPRINT, 4 bytes
Public address 192.0.2.1:32853
Fingerprint valid`,
      );
      await page.fill("#hex", "0101000c 2112a442");
      assertMatch(await text() ?? "", /^Cannot .+ \(at byte \d+\)$/);
      await page.fill("#hex", "not hexadecimal");
      assertEquals(await text(), "These are no bytes in hexadecimal");
    });
  },
});

/** A file of the bundle. */
async function serveFile(request: Request): Promise<Response> {
  const name = new URL(request.url).pathname.slice(1);
  const found = [...Deno.readDirSync(folder)].some((entry) => entry.name === name);
  if (!found) return new Response(null, { status: 404 });
  const type = name.endsWith(".html") ? "text/html" : "text/javascript";
  return new Response(await Deno.readFile(`${folder}/${name}`), {
    headers: { "content-type": type },
  });
}

async function withPage(url: string, use: (page: Page) => Promise<void>): Promise<void> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await use(page);
  } finally {
    await browser.close();
  }
}
