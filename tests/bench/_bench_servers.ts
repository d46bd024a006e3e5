import { askUdp } from "../support/binding_request.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { Child, run } from "../support/process.ts";
import { hasTool } from "../support/tool.ts";

/** A server that runs and is to be measured. */
export interface BenchServer extends AsyncDisposable {
  /** What the table calls it. */
  readonly name: string;
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** Its process, where that is known. */
  readonly pid?: number;
  /** What it serves. */
  readonly transports: readonly ("udp" | "tcp")[];
  /** Whether it wants signed requests. */
  readonly signed: boolean;
}

/** The user whom the server with credentials knows. */
export const CREDENTIAL = { user: "bench", password: "a password for the bench" };

/** Starts every server that can be had here, each on the first core. */
export async function startServers(): Promise<BenchServer[]> {
  const starts: (() => Promise<BenchServer | undefined>)[] = [
    () => startPinhole("ours, batched", { io: "batched" }),
    () => startPinhole(`ours, 2 workers, cores ${WORKER_CORES}`, { io: "batched", workers: 2 }),
    () => startPinhole("ours, sandboxed", { io: "deno" }),
    () => startPinhole("ours, batched, short-term", { io: "batched", signed: true }),
    startBareDeno,
    startMinimalResponder,
    startTurnserver,
  ];
  const servers: BenchServer[] = [];
  for (const start of starts) {
    const server = await start();
    if (server !== undefined) servers.push(server);
  }
  return servers;
}

/** A command that runs on this core, or those of this list, alone, where there is taskset. */
export function pinned(
  cores: number | string,
  command: readonly string[],
): readonly [string, string[]] {
  const pinning = hasTool("taskset") ? ["taskset", "-c", `${cores}`] : [];
  const [program, ...args] = [...pinning, ...command];
  return [program!, args];
}

async function startPinhole(
  name: string,
  { io, signed = false, workers = 1 }: {
    readonly io: "batched" | "deno";
    readonly signed?: boolean;
    readonly workers?: number;
  },
): Promise<BenchServer> {
  const port = freePort();
  const child = new Child(...pinned(workers === 1 ? 0 : WORKER_CORES, [
    ...[Deno.execPath(), "run", "--no-prompt", "--allow-net", ...io === "deno" ? [] : FFI],
    ...workers === 1 ? [] : [`--allow-read=${ROOT}lib`],
    ...[
      `${ROOT}server.ts`,
      "--workers",
      `${workers}`,
      "--hostname",
      "127.0.0.1",
      "--port",
      `${port}`,
      "--udp",
      io,
    ],
    // The limiter does its work and the metrics theirs; all the load comes from one address
    ...["--rate-limit", "10000000", "--rate-burst", "100000000", "--http-port", "0"],
    ...signed
      ? ["--auth", "short-term", "--user", `${CREDENTIAL.user}:${CREDENTIAL.password}`]
      : [],
  ]));
  await child.line(/ ready$/, { timeoutMs: 20_000 });
  return { name, port, transports: ["udp", "tcp"], signed, ...stopping(child) };
}

async function startBareDeno(): Promise<BenchServer> {
  const script = new URL("./_bare_datagrams.ts", import.meta.url).pathname;
  return await startUdp("Deno.listenDatagram, bare", (port) => [
    ...[Deno.execPath(), "run", "--no-prompt", "--allow-net", script, `${port}`],
  ]);
}

async function startMinimalResponder(): Promise<BenchServer | undefined> {
  if (!hasTool("cc")) return undefined;
  const source = new URL("./minimal_responder.c", import.meta.url).pathname;
  const folder = await Deno.makeTempDir({ prefix: "pinhole-bench" });
  const program = `${folder}/minimal_responder`;
  const { code, stderr } = await run("cc", ["-O2", "-o", program, source]);
  if (code !== 0) throw new Error(`Cannot compile ${source}: ${stderr}`);
  const server = await startUdp("C, recvmmsg, minimal", (port) => [program, `${port}`]);
  await Deno.remove(folder, { recursive: true });
  return server;
}

async function startTurnserver(): Promise<BenchServer | undefined> {
  if (!hasTool("turnserver")) return undefined;
  const folder = await Deno.makeTempDir({ prefix: "pinhole-bench" });
  const server = await startUdp("coturn, one thread", (port) => [
    ...["turnserver", "-S", "-m", "1", "-n", "--no-cli", "--no-tls", "--no-dtls"],
    ...["--userdb", `${folder}/db`, "--pidfile", `${folder}/pid`, "--log-file", "/dev/null"],
    ...["--listening-ip", "127.0.0.1", "--listening-port", `${port}`],
  ]);
  return {
    ...server,
    transports: ["udp", "tcp"],
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function startUdp(
  name: string,
  command: (port: number) => readonly string[],
): Promise<BenchServer> {
  const port = freePort();
  const child = new Child(...pinned(0, command(port)));
  await askUdp({ hostname: "127.0.0.1", port }, { timeoutMs: 10_000 });
  return { name, port, transports: ["udp"], signed: false, ...stopping(child) };
}

function stopping(child: Child): AsyncDisposable & { readonly pid: number } {
  return { pid: child.pid, [Symbol.asyncDispose]: async () => void await child.stop() };
}

const FFI = ["--allow-ffi"];
/** The second core is the load's: several threads get a third where there is one, else the first alone. */
const WORKER_CORES = navigator.hardwareConcurrency > 2 ? "0,2" : "0";
