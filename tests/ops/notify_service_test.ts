import { assertEquals } from "@std/assert";
import type { ServiceNotification } from "../../lib/ops/mod.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { type Child, deno } from "../support/process.ts";

const ALL = ["--allow-net", "--allow-env", "--allow-write"];

Deno.test("notifyService() does nothing when NOTIFY_SOCKET is empty", async () => {
  assertEquals(await notify({ socket: "", flags: ALL }), [{ sent: false }]);
});

Deno.test("notifyService() does nothing without permission for NOTIFY_SOCKET", async () => {
  const socket = "/run/nowhere";
  assertEquals(await notify({ socket, flags: ["--allow-net"] }), [{ sent: false }]);
});

Deno.test("notifyService() sends each state as one datagram to a socket that is a file", async () => {
  await using manager = await ServiceManager.start("file");
  const states = ["READY=1\nSTATUS=serving", "RELOADING=1", "READY=1", "STOPPING=1"];
  const notifications = await notify({ socket: manager.name, states, flags: ALL });
  assertEquals(notifications, states.map(() => ({ sent: true })));
  assertEquals(await manager.received(states.length), states);
  assertEquals([...Deno.readDirSync(manager.folder)].map(({ name }) => name), ["notify"]);
});

Deno.test("notifyService() sends to a socket with an abstract name, which is no file", async () => {
  await using manager = await ServiceManager.start("abstract");
  const flags = ["--allow-net", "--allow-env=NOTIFY_SOCKET"];
  assertEquals(await notify({ socket: manager.name, flags }), [{ sent: true }]);
  assertEquals(await manager.received(1), ["READY=1"]);
});

Deno.test("notifyService() sends with the least permission that its docstring names", async () => {
  await using manager = await ServiceManager.start("file");
  const flags = ["--allow-net", "--allow-env=NOTIFY_SOCKET", `--allow-write=${manager.name}`];
  assertEquals(await notify({ socket: manager.name, flags }), [{ sent: true }]);
  assertEquals(await manager.received(1), ["READY=1"]);
});

Deno.test("notifyService() says so when there is no such socket", async () => {
  assertEquals(await notify({ socket: "/run/nowhere/notify", flags: ALL }), [{
    sent: false,
    reason: "Cannot notify the service manager at /run/nowhere/notify: " +
      "No such file or directory (os error 2)",
  }]);
});

Deno.test("notifyService() gives up when the manager does not read", async () => {
  await using manager = await ServiceManager.start("file", "ignore");
  // A queue of datagrams holds net.unix.max_dgram_qlen of them, 512 at the
  // most as a rule
  const states = Array<string>(2000).fill("READY=1");
  const notifications = await notify({ socket: manager.name, states, flags: ALL });
  assertEquals(notifications.at(-1), {
    sent: false,
    reason: `Cannot notify the service manager at ${manager.name}: timed out`,
  });
});

const MISSING = [
  { flags: ["--allow-net"], missing: "--allow-write=/run/nowhere" },
  { flags: ["--allow-write=/run/nowhere"], missing: "--allow-net" },
  { flags: ["--allow-net=127.0.0.1", "--allow-write=/run/nowhere"], missing: "--allow-net" },
];

for (const { flags, missing } of MISSING) {
  Deno.test(`notifyService() wants ${missing} where there is ${flags.join(" ")}`, async () => {
    const all = ["--allow-env=NOTIFY_SOCKET", ...flags];
    assertEquals(await notify({ socket: "/run/nowhere", flags: all }), [{
      sent: false,
      reason: `Cannot notify the service manager: pass ${missing}`,
    }]);
  });
}

/** The other end of NOTIFY_SOCKET. */
class ServiceManager implements AsyncDisposable {
  /** What it puts into NOTIFY_SOCKET. */
  readonly name: string;
  /** The folder of its socket, with nothing else in it. */
  readonly folder: string;
  readonly #child: Child;

  private constructor(name: string, folder: string, child: Child) {
    this.name = name;
    this.folder = folder;
    this.#child = child;
  }

  static async start(
    kind: "file" | "abstract",
    mode: "read" | "ignore" = "read",
  ): Promise<ServiceManager> {
    const folder = await Deno.makeTempDir();
    const name = kind === "file" ? `${folder}/notify` : `@pinhole-test-${crypto.randomUUID()}`;
    const program = `${ROOT}tests/ops/service_manager_child.ts`;
    const flags = ["--allow-net", "--allow-read", "--allow-write"];
    const child = deno(["run", "--no-prompt", ...flags, program, name, mode]);
    const manager = new ServiceManager(name, folder, child);
    try {
      await child.line(/^bound$/);
      return manager;
    } catch (error) {
      await manager[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The first `count` datagrams, once they are there. */
  async received(count: number): Promise<string[]> {
    const states: string[] = [];
    while (states.length < count) {
      const [, json] = await this.#child.line(new RegExp(`^${states.length + 1} (.*)$`));
      states.push(JSON.parse(json!));
    }
    return states;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop("SIGKILL");
    await Deno.remove(this.folder, { recursive: true });
  }
}

interface Notifying {
  readonly socket: string;
  readonly states?: readonly string[];
  readonly flags: readonly string[];
}

/**
 * Calls it once per state, until one is not sent, in a program that has these permissions alone.
 * That program ends itself as server.ts does: Deno waits for ever for a datagram that nobody takes.
 */
async function notify(options: Notifying): Promise<ServiceNotification[]> {
  const { socket, states = ["READY=1"], flags } = options;
  const program = `
    import { notifyService } from ${JSON.stringify(`file://${ROOT}lib/ops/mod.ts`)};
    const notifications = [];
    for (const state of ${JSON.stringify(states)}) {
      notifications.push(await notifyService(state));
      if (!notifications.at(-1).sent) break;
    }
    console.log(JSON.stringify(notifications));
    Deno.exit();`;
  const url = `data:application/javascript,${encodeURIComponent(program)}`;
  await using child = deno(
    ["run", "--no-prompt", "--no-lock", `--config=${ROOT}deno.json`, ...flags, url],
    { env: { NOTIFY_SOCKET: socket } },
  );
  const { code, stdout, stderr } = await child.result(20_000);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}
