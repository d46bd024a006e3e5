// The README as a newcomer takes it: a clean clone in an empty home, and its commands as they stand.
// They have the ports and addresses that it names, in a network of their own.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { STUN_EXAMPLE_ORG } from "../support/certificate.ts";
import { IP, NetworkNamespace, whyNoNamespace } from "../support/network_namespace.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { Child, type ChildOptions, run, type RunResult } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";

const SERVE = "deno run --allow-net server.ts";
const ASK = "deno task pinhole query stun:127.0.0.1";
const EXPOSE = "deno task pinhole expose 127.0.0.1:8080 --server stun:127.0.0.1";
const SERVE_BY_NPX = "npx -y deno@2.9.6 run --allow-net server.ts";
const SERVE_CONFIGURED = "deno run --allow-net --allow-read server.ts --config server.json";
const PUNCH = "deno task pinhole punch --board wss://stun.example.org --room our-room";

/** The commands that are not run here, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "deno task test": "is what runs this test's neighbours",
  "npx -y deno@2.9.6 task test": "the same",
  "deno run -N --unstable-net jsr:@pinhole/stun/server": "see jsr_test.ts",
  "deno run -N --unstable-net jsr:@pinhole/stun/cli query stun:stun.example.org": "see jsr_test.ts",
};

const README = Deno.readTextFileSync(`${ROOT}README.md`);

/** The text of each block of the README in one language. */
function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))]
    .map(([, text]) => text!);
}

Deno.test("README.md has no command that this test does not know", () => {
  assertEquals(
    new Set(blocks("sh").flatMap((block) => block.trim().split("\n"))),
    new Set([
      ...[SERVE, ASK, EXPOSE, SERVE_BY_NPX, SERVE_CONFIGURED, PUNCH],
      ...Object.keys(ELSEWHERE),
    ]),
  );
});

testWithTool({
  name: "a newcomer with a clean clone and an empty home gets what README.md says",
  tools: [
    { command: "git", package: "git" },
    { command: "npx", package: "npm" },
    { command: "curl", package: "curl" },
    IP,
  ],
  skip: whyNoNamespace(),
  fn: async (t) => {
    const begun = performance.now();
    await using network = await NetworkNamespace.create({ addresses: ADDRESSES });
    await using home = await EmptyHome.open(network);

    await t.step("serves, asks and exposes", async () => {
      await using server = home.start(SERVE);
      await server.line(/ ready$/m);
      const { code, stdout } = await home.run(ASK);
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      // deno-lint-ignore no-console -- a figure to be read
      console.log(`from the clone to the first answered query: ${seconds} s`);
      assertEquals(code, 0);
      assertMatch(stdout, /^Public address {2}127\.0\.0\.1:\d+\nLocal address .*the same: no NAT/);

      await using web = home.start(WEB_SERVER);
      await web.line(/^listening$/);
      await using expose = home.start(EXPOSE);
      const [, address] = await expose.line(/ public address (127\.0\.0\.1:\d+)$/m);
      assertEquals((await home.run(`curl --silent http://${address}/`)).stdout, "Hello, world\n");
    });

    await t.step("serves through npx", async () => {
      await using server = home.start(SERVE_BY_NPX);
      await server.line(/ ready$/m);
      assertEquals((await home.run(ASK)).code, 0);
    });

    await t.step("serves for real, and two meet in a room", async () => {
      await Deno.writeTextFile(`${home.clone}/server.json`, blocks("json")[0]!);
      await using server = home.start(SERVE_CONFIGURED);
      await server.line(/ ready$/m);
      for (const ip of ["192.0.2.10", "192.0.2.11", "[2001:db8::10]", "[2001:db8::11]"]) {
        const { code, stdout } = await home.run(`deno task pinhole query stun:${ip}`);
        assertEquals(code, 0, stdout);
      }

      await using proxy = home.start(TLS_PROXY);
      await proxy.line(/^listening$/);
      const [one, other] = [home.start(PUNCH, { stdin: "piped" }), home.start(PUNCH)];
      await using _stop = {
        [Symbol.asyncDispose]: async () => {
          await Promise.all([one, other].map((side) => side[Symbol.asyncDispose]()));
        },
      };
      await one.line(/^connected over /, { stream: "stderr" });
      await one.child.write("Hello, other side\n");
      await other.line(/^Hello, other side$/);
      assertEquals(one.child.stderr.includes("warning"), false, one.child.stderr);
    });
  },
});

/** What the configuration in the README names. */
const ADDRESSES = ["192.0.2.10", "192.0.2.11", "2001:db8::10", "2001:db8::11"];

/** The service that is exposed. */
const WEB_SERVER = program(`
  Deno.serve({
    hostname: "127.0.0.1",
    port: 8080,
    onListen: () => console.log("listening"),
  }, () => new Response("Hello, world\\n"));
`);

