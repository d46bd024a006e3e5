// `pinhole serve` as a process. With PINHOLE_BINARY it is the executable of `deno task compile`
// that is tested, without it the source, with the permissions that the executable has.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { PERMISSIONS } from "../../.ci/compile.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { askTcp, askUdp } from "../support/binding_request.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { Child, deno, type RunResult } from "../support/process.ts";
import { complaint } from "./serve_child.ts";

const BINARY = Deno.env.get("PINHOLE_BINARY");
const SERVE = ["serve", "--hostname", "127.0.0.1", "--port", "0", "--log-format", "json"];
const WINDOWS = Deno.build.os === "windows";

Deno.test("pinhole serve answers pinhole query over UDP and TCP, and stops cleanly", async () => {
  await using server = pinhole(...SERVE);
  const target = await ready(server);
  assertEquals((await askUdp(target)).bytes.length, 32);
  assertEquals((await askTcp(target)).bytes.length, 32);
  for (const flags of [[], ["--tcp"]]) {
    const { code, stdout, stderr } = await result(
      pinhole("query", `stun:127.0.0.1:${target.port}`, "--json", ...flags),
    );
    assertEquals([code, stderr, JSON.parse(stdout).nat], [0, "", false]);
  }
  const { code, stderr } = await server.stop();
  // Nothing can ask a process of Windows to end
  if (!WINDOWS) assertEquals([code, stderr], [0, ""]);
});

Deno.test({
  name: "pinhole serve has workers",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using server = pinhole(...SERVE, "--workers", "2");
    assertEquals((await askUdp(await ready(server))).bytes.length, 32);
    assertMatch(server.stdout, /"transport":"udp",[^\n]*"io":"batched","workers":2/);
    const { code, stderr } = await server.stop();
    assertEquals([code, stderr], [0, ""]);
  },
});

Deno.test("pinhole serve reads a configuration and serves metrics and the page", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, '{"http-port": 0, "software": "one binary"}');
    await using server = pinhole(...SERVE, "--config", file);
    const [, address] = await server.line(/"transport":"http","address":"([^"]+)"/, LONG);
    const response = await fetch(`http://${address}/metrics`);
    const text = await response.text();
    const page = await fetch(`http://${address}/`);
    assertEquals(await page.text(), Deno.readTextFileSync(`${ROOT}lib/board/page/page.html`));
    assert(text.includes(`pinhole_build_info{version="${denoJson.version}"`), text);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("pinhole serve speaks of itself by its own name", async () => {
  const help = await result(pinhole("serve", "--help"));
  assertEquals([help.code, help.stderr], [0, ""]);
  assertMatch(help.stdout, /^Usage: pinhole serve \[flags\]\n[^]*\nExample: pinhole serve /);
  assertEquals(await result(pinhole("serve", "--bogus")), {
    code: 2,
    stdout: "",
    stderr: complaint("Cannot read --bogus: pinhole serve has no such flag"),
  });
  assertEquals(await result(pinhole("serve", "--version")), {
    code: 0,
    stdout: `pinhole ${denoJson.version}\n`,
    stderr: "",
  });
});

function pinhole(...args: readonly string[]): Child {
  return BINARY === undefined
    ? deno(["run", ...PERMISSIONS, `${ROOT}lib/cli/pinhole.ts`, ...args])
    : new Child(BINARY, args);
}

async function ready(server: Child): Promise<{ hostname: string; port: number }> {
  await server.line(/"message":"ready"/, LONG);
  const [, port] = await server.line(/"transport":"udp","address":"127\.0\.0\.1:(\d+)"/);
  return { hostname: "127.0.0.1", port: Number(port) };
}

async function result(child: Child): Promise<RunResult> {
  await using running = child;
  return await running.result(LONG.timeoutMs);
}

const LONG = { timeoutMs: 20_000 };
