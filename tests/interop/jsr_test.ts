// Pinhole as somebody has it who takes it from JSR: a registry on loopback gets what `deno publish`
// uploads, and an empty folder with an empty cache uses it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { workerPrograms } from "../../.ci/compile.ts";
import { askTcp, askUdp } from "../support/binding_request.ts";
import { filesUnder } from "../support/files_under.ts";
import { PinholeServer, ROOT } from "../support/pinhole_server.ts";
import { unless, whyNotLinux } from "../support/skipped.ts";
import { importsOf } from "../support/source_code.ts";
import { PublishedPackage } from "./_published_package.ts";

const PACKAGE = denoJson.name;
const SERVER = `jsr:${PACKAGE}/server`;
const CLI = `jsr:${PACKAGE}/cli`;
const NO_UDP = "Cannot open a UDP socket: Deno.listenDatagram is missing, pass --unstable-net";

let published: PublishedPackage;

Deno.test.beforeAll(async () => {
  published = await PublishedPackage.publish();
});

Deno.test.afterAll(async () => {
  await published?.[Symbol.asyncDispose]();
});

Deno.test("deno publish uploads the files that belong and no others", () => {
  const simulator = filesUnder(`${ROOT}tests/sim`).filter((name) => !name.endsWith("_test.ts"));
  const sources = filesUnder(`${ROOT}lib`).filter((path) => path !== "std.d.ts");
  assertEquals(
    published.registry.files(PACKAGE),
    [
      ...["CHANGELOG.md", "LICENSE", "README.md", "deno.json", "mod.ts", "server.ts"],
      ...sources.map((path) => `lib/${path}`),
      ...simulator.map((name) => `tests/sim/${name}`),
    ].map((path) => `/${path}`).sort(),
  );
});

Deno.test("deno publish leaves no import that only our deno.json explains", () => {
  const files = published.registry.files(PACKAGE).filter((path) => path.endsWith(".ts"));
  const bare = files.flatMap((path) =>
    importsOf(published.registry.text(PACKAGE, path))
      .filter((specifier) => !/^(\.|jsr:|npm:|node:)/.test(specifier))
      .map((specifier) => `${path}: ${specifier}`)
  );
  assertEquals(bare, []);
  assertMatch(
    published.registry.text(PACKAGE, "/lib/cli/command_line.ts"),
    /^import \{ parseArgs \} from "jsr:@std\/cli@\^1\/parse-args";$/m,
  );
});

Deno.test("jsr:@pinhole/stun/server answers jsr:@pinhole/stun/cli query", async () => {
  await using server = await PinholeServer.start({
    program: SERVER,
    permissions: ["--unstable-net"],
    child: published.child,
  });
  const { address } = server.target("udp");
  for (const [flags, over] of [[["--unstable-net"], []], [[], ["--tcp"]]] as const) {
    await using query = published.run(
      ...["-N", ...flags, CLI, "query", `stun:${address}`, ...over, "--json"],
    );
    const { code, stdout, stderr } = await query.result(60_000);
    assertEquals([code, stderr], [0, ""]);
    const { server: asked, reflexive, nat } = JSON.parse(stdout);
    assertEquals([asked, nat], [address, false]);
    assertMatch(reflexive, /^127\.0\.0\.1:\d+$/);
  }
  assertEquals((await server.stop()).code, 0);
});

Deno.test("jsr:@pinhole/stun/server serves TCP alone without --unstable-net", async () => {
  await using server = await PinholeServer.start({
    program: SERVER,
    args: ["--transport", "tcp"],
    child: published.child,
  });
  assertEquals((await askTcp(server.target("tcp"))).bytes.length, 32);
});

Deno.test("jsr:@pinhole/stun says in one line that --unstable-net is missing", async () => {
  const serve = ["--hostname", "127.0.0.1", "--port", "0"];
  for (
    const args of [
      [SERVER, ...serve],
      [CLI, "serve", ...serve],
      [CLI, "query", "stun:127.0.0.1:9"],
    ]
  ) {
    await using child = published.run("-N", ...args);
    const { code, stdout, stderr } = await child.result(60_000);
    assertEquals([code, stdout, stderr], [1, "", `error: ${NO_UDP}\n`], args.join(" "));
  }
});

Deno.test({
  ...unless(
    whyNotLinux(),
    "jsr:@pinhole/stun/server loads its workers from JSR, with no permission to read",
  ),
  fn: async () => {
    assert(workerPrograms(`${ROOT}lib`).length > 0);
    await using server = await PinholeServer.start({
      program: SERVER,
      permissions: ["--unstable-net", "--allow-ffi"],
      args: ["--workers", "2"],
      child: published.child,
    });
    assertMatch(server.child.stdout, /"io":"batched","workers":2/);
    assertEquals((await askUdp(server.target("udp"))).bytes.length, 32);
    assertEquals((await server.stop()).code, 0);
  },
});

Deno.test("jsr:@pinhole/stun/server has its metrics and its page, which are loaded when asked for", async () => {
  await using server = await PinholeServer.start({
    program: SERVER,
    permissions: ["--unstable-net"],
    args: ["--http-port", "0"],
    child: published.child,
  });
  const [, address] = await server.child.line(/"transport":"http","address":"([^"]+)"/);
  const response = await fetch(`http://${address}/metrics`);
  const page = await fetch(`http://${address}/`);
  assertEquals(await page.text(), Deno.readTextFileSync(`${ROOT}lib/board/page/page.html`));
  assertMatch(await response.text(), /^pinhole_build_info\{version="[\d.]+",io="deno"\} 1$/m);
});

Deno.test("a program imports the library, the codec and the simulator from JSR", async () => {
  await Deno.writeTextFile(`${published.child.cwd}/program.ts`, PROGRAM);
  await using program = published.run("-N", "--unstable-net", "--check", "program.ts");
  const { code, stdout, stderr } = await program.result(60_000);
  assertEquals([code, stdout, stderr], [0, '["127.0.0.1",false,true,"function"]\n', ""]);
});

const PROGRAM = `
  import { formatIp, query, type QueryResult, StunServer } from "jsr:${PACKAGE}";
  import { BINDING, decodeMessage, encodeMessage } from "jsr:${PACKAGE}/wire";
  import { SimNetwork } from "jsr:${PACKAGE}/sim";

  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const [udp] = server.start();
  const { reflexive, nat }: QueryResult = await query(\`stun:127.0.0.1:\${udp!.address.port}\`);
  const bytes = encodeMessage({
    class: "request",
    method: BINDING,
    transactionId: new Uint8Array(12),
    attributes: [],
  });
  const facts = [formatIp(reflexive.ip), nat, decodeMessage(bytes).ok, typeof SimNetwork];
  console.log(JSON.stringify(facts));
`;
