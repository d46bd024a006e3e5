// `pinhole expose` behind a real NAT: a web server that knows nothing of it, fetched from outside
// while the router forgets, gets another address, and the STUN server dies.

import { assertEquals, assertNotEquals } from "@std/assert";
import { testWithTool, type Tool } from "../support/tool.ts";
import type { Child } from "../support/process.ts";
import { LAB_PORT, LAB_SERVERS, serverAnswers } from "./lab_servers.ts";
import { NatLab, type NatLabOptions, NFT, whyNoLab } from "./nat_lab.ts";
import { exposeEvent, exposeEventsUntil, startPinholeExpose } from "./pinhole_expose.ts";
import { CURL, PYTHON, SOCAT, WebServer } from "./web_server.ts";

for (const ffi of [false, true]) {
  const how = ffi ? "with SO_REUSEPORT" : "without FFI";

  labTest(
    `pinhole expose has a web server behind a full cone fetched by everybody, ${how}`,
    async () => {
      await using scene = await Scene.open({ ffi, nat2: "port-restricted" });
      const { lab, child, web } = scene;
      const { sharing, nat } = await exposeEvent(child, "listening");
      assertEquals([sharing, nat], [ffi ? "reuse-port" : "turns", true]);
      const verified = await exposeEvent(child, "verified");
      assertEquals(verified.reachable, true);
      const url = `http://${verified.public}/`;
      assertEquals(verified.public, `203.0.113.11:${portOf(verified.public)}`);
      for (const host of [lab.server, lab.outside, lab.host2]) {
        assertEquals(await web.fetched(host, url), web.checksum);
      }
      const { code, stderr } = await child.stop("SIGINT");
      assertEquals([code, stderr], [0, ""]);
      await refused(scene, url);
    },
  );

  labTest(`pinhole expose is back when the router has forgotten the mapping, ${how}`, async () => {
    await using scene = await Scene.open({ ffi });
    const { lab, child, web } = scene;
    const { public: address } = await exposeEvent(child, "verified");
    await lab.router1.forget();
    const events = await exposeEventsUntil(child, (events) => connects(events) > 1);
    // This router gives the port that it gave before, and it was noticed before anybody gave up
    assertEquals(await web.fetched(lab.outside, `http://${address}/`), web.checksum);
    assertEquals([names(events, "refresh").length, names(events, "lost")], [1, []]);
  });

  labTest(`pinhole expose follows when somebody else has the port by then, ${how}`, async () => {
    await using scene = await Scene.open({ ffi });
    const { lab, child } = scene;
    const { public: first } = await exposeEvent(child, "verified");
    await lab.router1.forget();
    await using _other = lab.router1.exec("socat", [
      ...["-u", `TCP:${lab.server.ip}:${LAB_PORT},sourceport=${portOf(first)}`, "OPEN:/dev/null"],
    ]);
    const { public: second, reachable } = await exposeEvent(child, "unverified");
    const { public: found, previous } = await exposeEvent(child, "refresh", {
      fields: `"previous":"${first}"`,
    });
    assertEquals([found, previous], [second, first]);
    assertNotEquals(portOf(second), portOf(first));
    // What comes to a port of this router goes to the same port of the host: nobody gets in here now,
    // and that is what the dial-back has told
    assertEquals(reachable, false);
  }, [SOCAT]);

  labTest(`pinhole expose follows another public address and runs the hook, ${how}`, async () => {
    const file = await Deno.makeTempFile();
    const hook =
      `f() { echo "$@ $PINHOLE_PUBLIC_ADDRESS $PINHOLE_LOCAL_ADDRESS" >> '${file}'; }; f`;
    await using scene = await Scene.open({ ffi, flags: ["--on-change", hook] });
    const { lab, child, web } = scene;
    const { public: first } = await exposeEvent(child, "verified");
    await lab.router1.changePublicAddress("203.0.113.99");
    const { public: second } = await exposeEvent(child, "verified", {
      fields: '"public":"203.0.113.99:',
      timeoutMs: 60_000,
    });
    assertEquals(await web.fetched(lab.outside, `http://${second}/`), web.checksum);
    await exposeEventsUntil(child, (events) => names(events, "hook").length > 1);
    const local = (await exposeEvent(child, "listening")).local;
    const lines = (await Deno.readTextFile(file)).trimEnd().split("\n");
    assertEquals(
      lines,
      [first, second].map((address) => {
        return `${`${address}`.replace(":", " ")} ${address} ${local}`;
      }),
    );
    await Deno.remove(file);
  });

  labTest(`pinhole expose survives kill -9 of the STUN server, ${how}`, async () => {
    await using scene = await Scene.open({ ffi });
    const { lab, child, web, server } = scene;
    const { public: first } = await exposeEvent(child, "verified");
    server.kill("SIGKILL");
    await exposeEvent(child, "lost", { timeoutMs: 30_000 });
    // The router remembers, whoever asks
    assertEquals(await web.fetched(lab.outside, `http://${first}/`), web.checksum);
    // Dialled again while it is gone
    await exposeEventsUntil(
      child,
      (events) => names(events, "server").some(({ state }) => state === "failed"),
    );
    const again = LAB_SERVERS.ours(lab.server);
    await serverAnswers(lab, { child: again, ip: lab.server.ip });
    const events = await exposeEventsUntil(child, (events) => names(events, "verified").length > 1);
    const { public: second } = names(events, "verified").at(-1)!;
    assertEquals(await web.fetched(lab.outside, `http://${second}/`), web.checksum);
  });
}

