import { assertEquals, assertMatch } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { ROOT } from "../support/pinhole_server.ts";
import { deno, type RunResult } from "../support/process.ts";

const OVERVIEW = `Usage: pinhole COMMAND [arguments]

Commands:
  serve    Serves STUN (RFC 8489, 5389, 3489, 5780) over UDP, TCP and TLS until SIGINT or SIGTERM.
  query    Asks a STUN server for this host's public address.
  nat      Finds out what the NAT in front of this host does to UDP and TCP.
  reach    Says whether the world can connect to this host over TCP, as a server tries it.
  expose   Makes a local service reachable from outside, until Ctrl-C.
  punch    Connects to another host that runs this too, both behind NATs if need be.
  board    Shows what is posted in a room of a bulletin board, and what happens there.

pinhole COMMAND --help tells more about a command.
`;

Deno.test("pinhole prints its commands when asked", async () => {
  for (const args of [["--help"], ["-h"], ["help"], ["help", "bogus"]]) {
    assertEquals(await pinhole(...args), { code: 0, stdout: OVERVIEW, stderr: "" });
  }
});

Deno.test("pinhole without a command is wrong usage", async () => {
  assertEquals(await pinhole(), { code: 2, stdout: "", stderr: OVERVIEW });
});

Deno.test("pinhole with a command that there is not is wrong usage", async () => {
  for (const name of ["bogus", "Query", "--bogus", "constructor", ""]) {
    assertEquals(await pinhole(name), {
      code: 2,
      stdout: "",
      stderr: `error: Cannot run ${JSON.stringify(name)}: there is no such command\n${OVERVIEW}`,
    });
  }
});

Deno.test("pinhole help COMMAND prints what COMMAND --help prints", async () => {
  const asked = await pinhole("help", "query");
  assertEquals(asked, await pinhole("query", "--help"));
  assertMatch(asked.stdout, /^Usage: pinhole query /);
  assertEquals([asked.code, asked.stderr], [0, ""]);
});

Deno.test("pinhole prints its version", async () => {
  assertEquals(await pinhole("--version"), {
    code: 0,
    stdout: `pinhole ${denoJson.version}\n`,
    stderr: "",
  });
});

Deno.test("pinhole hands the exit code of its command on", async () => {
  assertEquals((await pinhole("query")).code, 2);
  assertEquals((await pinhole("query", "stun:127.0.0.1:1", "--tcp")).code, 1);
});

/** Runs it without any permission: none of this needs one. */
async function pinhole(...args: readonly string[]): Promise<RunResult> {
  await using child = deno(["run", "--no-prompt", `${ROOT}lib/cli/pinhole.ts`, ...args]);
  return await child.result(20_000);
}
