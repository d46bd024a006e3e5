import { assert, assertEquals, assertMatch } from "@std/assert";
import { notifyService } from "../../lib/ops/mod.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno } from "../support/process.ts";

Deno.test("notifyService() does nothing when NOTIFY_SOCKET is not set", async () => {
  assertEquals(await notifyFrom(undefined), { sent: false });
});

Deno.test("notifyService() does nothing when NOTIFY_SOCKET is empty", async () => {
  assertEquals(await notifyFrom(""), { sent: false });
});

Deno.test("notifyService() sends one datagram to the socket that is a file", async () => {
  await using manager = await ServiceManager.open("file");
  assertEquals(await notifyFrom(manager.name, "READY=1\nSTATUS=serving"), { sent: true });
  assertEquals(await manager.next(), "READY=1\nSTATUS=serving");
});

Deno.test("notifyService() sends one datagram to the socket with an abstract name", async () => {
  await using manager = await ServiceManager.open("abstract");
  assertEquals(await notifyFrom(manager.name, "STOPPING=1"), { sent: true });
  assertEquals(await manager.next(), "STOPPING=1");
});

Deno.test("notifyService() can be called again and again, and leaves no file behind", async () => {
  await using manager = await ServiceManager.open("file");
  const states = ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"];
  for (const state of states) {
    assertEquals(await notifyFrom(manager.name, state), { sent: true });
    assertEquals(await manager.next(), state);
  }
  assertEquals([...Deno.readDirSync(manager.folder)].map(({ name }) => name), ["notify"]);
});

Deno.test("notifyService() says so when there is no such socket", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { sent, reason } = await notifyFrom(`${folder}/gone`);
    assertEquals(sent, false);
    assertMatch(reason ?? "", /^Cannot notify the service manager at .*\/gone: No such file/);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("notifyService() says so when the manager does not read", async () => {
  const folder = await Deno.makeTempDir();
  // Bound and never read: after some datagrams its queue is full
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: `${folder}/notify` });
  try {
    let last = await notifyFrom(`${folder}/notify`);
    for (let sent = 1; last.sent && sent < 10_000; sent++) {
      last = await notifyFrom(`${folder}/notify`);
    }
    assertEquals(last, {
      sent: false,
      reason: `Cannot notify the service manager at ${folder}/notify: timed out`,
    });
  } finally {
    socket.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("notifyService() works with the least permission that its docstring names", async () => {
  await using manager = await ServiceManager.open("file");
  const flags = ["--allow-net", "--allow-env=NOTIFY_SOCKET", `--allow-write=${manager.name}`];
  assertEquals(await notifyInChild(manager.name, flags), { sent: true });
  assertEquals(await manager.next(), "READY=1");
});

Deno.test("notifyService() does nothing without permission for NOTIFY_SOCKET", async () => {
  assertEquals(await notifyInChild("/run/nowhere", ["--allow-net"]), { sent: false });
});

const MISSING = [
  { flags: ["--allow-net"], missing: "--allow-write=/run/nowhere" },
  { flags: ["--allow-write=/run/nowhere"], missing: "--allow-net" },
  { flags: ["--allow-net=127.0.0.1", "--allow-write=/run/nowhere"], missing: "--allow-net" },
];

for (const { flags, missing } of MISSING) {
  Deno.test(`notifyService() wants ${missing} when Deno is run with ${flags.join(" ")}`, async () => {
    const notification = await notifyInChild("/run/nowhere", [
      "--allow-env=NOTIFY_SOCKET",
      ...flags,
    ]);
    assertEquals(notification, {
      sent: false,
      reason: `Cannot notify the service manager: pass ${missing}`,
    });
  });
}

/** A socket such as a service manager has. */
class ServiceManager implements AsyncDisposable {
  /** What it puts into NOTIFY_SOCKET. */
  readonly name: string;
  /** The folder of its socket, with nothing else in it. */
  readonly folder: string;
  readonly #socket: Deno.DatagramConn;

  private constructor(name: string, folder: string) {
    this.name = name;
    this.folder = folder;
    const path = name.replace(/^@/, "\0");
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
  }

  static async open(kind: "file" | "abstract"): Promise<ServiceManager> {
    const folder = await Deno.makeTempDir();
    const name = kind === "file" ? `${folder}/notify` : `@pinhole-test-${crypto.randomUUID()}`;
    return new ServiceManager(name, folder);
  }

  async next(): Promise<string> {
    const [bytes] = await this.#socket.receive();
    return new TextDecoder().decode(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function notifyFrom(socket: string | undefined, state = "READY=1") {
  const before = Deno.env.get("NOTIFY_SOCKET");
  try {
    if (socket === undefined) Deno.env.delete("NOTIFY_SOCKET");
    else Deno.env.set("NOTIFY_SOCKET", socket);
    return await notifyService(state);
  } finally {
    if (before === undefined) Deno.env.delete("NOTIFY_SOCKET");
    else Deno.env.set("NOTIFY_SOCKET", before);
  }
}

async function notifyInChild(socket: string, flags: readonly string[]): Promise<unknown> {
  const url = JSON.stringify(`file://${ROOT}lib/ops/mod.ts`);
  const code = `import { notifyService } from ${url};
    console.log(JSON.stringify(await notifyService("READY=1")));`;
  const program = `data:application/javascript,${encodeURIComponent(code)}`;
  await using child = deno(
    ["run", "--no-prompt", "--no-lock", `--config=${ROOT}deno.json`, ...flags, program],
    { env: { NOTIFY_SOCKET: socket } },
  );
  const { code: exitCode, stdout, stderr } = await child.result(20_000);
  assert(exitCode === 0, stderr);
  return JSON.parse(stdout);
}
