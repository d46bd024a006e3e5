import { assertEquals, assertMatch } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { SERVE } from "../../lib/cli/serve.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno } from "../support/process.ts";
import { complaint, Folder, result, serve, serveFrom } from "./serve_child.ts";

Deno.test("server.ts prints its help and every flag in it", async () => {
  for (const flag of ["--help", "-h"]) {
    const { code, stdout, stderr } = await result(serve(flag));
    assertEquals([code, stderr], [0, ""]);
    for (const { name, value = "" } of SERVE.flags) {
      assertMatch(stdout, new RegExp(`^  --${name}${value && ` ${escape(value)}`}\\s`, "m"));
    }
    assertMatch(stdout, /^Usage: server\.ts \[flags\]$/m);
    assertMatch(stdout, /^Example: deno run --allow-net server\.ts --port 3478$/m);
    assertMatch(stdout, /^Exit codes: 0 .*, 1 .*, 2 .*$/m);
  }
});

Deno.test("server.ts prints its version", async () => {
  assertEquals(await result(serve("--version")), {
    code: 0,
    stdout: `pinhole ${denoJson.version}\n`,
    stderr: "",
  });
});

const USAGE: readonly (readonly [args: readonly string[], ...problems: string[]])[] = [
  [["--prot", "1"], "Cannot read --prot: server.ts has no such flag"],
  [["--auth-secert=hunter2"], "Cannot read --auth-secert: server.ts has no such flag"],
  [["--port"], "Cannot read --port: it wants PORT"],
  [["--port", "1", "--port", "2"], "Cannot read --port: it was given 2 times, wanted once"],
  [["--port", "x"], 'Cannot read --port: got "x", wanted a whole number of 0 to 65535'],
  [["3478"], 'Cannot read "3478": no such argument'],
  [["--version=1"], "Cannot read --version: it takes no value"],
  [
    ["--port", "65536", "--log-level", "loud"],
    "Cannot read --port: got 65536, wanted a whole number of 0 to 65535",
    'Cannot read --log-level: got "loud", wanted error or warn or info or debug or trace',
  ],
  [["--auth", "short-term"], "Cannot use --auth: it goes with a user"],
  [
    ["--alternate-hostname", "127.0.0.2"],
    "Cannot use the alternate address 127.0.0.2: RFC 5780 wants two specific addresses, so the " +
    "primary one must be given as well",
  ],
  [
    ["--hostname", "127.0.0.1", "--alternate-hostname", "127.0.0.2", "--port", "65535"],
    "Cannot use the alternate port 65536: wanted a whole number of 0 to 65535",
  ],
  [
    ["--config", "/nonexistent.json"],
    "Cannot read /nonexistent.json: pass --allow-read=/nonexistent.json",
  ],
];
for (const [args, ...problems] of USAGE) {
  Deno.test(`server.ts ${args.join(" ")} is wrong usage`, async () => {
    assertEquals(await result(serve(...args)), {
      code: 2,
      stdout: "",
      stderr: complaint(...problems),
    });
  });
}

Deno.test("server.ts fails in one line when a port is in use", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  assertEquals(await result(serve("--hostname", "127.0.0.1", "--port", `${port}`)), {
    code: 1,
    // The UDP socket has been opened by then, and is not told: nothing is served
    stdout: "",
    stderr: `error: Cannot listen on tcp 127.0.0.1:${port}: the address is in use by another ` +
      "program\n",
  });
});

Deno.test("server.ts fails in one line when an address is not this host's", async () => {
  assertEquals(await result(serve("--hostname", "203.0.113.7", "--port", "0")), {
    code: 1,
    stdout: "",
    stderr: "error: Cannot listen on udp 203.0.113.7:0: 203.0.113.7 is not an address of this " +
      "host\n",
  });
});

const NO_PERMISSION = "error: Cannot serve: Deno was run without full network permission, pass " +
  "--allow-net (a list of hosts is not enough: an answer goes to whoever asks)\n";
for (
  const [what, flags] of [
    ["without network permission", []],
    ["with network permission for some hosts", ["--allow-net=127.0.0.1,[::]"]],
  ] as const
) {
  Deno.test(`server.ts fails in one line ${what}`, async () => {
    const child = deno(["run", "--no-prompt", ...flags, `${ROOT}server.ts`, "--port", "0"]);
    assertEquals(await result(child), { code: 1, stdout: "", stderr: NO_PERMISSION });
  });
}