/** What stands before the board in the world and ends the TLS, as docs/production.md says. */
const TLS_PROXY = program(`
  const [cert, key] = ["certificate", "key"]
    .map((name) => Deno.readTextFileSync("/etc/pinhole/" + name + ".pem"));
  const listener = Deno.listenTls({ hostname: "192.0.2.10", port: 443, cert, key });
  console.log("listening");
  for await (const outside of listener) {
    const inside = await Deno.connect({ hostname: "127.0.0.1", port: 9478 });
    outside.readable.pipeTo(inside.writable).catch(() => {});
    inside.readable.pipeTo(outside.writable).catch(() => {});
  }
`);

/** A command that runs a few lines of TypeScript. */
function program(text: string): string {
  return `deno eval '${text.replace(/\s+/g, " ")}'`;
}

/**
 * A home with nothing in it but a clone of the project, on a host that has the addresses and the
 * certificate which the README names. The clone's dependencies are fetched when it is made, as its
 * network has no way out.
 */
class EmptyHome implements AsyncDisposable {
  readonly #path: string;
  readonly #network: NetworkNamespace;

  private constructor(path: string, network: NetworkNamespace) {
    this.#path = path;
    this.#network = network;
  }

  static async open(network: NetworkNamespace): Promise<EmptyHome> {
    const home = new EmptyHome(await Deno.makeTempDir({ prefix: "pinhole-home-" }), network);
    try {
      await home.#fetch("git", ["clone", "--quiet", "--depth", "1", `file://${ROOT}`, home.clone]);
      await home.#fetch(
        "deno",
        ["cache", "--quiet", "server.ts", "lib/cli/pinhole.ts"],
        home.clone,
      );
      await home.#fetch("npx", ["-y", "deno@2.9.6", "--version"], home.clone);
      await home.#furnishEtc();
      return home;
    } catch (error) {
      await home[Symbol.asyncDispose]();
      throw error;
    }
  }

  get clone(): string {
    return `${this.#path}/pinhole`;
  }

  /** Starts a command of the README in the clone, and ends it as Ctrl-C does. */
  start(command: string, options: ChildOptions = {}): TypedCommand {
    // `ip netns exec` has given the command mounts of its own, so the host keeps its /etc.
    const [ip, args] = this.#network.command("sh", [
      "-c",
      `mount --bind "$1" /etc && exec setsid ${command}`,
      "sh",
      this.#etc,
    ]);
    return new TypedCommand(ip, args, { cwd: this.clone, env: this.#env, ...options });
  }

  async run(command: string): Promise<RunResult> {
    await using typed = this.start(command);
    return await typed.child.result(120_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }

  get #etc(): string {
    return `${this.#path}/etc`;
  }

  get #env(): Record<string, string> {
    return {
      HOME: this.#path,
      DENO_DIR: `${this.#path}/deno`,
      DENO_CERT: `${this.#etc}/pinhole/certificate.pem`,
      NO_COLOR: "1",
      DENO_NO_PROMPT: "1",
      DENO_NO_UPDATE_CHECK: "1",
      // What npx has fetched it need not ask for again
      npm_config_prefer_offline: "true",
      npm_config_fetch_retries: "0",
    };
  }

  /** Runs what needs the world, outside of the network namespace. */
  async #fetch(command: string, args: readonly string[], cwd = this.#path): Promise<void> {
    const { DENO_CERT: _, ...env } = this.#env;
    const { code, stderr } = await run(command, args, { cwd, env, timeoutMs: 300_000 });
    assert(code === 0, stderr);
  }

  /** This host's /etc, and in it what an operator of the README's server has put there. */
  async #furnishEtc(): Promise<void> {
    await this.#fetch("cp", ["-a", "/etc", this.#etc]);
    await Deno.mkdir(`${this.#etc}/pinhole`);
    const { certificate, key } = STUN_EXAMPLE_ORG;
    await Deno.writeTextFile(`${this.#etc}/pinhole/certificate.pem`, certificate);
    await Deno.writeTextFile(`${this.#etc}/pinhole/key.pem`, key);
    await Deno.remove(`${this.#etc}/hosts`).catch(() => {});
    await Deno.writeTextFile(
      `${this.#etc}/hosts`,
      "127.0.0.1 localhost\n192.0.2.10 stun.example.org\n",
    );
  }
}

/**
 * A command as a terminal runs it: a group of processes, for npx and `deno task` start others, and
 * npm's `deno` is a script.
 */
class TypedCommand implements AsyncDisposable {
  readonly child: Child;

  constructor(command: string, args: readonly string[], options: ChildOptions) {
    this.child = new Child(command, args, options);
  }

  async line(
    pattern: RegExp,
    { stream = "stdout" }: { readonly stream?: "stdout" | "stderr" } = {},
  ): Promise<RegExpMatchArray> {
    return await this.child.line(pattern, { stream, timeoutMs: 120_000 });
  }

  /** Ctrl-C for all of the group, and the hard way for whoever stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run("sh", [
      "-c",
      `kill -INT "-$1" 2>/dev/null
for try in $(seq 50); do kill -0 "-$1" 2>/dev/null || exit 0; sleep 0.1; done
kill -KILL "-$1" 2>/dev/null`,
      "sh",
      `${this.child.pid}`,
    ]);
    await this.child.status;
  }
}