labTest(
  "pinhole expose says that a port-restricted NAT lets nobody in, and with two servers that a symmetric one has no address",
  async () => {
    await using restricted = await Scene.open({ nat1: "port-restricted" });
    const { reachable, dialBack } = await exposeEvent(restricted.child, "unverified", {
      timeoutMs: 40_000,
    });
    assertEquals([reachable, (dialBack as unknown[]).length], [false, 2]);
    await using symmetric = await Scene.open({ nat1: "symmetric", bothAddresses: true });
    const failed = await exposeEvent(symmetric.child, "failed");
    assertEquals([failed.code, (await symmetric.child.status).code], ["mapping-depends", 4]);
  },
);

/** A web server on host1, exposed with the help of a STUN server. */
class Scene implements AsyncDisposable {
  private constructor(
    readonly lab: NatLab,
    readonly web: WebServer,
    readonly server: Child,
    readonly child: Child,
  ) {}

  static async open(
    { ffi = false, flags = [], nat1 = { ipv4: "full-cone", hairpin: true }, nat2, bothAddresses }: {
      readonly ffi?: boolean;
      readonly flags?: readonly string[];
      readonly bothAddresses?: boolean;
    } & NatLabOptions,
  ): Promise<Scene> {
    const lab = await NatLab.open({ nat1, nat2 });
    try {
      const server = LAB_SERVERS.ours(lab.server);
      await serverAnswers(lab, { child: server, ip: lab.server.ip });
      const web = await WebServer.start(lab.host1);
      const child = startPinholeExpose(lab.host1, {
        service: `127.0.0.1:${web.port}`,
        servers: bothAddresses ? [lab.server.ip, lab.server.alternateIp] : [lab.server.ip],
        ffi,
        // So that a test need not wait for long until it notices
        flags: ["--keep-alive", "1", ...flags],
      });
      return new Scene(lab, web, server, child);
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
    await this.web.remove();
  }
}

/** Nobody listens there any more. */
async function refused({ lab }: Scene, url: string): Promise<void> {
  const { code } = await lab.outside.run("curl", ["--silent", "--max-time", "5", url], {
    check: false,
  });
  // Could not connect
  assertEquals(code, 7);
}

function names(
  events: readonly Record<string, unknown>[],
  name: string,
): readonly Record<string, unknown>[] {
  return events.filter(({ event }) => event === name);
}

/** How often a server could be connected to. */
function connects(events: readonly Record<string, unknown>[]): number {
  return names(events, "server").filter(({ state }) => state === "connected").length;
}

function portOf(address: unknown): string {
  return `${address}`.split(":")[1]!;
}

function labTest(name: string, fn: () => Promise<void>, tools: readonly Tool[] = []): void {
  testWithTool({ name, tools: [NFT, CURL, PYTHON, ...tools], skip: whyNoLab(), fn });
}
