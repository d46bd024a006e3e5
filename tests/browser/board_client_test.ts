import { assertEquals } from "@std/assert";
import { PinholeServer } from "../support/pinhole_server.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import { bundleForBrowser } from "./_bundle.ts";
import { launchChromium } from "./_launch.ts";

const bundle = await bundleForBrowser(new URL("board_page.ts", import.meta.url));

testWithTool({
  name: "BoardClient meets a peer in Chromium",
  tools: [TOOLS.chromium],
  skip: bundle.ok ? undefined : bundle.why,
  fn: async () => {
    await using server = await PinholeServer.start({
      args: ["--http-port", "0", "--http-origin", "*"],
    });
    const { port } = server.listeners.find(({ transport }) => transport === "http")!;
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.addScriptTag({ content: bundle.code });
      const heard = await page.evaluate(
        (url) => (globalThis as unknown as { meet(url: string): Promise<string[]> }).meet(url),
        `ws://127.0.0.1:${port}/board/room`,
      );
      assertEquals(heard, ["hello from a page", "hello from a peer"]);
    } finally {
      await browser.close();
    }
  },
});