Deno.test("server.ts does not ask for a permission that it lacks", async () => {
  const child = deno(["run", `${ROOT}server.ts`, "--port", "0"]);
  assertEquals(await result(child), { code: 1, stdout: "", stderr: NO_PERMISSION });
});

Deno.test("server.ts fails in one line without --unstable-net", async () => {
  await using folder = await Folder.make();
  const { imports } = denoJson;
  const config = await folder.write("deno.json", JSON.stringify({ imports }));
  const child = deno([
    ...["run", "--no-prompt", "--no-lock", "--config", config, "--allow-net"],
    ...[`${ROOT}server.ts`, "--hostname", "127.0.0.1", "--port", "0"],
  ]);
  assertEquals(await result(child), {
    code: 1,
    stdout: "",
    stderr: "error: Cannot open a UDP socket: Deno.listenDatagram is missing, pass " +
      "--unstable-net\n",
  });
});

const FILES: readonly (readonly [content: string, problem: string])[] = [
  ['{"prot": 1}', "Cannot read prot in FILE: there is no such setting"],
  ['{"port": "1"}', 'Cannot read port in FILE: got "1", wanted a whole number of 0 to 65535'],
  [
    '{"hostname": ["::1", "x"]}',
    'Cannot read hostname.1 in FILE: got "x", wanted an IP address, without brackets or port',
  ],
  ["[]", "Cannot read FILE: wanted a JSON object of settings"],
  ["", "Cannot read FILE: it is not JSON"],
  ['{"auth-secret": hunter2}', "Cannot read FILE: it is not JSON"],
  [
    '{\n  "auth-secret": "hunter2"\n  "port": 1\n}',
    "Cannot read FILE: it is not JSON, see line 3 column 3",
  ],
  [
    '{"user": "hunter2"}',
    "Cannot read user.0 in FILE: got something else, wanted NAME:PASSWORD, neither of them empty",
  ],
  ['{"realm": "r"}', "Cannot use realm in FILE: it goes with auth long-term"],
];
for (const [content, problem] of FILES) {
  Deno.test(`server.ts refuses a file of ${JSON.stringify(content)}`, async () => {
    await using folder = await Folder.make();
    const file = await folder.write("my.json", content);
    assertEquals(await result(serveFrom(file)), {
      code: 2,
      stdout: "",
      stderr: complaint(problem.replace("FILE", file)),
    });
  });
}

Deno.test("server.ts says in one line why a file cannot be read", async () => {
  await using folder = await Folder.make();
  for (const file of [`${folder.path}/none.json`, folder.path]) {
    const { code, stdout, stderr } = await result(serveFrom(file));
    assertEquals([code, stdout], [2, ""]);
    const [problem, hint, ...rest] = stderr.split("\n");
    assertEquals(problem!.startsWith(`error: Cannot read ${file}: `), true);
    assertEquals([hint, rest], ["Run with --help to see what there is.", [""]]);
  }
});

Deno.test("server.ts --check-config says that flags and file are valid, and listens to nothing", async () => {
  await using folder = await Folder.make();
  const settings = { hostname: "203.0.113.7", auth: "short-term", user: "alice:hunter2" };
  const file = await folder.write("my.json", JSON.stringify(settings));
  // Without network permission
  const child = deno([
    ...["run", "--no-prompt", `--allow-read=${file}`, `${ROOT}server.ts`],
    ...["--config", file, "--check-config", "--port", "1"],
  ]);
  assertEquals(await result(child), {
    code: 0,
    stdout: "The configuration is valid\n",
    stderr: "",
  });
});

Deno.test("server.ts --check-config tells what is wrong with flags, file and addresses together", async () => {
  await using folder = await Folder.make();
  const file = await folder.write("my.json", '{"prot": 1}');
  assertEquals(await result(serveFrom(file, "--check-config", "--port", "x")), {
    code: 2,
    stdout: "",
    stderr: complaint(
      'Cannot read --port: got "x", wanted a whole number of 0 to 65535',
      `Cannot read prot in ${file}: there is no such setting`,
    ),
  });
  const pair = ["--hostname", "127.0.0.1", "--alternate-hostname", "127.0.0.1"];
  assertEquals(await result(serve("--check-config", ...pair)), {
    code: 2,
    stdout: "",
    stderr: complaint("Cannot use the alternate address 127.0.0.1: it is the primary one"),
  });
});

function escape(text: string): string {
  return text.replace(/[|()[\]]/g, "\\$&");
}
