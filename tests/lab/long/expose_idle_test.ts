// Ten minutes of silence on a NAT that forgets idle TCP connections after one.

import { assertEquals } from "@std/assert";
import { testWithTool } from "../../support/tool.ts";
import { LAB_SERVERS, serverAnswers } from "../lab_servers.ts";
import { NatLab, NFT, whyNoLab } from "../nat_lab.ts";
import { exposeEvent, startPinholeExpose } from "../pinhole_expose.ts";
import { CURL, PYTHON, WebServer } from "../web_server.ts";

const IDLE_MS = 10 * 60_000;

testWithTool({
  name: "pinhole expose keeps a mapping for ten minutes on a NAT with a timeout of 60 s, " +
    "and without keep-alive it is lost",
  tools: [NFT, CURL, PYTHON],
  skip: whyNoLab(),
  fn: async () => {
    await using lab = await NatLab.open({ nat1: "full-cone" });
    await serverAnswers(lab, { child: LAB_SERVERS.ours(lab.server), ip: lab.server.ip });
    await lab.router1.setTcpEstablishedTimeout(60);
    const web = await WebServer.start(lab.host1);
    try {
      // The default keeps it, 0 asks once
      const [kept, left] = [[], ["--keep-alive", "0"]].map((flags) =>
        startPinholeExpose(lab.host1, {
          service: `127.0.0.1:${web.port}`,
          servers: [lab.server.ip],
          flags,
        })
      ) as [ReturnType<typeof startPinholeExpose>, ReturnType<typeof startPinholeExpose>];
      const urls = await Promise.all([kept, left].map(async (child) => {
        return `http://${(await exposeEvent(child, "verified")).public}/`;
      })) as [string, string];
      for (const url of urls) assertEquals(await web.fetched(lab.outside, url), web.checksum);
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      assertEquals(await web.fetched(lab.outside, urls[0]), web.checksum);
      assertEquals(await curl(lab, urls[1]), TIMED_OUT);
      // And neither noticed anything: the one had no reason, the other did not ask
      for (const child of [kept, left]) assertEquals(/"event":"lost"/.test(child.stdout), false);
    } finally {
      await web.remove();
    }
  },
});

/** The exit code of an attempt to fetch. */
async function curl(lab: NatLab, url: string): Promise<number> {
  const args = ["--silent", "--output", "/dev/null", "--max-time", "10", url];
  return (await lab.outside.run("curl", args, { check: false })).code;
}

/** curl's code for that. */
const TIMED_OUT = 28;
