import type { Page } from "playwright-core";

/** Has the persons at two pages, called Ada and Bob, meet in a room; Ada clicks on Bob. */
export async function connectPages(
  [ada, bob]: readonly [Page, Page],
  room: string,
): Promise<readonly [ada: Page, bob: Page]> {
  for (const [page, name] of [[ada, "Ada"], [bob, "Bob"]] as const) {
    await page.fill("#room", room);
    await page.fill("#name", name);
    await page.click("#join-button");
  }
  await ada.click('button[aria-label="Connect to Bob"]', { timeout: 20_000 });
  for (const page of [ada, bob]) {
    await page.waitForSelector("#message:enabled", { timeout: 40_000 });
  }
  return [ada, bob];
}

/** Has the person at a page say something. */
export async function say(page: Page, text: string): Promise<void> {
  await page.fill("#message", text);
  await page.click("#say-button");
}
