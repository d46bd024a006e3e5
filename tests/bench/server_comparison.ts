// How many requests our server answers and how many others do: all of them run at once, each is under
// load in turn, in rounds, the servers on the first core and the load on the second. Run by
// `deno task bench:server`, with `--rounds N`, `--ms N`, `--against HOST:PORT` (on 127.0.0.1, already
// running), `--only TEXT` for the loads whose names have it, `--json FILE` and `--svg FILE`. Linux
// alone.

import { parseArgs } from "@std/cli/parse-args";
import { run } from "../support/process.ts";
import { barChart } from "./_bar_chart.ts";
import { type BenchServer, CREDENTIAL, pinned, startServers } from "./_bench_servers.ts";
import type { LoadFigures } from "./_load_ledger.ts";
import type { LoadOrder } from "./load_generator.ts";

/** A kind of load. */
interface Scenario {
  readonly name: string;
  readonly transport: "udp" | "tcp";
  readonly sockets: number;
  readonly outstanding: number;
  readonly signed?: boolean;
}

/** What became of one server under one kind of load. */
interface Row {
  readonly scenario: string;
  readonly server: string;
  /** Medians over the rounds. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers per second in the worst round and in the best. */
  readonly least: number;
  readonly greatest: number;
  /** Sums over the rounds. */
  readonly lost: number;
  readonly wrong: number;
  /** The time that the server took of its core for one answer, µs; other programs do not disturb it. */
  readonly cpuUs: number | undefined;
  /** How much of its core the load took, 0 to 1: near 1 it is the load that limits, not the server. */
  readonly busy: number;
  /** Medians of the ratios within each round: of this server to each other. */
  readonly ratios: Readonly<Record<string, number>>;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "UDP, 16 sockets x 32", transport: "udp", sockets: 16, outstanding: 32 },
  { name: "UDP, 64 sockets x 1", transport: "udp", sockets: 64, outstanding: 1 },
  { name: "UDP, 16 x 32, signed", transport: "udp", sockets: 16, outstanding: 32, signed: true },
  { name: "TCP, 64 connections x 1", transport: "tcp", sockets: 64, outstanding: 1 },
  { name: "TCP, 16 connections x 32", transport: "tcp", sockets: 16, outstanding: 32 },
];
const WARM_UP_MS = 400;

async function compare(
  servers: readonly BenchServer[],
  { scenarios, rounds, ms }: {
    readonly scenarios: readonly Scenario[];
    readonly rounds: number;
    readonly ms: number;
  },
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scenario of scenarios) {
    const able = servers.filter(({ transports, signed }) =>
      transports.includes(scenario.transport) && signed === (scenario.signed ?? false)
    );
    const figures = able.map((): LoadFigures[] => []);
    const costs = able.map((): number[] => []);
    // Round 0 is for the compilers
    for (let round = 0; round <= rounds; round++) {
      for (const [i, server] of able.entries()) {
        const before = await cpuMs(server);
        const found = await load({
          ...scenario,
          port: server.port,
          warmUpMs: WARM_UP_MS,
          countMs: ms,
          credential: scenario.signed ? CREDENTIAL : undefined,
        });
        if (round === 0) continue;
        figures[i]!.push(found);
        costs[i]!.push((await cpuMs(server) - before) * 1000 / found.answers);
      }
    }
    for (const [i, server] of able.entries()) {
      const rates = figures[i]!.map(({ perSecond }) => perSecond);
      rows.push({
        scenario: scenario.name,
        server: server.name,
        perSecond: Math.round(median(rates)),
        p50Ms: median(figures[i]!.map(({ p50Ms }) => p50Ms)),
        p99Ms: median(figures[i]!.map(({ p99Ms }) => p99Ms)),
        least: Math.round(Math.min(...rates)),
        greatest: Math.round(Math.max(...rates)),
        lost: sum(figures[i]!.map(({ lost }) => lost)),
        wrong: sum(figures[i]!.map(({ wrong }) => wrong)),
        cpuUs: server.pid === undefined ? undefined : round2(median(costs[i]!)),
        busy: round2(median(figures[i]!.map(({ busy }) => busy))),
        ratios: Object.fromEntries(
          able.flatMap((other, k) =>
            other === server ? [] : [[
              other.name,
              round2(median(rates.map((rate, at) => rate / figures[k]![at]!.perSecond))),
            ]]
          ),
        ),
      });
    }
  }
  return rows;
}

