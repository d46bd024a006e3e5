// Two persons at two browsers, each behind a NAT of its own, with real NATs in between.

import { assertEquals, assertMatch } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import type { LabHost } from "../lab/lab_host.ts";
import { LAB_PORT } from "../lab/lab_servers.ts";
import { NatLab, whyNoLab } from "../lab/nat_lab.ts";
import type { NatKind } from "../lab/nat_kind.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { pathOf, testWithTool, TOOLS } from "../support/tool.ts";
import { launchChromium } from "./_launch.ts";
import { connectPages, say } from "./_page.ts";

const CASES: readonly (readonly [NatKind, NatKind, mapping: string])[] = [
  ["full-cone", "port-restricted", "the same port for every destination"],
  ["symmetric", "address-restricted", "another port for each destination"],
];

for (const [nat1, nat2, mapping] of CASES) {
  testWithTool({
    name: `two browsers behind NATs, ${nat1} and ${nat2}, connect through the page's room`,
    tools: [TOOLS.chromium],
    skip: whyNoLab(),
    fn: async () => {
      await using lab = await NatLab.open({ nat1, nat2 });
      const url = await servePage(lab);
      await using left = await BrowserIn.open(lab.host1);
      await using right = await BrowserIn.open(lab.host2);
      const pages = [await left.page(url), await right.page(url)] as const;
      for (const [i, page] of pages.entries()) {
        await page.waitForSelector("#ask-again:enabled", { timeout: 60_000 });
        assertEquals(await page.textContent("#address-http"), `203.0.113.1${i + 1}`);
        assertMatch(await page.textContent("#address-ipv4") ?? "", /^203\.0\.113\.1[12]:\d+/);
      }
      assertEquals(await pages[0].textContent("#mapping"), mapping);
      const [ada, bob] = await connectPages(pages, "lab");
      await say(ada, "Can you read this?");
      assertEquals(
        await bob.textContent("#talk p:nth-child(1):last-child"),
        "Ada: Can you read this?",
      );
      await say(bob, "Word for word.");
      assertEquals(await ada.textContent("#talk p:nth-child(2)"), "Bob: Word for word.");
      await keepScreenshots(`${nat1}-${nat2}`, [ada, bob]);
    },
  });
}

/** Our server with two STUN addresses and the page, on the lab's public segment. */
async function servePage({ server }: NatLab): Promise<string> {
  const child = server.deno([
    ...["--allow-net", ROOT + "server.ts", "--port", `${LAB_PORT}`, "--hostname", server.ip],
    ...["--alternate-hostname", server.alternateIp],
    ...["--http-hostname", server.ip, "--http-port", "80"],
  ]);
  await child.line(/ ready$/m, { timeoutMs: 30_000 });
  return `http://${server.ip}/`;
}

/** Chromium as a program of a lab's host. Playwright talks to it through a pipe, which crosses. */
class BrowserIn implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #wrapper: string;

  private constructor(browser: Browser, wrapper: string) {
    this.#browser = browser;
    this.#wrapper = wrapper;
  }

  static async open(host: LabHost): Promise<BrowserIn> {
    const [command, args] = host.command(pathOf(TOOLS.chromium.command)!, []);
    const wrapper = await Deno.makeTempFile({ prefix: "pinhole-chromium-" });
    await Deno.writeTextFile(wrapper, `#!/bin/sh\nexec ${command} ${args.join(" ")} "$@"\n`);
    await Deno.chmod(wrapper, 0o755);
    return new BrowserIn(await launchChromium({ executablePath: wrapper }), wrapper);
  }

  async page(url: string): Promise<Page> {
    const page = await this.#browser.newPage({ viewport: { width: 1000, height: 900 } });
    await page.goto(url);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await Deno.remove(this.#wrapper);
  }
}

async function keepScreenshots(name: string, pages: readonly Page[]): Promise<void> {
  await Deno.mkdir(SCREENSHOTS, { recursive: true });
  for (const [i, page] of pages.entries()) {
    await page.screenshot({ path: `${SCREENSHOTS}${name}-${i + 1}.png`, fullPage: true });
  }
}

const SCREENSHOTS = `${ROOT}tests/browser/.screenshots/`;
