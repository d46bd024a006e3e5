import { assert, assertEquals, assertMatch } from "@std/assert";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { PinholeServer } from "../support/pinhole_server.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import { launchChromium } from "./_launch.ts";
import { connectPages, say } from "./_page.ts";

pageTest(
  "the page shows the address over HTTP and over WebRTC, and the mapping",
  async ({ open }) => {
    const page = await open();
    await page.waitForSelector("#ask-again:enabled", { timeout: 30_000 });
    assertEquals(await page.textContent("#address-http"), "127.0.0.1");
    assertMatch(await page.textContent("#address-ipv4") ?? "", /^127\.0\.0\.1:\d+$/);
    assertEquals(await page.textContent("#address-ipv6"), "none");
    assertEquals(await page.textContent("#mapping"), "the same port for every destination");
  },
);

pageTest(
  "two pages in a room see each other, connect, and read what is typed",
  async ({ open }) => {
    const [ada, bob] = await connectPages([await open(), await open()], "room");
    await say(ada, "hello Bob <b>");
    assertEquals(await lastLine(bob, 1), "Ada: hello Bob <b>");
    await say(bob, "hello Ada");
    assertEquals(await lastLine(ada, 2), "Bob: hello Ada");
    await bob.goto("about:blank");
    await ada.waitForSelector('#link-state:text-is("The connection to Bob has ended.")');
  },
);

pageTest("the page says that a room has another secret", async ({ open }) => {
  const [first, second] = [await open(), await open()];
  await first.fill("#secret", "open sesame");
  await join(first);
  await first.waitForSelector("#peers li:only-child");
  await second.fill("#secret", "let me in");
  await join(second);
  await second.waitForSelector("#room-state.problem");
  assertEquals(await second.textContent("#room-state"), "The room has another secret.");
  assertEquals(await second.textContent("#join-button"), "Join");
});

pageTest("the page says that the server is gone, and finds it again", async ({ open, server }) => {
  const page = await open();
  await page.waitForSelector("#ask-again:enabled", { timeout: 30_000 });
  await join(page);
  await page.waitForSelector("#room-state.good");
  server.child.kill("SIGSTOP");
  try {
    await page.context().setOffline(true);
    await page.click("#ask-again");
    await page.waitForSelector("#address-note.problem");
    assertMatch(await page.textContent("#address-note") ?? "", /^The server cannot be reached\./);
  } finally {
    server.child.kill("SIGCONT");
  }
  await page.context().setOffline(false);
  await page.click("#ask-again");
  await page.waitForSelector('#address-http:text-is("127.0.0.1")');
});

for (const colorScheme of ["light", "dark"] as const) {
  pageTest(
    `axe finds nothing serious in the page on a phone, ${colorScheme}`,
    async ({ open }) => {
      const options = { viewport: { width: 360, height: 740 }, colorScheme };
      const [page, other] = await connectPages([await open(options), await open()], "room");
      await say(other, "hello");
      await lastLine(page, 1);
      const found = await page.evaluate(`${axe.source}; axe.run()`) as AxeResults;
      const serious = found.violations.filter(({ impact }) =>
        impact === "serious" || impact === "critical"
      );
      assertEquals(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
      assert(found.passes.length > 10, "axe looked at nothing");
      const { scrollWidth, innerWidth } = await page.evaluate(
        "({ scrollWidth: document.documentElement.scrollWidth, innerWidth })",
      ) as { scrollWidth: number; innerWidth: number };
      assert(
        scrollWidth <= innerWidth,
        `the page is ${scrollWidth} pixels wide, has ${innerWidth}`,
      );
    },
  );
}

/** What `axe.run()` resolves to, as far as it is looked at. */
interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
  readonly passes: readonly unknown[];
}

interface PageTest {
  readonly server: PinholeServer;
  /** Opens the page in a browser's context of its own. */
  open(options?: BrowserContextOptions): Promise<Page>;
}

/** A test with a server of two STUN addresses and a browser; what the page logs as an error fails it. */
function pageTest(name: string, run: (test: PageTest) => Promise<void>): void {
  testWithTool({
    name,
    tools: [TOOLS.chromium],
    fn: async () => {
      await using server = await PinholeServer.start({
        args: [
          ...["--alternate-hostname", "127.0.0.2", "--alternate-port", "0"],
          ...["--http-port", "0"],
        ],
      });
      const http = server.listeners.find(({ transport }) => transport === "http")!;
      const browser: Browser = await launchChromium();
      const errors: string[] = [];
      try {
        await run({
          server,
          open: async (options = {}) => {
            const page = await (await browser.newContext(options)).newPage();
            page.on("pageerror", ({ message }) => errors.push(message));
            await page.goto(`http://${http.address}/#room`);
            return page;
          },
        });
      } finally {
        await browser.close();
      }
      assertEquals(errors, []);
    },
  });
}

async function join(page: Page): Promise<void> {
  await page.fill("#room", "room");
  await page.click("#join-button");
}

async function lastLine(page: Page, count: number): Promise<string | null> {
  return await page.textContent(`#talk p:nth-child(${count}):last-child`);
}
