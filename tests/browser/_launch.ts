import { type Browser, chromium } from "playwright-core";
import { pathOf, TOOLS } from "../support/tool.ts";

/** How {@linkcode launchChromium} starts it. */
export interface LaunchChromiumOptions {
  /** A program to start in Chromium's place, which starts Chromium. @default Chromium itself */
  readonly executablePath?: string | undefined;
}

/**
 * Debian's Chromium, without a window; the caller closes it.
 *
 * @throws {Error} If it is not installed.
 */
export async function launchChromium(options: LaunchChromiumOptions = {}): Promise<Browser> {
  const executablePath = options.executablePath ?? pathOf(TOOLS.chromium.command);
  if (executablePath === undefined) throw new Error("Cannot launch Chromium: it is not on PATH");
  return await chromium.launch({
    executablePath,
    headless: true,
    args: [
      // A sandbox needs a user other than root.
      ...["--no-sandbox", "--disable-gpu", "--no-first-run"],
      // WebRTC leaves loopback out of its networks; on a machine without any other it would never
      // ask a server.
      "--allow-loopback-in-peer-connection",
      // What would call home.
      ...["--disable-quic", "--disable-background-networking"],
      ...["--disable-component-update", "--disable-sync"],
    ],
  });
}
