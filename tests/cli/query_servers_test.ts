// `pinhole query` with several servers, and with one that sends its clients to another.

import { assertEquals } from "@std/assert";
import { StunServer } from "../../lib/server/mod.ts";
import { ALTERNATE_SERVER, attribute, ERROR_CODE } from "../../lib/wire/mod.ts";
import { answerTo, ScriptedUdpServer } from "../client/scripted_server.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno, type RunResult } from "../support/process.ts";

Deno.test("pinhole query --fallback is asked when the first server refuses", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const target = `127.0.0.1:${server.start()[0]!.address.port}`;
  const refusing = `stun:127.0.0.1:${freePort()}`;
  const { code, stdout } = await query(refusing, "--fallback", `stun:${target}`, "--tcp", "--json");
  assertEquals([code, JSON.parse(stdout).server], [0, target]);
});

Deno.test("pinhole query tells of all servers when none answers", async () => {
  const [first, second] = [freePort(), freePort()];
  const uri = `stun:127.0.0.1:${first}`;
  const flags = ["--fallback", `stun:127.0.0.1:${second}`, "--tcp"];
  const messages = [first, second].map((port) =>
    `Cannot connect to tcp 127.0.0.1:${port}: the peer refuses connections`
  );
  assertEquals(await query(uri, ...flags), {
    code: 1,
    stdout: "",
    stderr: `error: ${messages[0]}\nalso: ${messages[1]}\n`,
  });
  const { code, stdout, stderr } = await query(uri, ...flags, "--json");
  assertEquals([code, stderr], [1, ""]);
  assertEquals(JSON.parse(stdout), {
    server: uri,
    transport: "tcp",
    error: {
      code: "refused",
      message: messages[0],
      failures: [first, second].map((port, i) => {
        return { server: `127.0.0.1:${port}`, code: "refused", message: messages[i] };
      }),
    },
  });
});

Deno.test("pinhole query tells who sent it to another server", async () => {
  await using other = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const { address } = other.start()[0]!;
  using server = new ScriptedUdpServer();
  const redirect = async () => {
    const received = await server.receive();
    const error = attribute(ERROR_CODE, { code: 300, reason: "Try Alternate" });
    const answer = [error, attribute(ALTERNATE_SERVER, address)];
    await server.send(answerTo(received.request, answer, { class: "error" }), received);
  };
  const [json] = await Promise.all([query(server.uri, "--json"), redirect()]);
  const { server: asked, redirectedFrom } = JSON.parse(json.stdout);
  const from = `127.0.0.1:${server.port}`;
  assertEquals([json.code, asked, redirectedFrom], [0, `127.0.0.1:${address.port}`, from]);
  const [text] = await Promise.all([query(server.uri), redirect()]);
  assertEquals(text.stdout.trimEnd().split("\n").at(-1), `Sent here by    ${from}`);
});

const USAGE = [
  ["127.0.0.1", 'Cannot read "127.0.0.1": wanted it to start with stun: or stuns:'],
  ["stuns:127.0.0.1", "Cannot query: stun: and stuns: URIs do not go together"],
] as const;
for (const [fallback, problem] of USAGE) {
  Deno.test(`pinhole query --fallback ${fallback} is wrong usage`, async () => {
    assertEquals(await query("stun:127.0.0.1", "--fallback", fallback), {
      code: 2,
      stdout: "",
      stderr: `error: ${problem}\nRun with --help to see what there is.\n`,
    });
  });
}

async function query(...args: readonly string[]): Promise<RunResult> {
  const program = `${ROOT}lib/cli/pinhole.ts`;
  const flags = ["--allow-net", "--allow-sys=networkInterfaces"];
  await using child = deno(["run", "--no-prompt", ...flags, program, "query", ...args]);
  return await child.result(20_000);
}