/** The time on a core that a server has taken so far, ms; what Linux tells, in steps of 10 ms. */
async function cpuMs({ pid }: BenchServer): Promise<number> {
  if (pid === undefined) return NaN;
  const { stdout } = await run("cat", [`/proc/${pid}/stat`]);
  const fields = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function load(order: LoadOrder): Promise<LoadFigures> {
  const script = new URL("./load_generator.ts", import.meta.url).pathname;
  const [program, args] = pinned(1, [
    ...[Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-ffi", script],
    JSON.stringify(order),
  ]);
  const { code, stdout, stderr } = await run(program, args, { timeoutMs: order.countMs + 20_000 });
  if (code !== 0) throw new Error(`Cannot load port ${order.port}: ${stderr}`);
  return JSON.parse(stdout) as LoadFigures;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

function tableOf(rows: readonly Row[]): string {
  const lines: string[] = [];
  for (const name of new Set(rows.map(({ scenario }) => scenario))) {
    const header = [
      "replies/s",
      "least",
      "greatest",
      "p50 ms",
      "p99 ms",
      "lost",
      "wrong",
      "CPU us",
      "load busy",
    ];
    lines.push(name.padEnd(26) + header.map((word) => word.padStart(10)).join(""));
    const group = rows.filter(({ scenario }) => scenario === name);
    for (const row of group) {
      const cells = [
        ...[row.perSecond, row.least, row.greatest],
        ...[
          row.p50Ms.toFixed(3),
          row.p99Ms.toFixed(3),
          row.lost,
          row.wrong,
          row.cpuUs ?? "-",
          row.busy,
        ],
      ];
      lines.push(row.server.padEnd(26) + cells.map((cell) => `${cell}`.padStart(10)).join(""));
    }
    for (const { server, ratios } of group.filter((row) => row.server.startsWith("ours"))) {
      for (const [other, ratio] of Object.entries(ratios)) {
        lines.push(`  ${server} : ${other} = ${ratio}`);
      }
    }
    lines.push("");
  }
  return `${lines.join("\n")}\n`;
}

function chartOf(rows: readonly Row[]): string {
  return barChart(
    "Answers per second, server on one core (bar: median, whisker: worst to best round)",
    [...new Set(rows.map(({ scenario }) => scenario))].map((name) => ({
      title: name,
      bars: rows.filter(({ scenario }) => scenario === name).map((row) => ({
        name: row.server,
        value: row.perSecond,
        least: row.least,
        greatest: row.greatest,
      })),
    })),
  );
}

function stranger(target: string): BenchServer {
  const match = /^(?:127\.0\.0\.1|localhost):([0-9]{1,5})$/.exec(target);
  if (match === null) {
    throw new RangeError(`Cannot load ${target}: the load is for 127.0.0.1:PORT alone`);
  }
  return {
    name: target,
    port: Number(match[1]),
    transports: ["udp", "tcp"],
    signed: false,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

if (import.meta.main) {
  const flags = parseArgs(Deno.args, {
    string: ["rounds", "ms", "json", "svg", "against", "only"],
    collect: ["against"],
  });
  const { rounds = "5", ms = "1500", only = "" } = flags;
  const scenarios = SCENARIOS.filter(({ name }) => name.includes(only));
  const against = (flags.against as readonly string[]).map(stranger);
  const servers = [...await startServers(), ...against];
  try {
    const rows = await compare(servers, { scenarios, rounds: Number(rounds), ms: Number(ms) });
    Deno.stdout.writeSync(new TextEncoder().encode(tableOf(rows)));
    if (flags.json) await Deno.writeTextFile(flags.json, `${JSON.stringify(rows, null, 2)}\n`);
    if (flags.svg) await Deno.writeTextFile(flags.svg, chartOf(rows));
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }
}
