// What the pages of docs/ promise is there: files, anchors, tasks, tests, flags. Their TypeScript runs
// under `deno test --doc`; what commands print behind NATs is compared in tests/lab/guides_test.ts.

import { assert, assertEquals } from "@std/assert";
import { BOARD } from "../lib/cli/board_command.ts";
import { DOCTOR } from "../lib/cli/doctor_command.ts";
import { EXPOSE } from "../lib/cli/expose_command.ts";
import { NAT } from "../lib/cli/nat_command.ts";
import { PUNCH } from "../lib/cli/punch_command.ts";
import { QUERY } from "../lib/cli/query_command.ts";
import { REACH } from "../lib/cli/reach_command.ts";
import { SERVE } from "../lib/cli/serve.ts";
import { readServeSettings } from "../lib/cli/serve_settings.ts";
import { codeBlocks, guides, readGuide, shellCommands } from "./support/guide.ts";
import { exists, matches } from "./support/document.ts";
import { PinholeServer, ROOT } from "./support/pinhole_server.ts";
import { SERVER } from "./support/certificate.ts";
import { run, type RunResult } from "./support/process.ts";

const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)) as {
  tasks: Record<string, unknown>;
};

for (const page of guides()) {
  const text = readGuide(page);

  Deno.test(`docs/${page} links to files and headings that exist`, () => {
    const links = matches(
      text.replace(/^```.*?^```$/gms, ""),
      /\]\((?!https?:|mailto:)([^)\s]+)\)/g,
    );
    const broken = links.filter((link) => {
      const [path, anchor] = link.split("#") as [string, string?];
      const target = path === "" ? `docs/${page}` : `docs/${path}`;
      if (!exists(target)) return true;
      return anchor !== undefined && !anchorsOf(Deno.readTextFileSync(ROOT + target)).has(anchor);
    });
    assertEquals(broken, []);
  });

  Deno.test(`docs/${page} names files and tasks that exist`, () => {
    const names = matches(text, /`((?:lib|tests|docs|\.github|\.ci)\/[\w./-]*)`/g);
    assertEquals(names.filter((path) => !exists(path)), []);
    const named = matches(text, /deno task ([\w:-]+)/g);
    assertEquals(named.filter((name) => !(name in tasks)), []);
  });

  Deno.test(`docs/${page} names tests that exist`, () => {
    const named = [...text.matchAll(/`(tests\/[\w./]+_test\.ts)` "([^"|]+)"/g)];
    const missing = named.filter(([, path, name]) =>
      !Deno.readTextFileSync(ROOT + path!).includes(name!)
    );
    assertEquals(missing.map(([found]) => found), []);
  });

  Deno.test(`docs/${page} names flags and metrics that exist`, () => {
    const flags = matches(text, /(?<![\w-])--([a-z][\w-]*)/g).filter((flag) => !FLAGS.has(flag));
    const metrics = matches(text, /`(pinhole_\w+)`/g).filter((metric) =>
      !METRICS.includes(`"${metric}"`)
    );
    assertEquals([...flags, ...metrics], []);
  });

  Deno.test(`docs/${page} has no TypeScript that is not run, and no JSON that is none`, () => {
    const blocks = codeBlocks(text);
    assertEquals(blocks.filter(({ info }) => /^(ts|js|typescript)\b./.test(info)), []);
    for (const { info, code } of blocks) if (info === "json") JSON.parse(code);
  });

  for (const command of new Set(shellCommands(text))) {
    Deno.test(`docs/${page} shows a command that is right: ${command}`, async () => {
      const check = CHECKS.find(({ pattern }) => pattern.test(command));
      assert(check !== undefined, "there is no check for this command");
      await check.run(command);
    });
  }
}

Deno.test("docs/production.md shows a configuration that the server takes", () => {
  const [shown, ...more] = codeBlocks(readGuide("production.md"))
    .filter(({ info }) => info === "json");
  const file = { name: "server.json", content: JSON.parse(shown!.code) };
  const read = readServeSettings({ flags: new Map(), file });
  assertEquals([read.ok, more.length], [true, 0]);
});

