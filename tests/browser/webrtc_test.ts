import { assertEquals, assertMatch } from "@std/assert";
import type { Browser } from "playwright-core";
import { PinholeServer } from "../support/pinhole_server.ts";
import { testWithTool, TOOLS } from "../support/tool.ts";
import { launchChromium } from "./_launch.ts";

testWithTool({
  name: "a WebRTC page in Chromium gets a server-reflexive candidate from our server",
  tools: [TOOLS.chromium],
  fn: async () => {
    await using server = await PinholeServer.start();
    const { port } = server.target("udp");
    const { reflexive, errors } = await withBrowser((browser) => gather(browser, port));
    assertEquals(errors, []);
    // RFC 8839 5.1: foundation component transport priority address port "typ" type …
    assertMatch(reflexive, /^candidate:\d+ 1 udp \d+ 127\.0\.0\.1 \d+ typ srflx /);
  },
});

testWithTool({
  name: "a WebRTC page in Chromium gets no server-reflexive candidate once our server is gone",
  tools: [TOOLS.chromium],
  fn: async () => {
    const server = await PinholeServer.start();
    const { port } = server.target("udp");
    await server.stop();
    const { reflexive } = await withBrowser((browser) => gather(browser, port, 3_000));
    assertEquals(reflexive, "");
  },
});

interface Gathered {
  /** The first server-reflexive candidate, as the page sees it; empty if none came. */
  readonly reflexive: string;
  /** What `icecandidateerror` said before that. */
  readonly errors: readonly string[];
}

async function withBrowser<T>(use: (browser: Browser) => Promise<T>): Promise<T> {
  const browser = await launchChromium();
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}

/** The page of every WebRTC tutorial: a connection, a data channel, an offer. */
async function gather(browser: Browser, port: number, timeoutMs = 15_000): Promise<Gathered> {
  const page = await browser.newPage();
  await page.setContent("<!doctype html><title>WebRTC</title>");
  return await page.evaluate(`new Promise((resolve, reject) => {
    const connection = new RTCPeerConnection({
      iceServers: [{ urls: "stun:127.0.0.1:${port}" }],
    });
    const errors = [];
    const finish = (reflexive) => resolve({ reflexive, errors });
    setTimeout(finish, ${timeoutMs}, "");
    connection.onicecandidateerror = (event) => errors.push(event.errorCode + event.errorText);
    connection.onicecandidate = ({ candidate }) => {
      if (candidate?.type === "srflx") finish(candidate.candidate);
    };
    connection.createDataChannel("chat");
    connection.createOffer().then((offer) => connection.setLocalDescription(offer)).catch(reject);
  })`);
}
