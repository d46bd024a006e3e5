// What held TCP connections cost: opens 10,000 to a server of its own process, uses each twice, and
// prints the server's memory. Run by `deno task bench:held`, with `--connections N`, `--json`, and
// `--tcp deno` or `--tcp epoll` for one way of doing TCP alone.
// Linux alone: the memory is what /proc says, and the clients share 127.0.0.0/8 out.

import { parseArgs } from "@std/cli/parse-args";
import { PinholeServer } from "../support/pinhole_server.ts";
import { run } from "../support/process.ts";
import { processUsage } from "../support/process_usage.ts";
import type { ClientOrder } from "./_held_connections_client.ts";

/** The figures of one run. */
interface HeldFigures {
  /** How the server does TCP. */
  readonly tcp: TcpIo;
  /** How many connections were held at once. */
  readonly connections: number;
  /** Memory of the server after each stage, bytes, and how long the stage took, ms. */
  readonly stages: readonly {
    readonly stage: string;
    readonly residentBytes: number;
    readonly elapsedMs: number;
  }[];
  /** What a connection takes once it has been used twice, bytes. */
  readonly bytesPerConnection: number;
}

type TcpIo = "deno" | "epoll";

async function measure(connections: number, tcp: TcpIo): Promise<HeldFigures> {
  await assertDescriptors(connections);
  await using server = await PinholeServer.start({
    permissions: tcp === "epoll" ? ["--allow-ffi"] : [],
    args: ["--udp", "deno", "--tcp", tcp],
  });
  const target = server.target("tcp");
  // The server's own caps are in force: no address may open more than 512
  const addresses = Array.from(
    { length: Math.ceil(connections / PER_ADDRESS) },
    (_, i) => `127.0.0.${i + 2}`,
  );
  const perAddress = Math.ceil(connections / addresses.length);
  const half = Math.ceil(addresses.length / 2);
  const clients = [addresses.slice(0, half), addresses.slice(half)]
    .filter((share) => share.length > 0)
    .map((share) => new Client({ target, addresses: share, perAddress }));
  // So that the heap of the server has its code compiled before it is measured
  const first = new Client({ target, addresses: ["127.0.0.1"], perAddress: 100 });
  try {
    for (const order of ["open", "use", "use", "close"]) await first.obey(order);
    const stages: HeldFigures["stages"][number][] = [];
    const note = async (stage: string, work: () => Promise<unknown>) => {
      const begun = performance.now();
      await work();
      const elapsedMs = Math.round(performance.now() - begun);
      // The memory that a collection gives back counts for neither stage
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      stages.push({ stage, elapsedMs, ...residentOf(await processUsage(server.pid)) });
    };
    const all = (order: string) => () => Promise.all(clients.map((client) => client.obey(order)));
    await note("before", async () => {});
    await note("open", all("open"));
    await note("first use", all("use"));
    await note("second use", all("use"));
    const held = (await processUsage(server.pid)).descriptors;
    if (held < connections) throw new Error(`Cannot hold ${connections} connections: got ${held}`);
    await note("closed", all("close"));
    const burstOf = addresses.slice(0, half);
    const burst = new Client({ target, addresses: burstOf, perAddress, atOnce: half * perAddress });
    clients.push(burst);
    await burst.obey("ready");
    await note("at once", () => burst.obey("open"));
    await burst.obey("close");
    const grown = stages[3]!.residentBytes - stages[0]!.residentBytes;
    return {
      tcp,
      connections: perAddress * addresses.length,
      stages,
      bytesPerConnection: Math.round(grown / (perAddress * addresses.length)),
    };
  } finally {
    for (const client of [first, ...clients]) await client.stop();
  }
}

function residentOf({ residentBytes }: { readonly residentBytes: number }) {
  return { residentBytes };
}

/** Deno raises its own limit as far as it may; further is a matter for whoever runs this. */
async function assertDescriptors(connections: number): Promise<void> {
  const { stdout } = await run("sh", ["-c", "ulimit -Hn"]);
  const limit = stdout.trim() === "unlimited" ? Infinity : Number(stdout);
  const wanted = connections + SPARE_DESCRIPTORS;
  if (limit >= wanted) return;
  throw new Error(
    `Cannot open ${connections} connections: a process may have ${limit} file descriptors, ` +
      `wanted ${wanted}; raise the limit with ulimit -n`,
  );
}

/** A process that holds one end of connections. */
class Client {
  readonly #child: Deno.ChildProcess;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamDefaultReader<string>;

  constructor(order: ClientOrder) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "--allow-net"],
        new URL("./_held_connections_client.ts", import.meta.url).pathname,
        JSON.stringify(order),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#orders = this.#child.stdin.getWriter();
    this.#answers = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Gives an order and waits until it is done. */
  async obey(order: string): Promise<void> {
    await this.#orders.write(new TextEncoder().encode(`${order}\n`));
    const { done } = await this.#answers.read();
    if (done) throw new Error(`Cannot ${order} connections: the client process has ended`);
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    await this.#orders.close().catch(() => {});
    await this.#answers.cancel();
    await this.#child.status;
  }
}

function tableOf({ tcp, connections, stages, bytesPerConnection }: HeldFigures): string {
  const rows = stages.map(({ stage, residentBytes, elapsedMs }) => [
    stage,
    `${(residentBytes / 1_000_000).toFixed(1)} MB`,
    `${elapsedMs} ms`,
  ]);
  const lines = [["stage", "server RSS", "time"], ...rows].map(([stage, memory, time]) =>
    `${stage!.padEnd(12)}${memory!.padStart(12)}${time!.padStart(10)}`
  );
  const each = `${(bytesPerConnection / 1000).toFixed(1)} KB per connection`;
  const sum = `${each}, ${connections} held, TCP through ${tcp}`;
  return `${lines.join("\n")}\n${sum}\n`;
}

/** Below the server's cap of 512. */
const PER_ADDRESS = 500;
const SPARE_DESCRIPTORS = 100;
const SETTLE_MS = 2_000;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

if (import.meta.main) {
  const { connections = "10000", json, tcp: chosen } = parseArgs(Deno.args, {
    string: ["connections", "tcp"],
    boolean: ["json"],
  });
  for (const tcp of chosen === undefined ? ["deno", "epoll"] as const : [chosen as TcpIo]) {
    const figures = await measure(Number(connections), tcp);
    say(json ? `${JSON.stringify(figures)}\n` : tableOf(figures));
  }
}