Deno.test("the check of headings finds those that are there, and no others", () => {
  const anchors = anchorsOf("# A `b`: C, d?\n\n```sh\n# no heading\n```\n\n## A `b`: C, d?\n");
  assertEquals([...anchors], ["a-b-c-d", "a-b-c-d-1"]);
});

/** The flags of our commands, of Deno, and of the benchmarks that the pages run. */
const FLAGS = new Set([
  ...[SERVE, QUERY, NAT, REACH, EXPOSE, PUNCH, BOARD, DOCTOR].flatMap(({ flags }) =>
    flags.map(({ name }) => name)
  ),
  ...["allow-net", "allow-read", "allow-write", "allow-env", "allow-ffi", "allow-run", "doc"],
  ...["rounds", "ms", "seconds", "v8-flags", "max-semi-space-size"],
]);

const METRICS = Deno.readTextFileSync(`${ROOT}lib/ops/server_metrics.ts`);

interface CommandCheck {
  readonly pattern: RegExp;
  readonly run: (command: string) => Promise<void> | void;
}

/** How the commands of the pages are tried, on loopback in place of the hosts that they name. */
const CHECKS: readonly CommandCheck[] = [
  { pattern: /^deno (?:run .*server\.ts|task start)\b/, run: checksConfiguration },
  { pattern: /^deno task pinhole (?:query|nat|reach)\b/, run: asksServer },
  // These go on until they are stopped, and are tried by tests of their own; here their flags are read
  { pattern: /^deno task pinhole (?:expose|punch|board|doctor)\b/, run: readsFlags },
  { pattern: /^curl http:\/\/127\.0\.0\.1:9478\//, run: fetchesPage },
  // They take minutes, root or a bundler; that the task is there is checked above
  { pattern: /^deno task (?:bench|test):/, run: () => {} },
];

/** `--check-config` in place of serving, with the page's files in a folder that can be written. */
async function checksConfiguration(command: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const [config] = codeBlocks(readGuide("production.md")).filter(({ info }) => info === "json");
    await Deno.writeTextFile(
      `${folder}/server.json`,
      config!.code.replaceAll("/etc/pinhole", folder),
    );
    await Deno.writeTextFile(`${folder}/certificate.pem`, SERVER.certificate);
    await Deno.writeTextFile(`${folder}/key.pem`, SERVER.key);
    const flags = command.includes("--check-config") ? [] : ["--check-config"];
    const result = await runDeno(command.replaceAll("/etc/pinhole", folder), flags);
    assertEquals([result.code, result.stdout], [0, "The configuration is valid\n"], result.stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Any verdict will do, but for wrong usage and no answer. */
async function asksServer(command: string): Promise<void> {
  await using server = await PinholeServer.start();
  const { code, stderr } = await runDeno(
    command.replaceAll("stun.example.org", server.target("udp").address),
  );
  assert([0, 1, 3].includes(code), `exit code ${code}: ${stderr}`);
}

async function readsFlags(command: string): Promise<void> {
  const { code, stderr } = await runDeno(command, ["--help"]);
  assertEquals([code, stderr.includes("error:")], [0, false], stderr);
}

async function fetchesPage(command: string): Promise<void> {
  await using server = await PinholeServer.start({ args: ["--http-port", "0"] });
  const http = server.listeners.find(({ transport }) => transport === "http")!;
  const response = await fetch(
    command.replace("curl ", "").replace("127.0.0.1:9478", http.address),
  );
  assertEquals(response.status, 200);
  assert((await response.text()).length > 0);
}

/** Runs a command that begins with `deno`, without the shell that its words do not need. */
async function runDeno(command: string, more: readonly string[] = []): Promise<RunResult> {
  const [, ...words] = command.split(" ");
  return await run(Deno.execPath(), [...words, ...more], {
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    timeoutMs: 60_000,
  });
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const heading of matches(text.replace(/^```.*?^```$/gms, ""), /^#+ (.+)$/gm)) {
    const plain = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
    let anchor = plain;
    for (let i = 1; anchors.has(anchor); i++) anchor = `${plain}-${i}`;
    anchors.add(anchor);
  }
  return anchors;
}
