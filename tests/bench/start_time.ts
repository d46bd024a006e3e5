// How long the server takes from its start to its first answer over UDP, beside what Deno takes to
// start and do nothing. Run by `deno task bench:start`, with `--rounds N` and `--json`.

import { parseArgs } from "@std/cli/parse-args";
import { bindingRequest } from "../support/binding_request.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";

/** The figures of one run, in ms, and their ratio. */
interface StartFigures {
  /** Medians over the rounds. */
  readonly nothingMs: number;
  readonly firstAnswerMs: number;
  /** Of the medians. */
  readonly ratio: number;
  /** Of the shortest times: other programs disturb these least. */
  readonly ratioAtBest: number;
}

async function measure(rounds: number): Promise<StartFigures> {
  const nothing: number[] = [];
  const first: number[] = [];
  // Round 0 is for the caches
  for (let round = 0; round <= rounds; round++) {
    const times = [await timeOfNothing(), await timeToFirstAnswer()] as const;
    if (round === 0) continue;
    nothing.push(times[0]);
    first.push(times[1]);
  }
  return {
    nothingMs: rounded(median(nothing)),
    firstAnswerMs: rounded(median(first)),
    ratio: rounded(median(first) / median(nothing), 100),
    ratioAtBest: rounded(Math.min(...first) / Math.min(...nothing), 100),
  };
}

async function timeOfNothing(): Promise<number> {
  const begun = performance.now();
  await start("eval", "0").status;
  return performance.now() - begun;
}

async function timeToFirstAnswer(): Promise<number> {
  const port = freePort();
  const address = { transport: "udp", hostname: "127.0.0.1", port } as const;
  const socket = Deno.listenDatagram({ ...address, port: 0 });
  const request = bindingRequest();
  const begun = performance.now();
  const server = start(
    ...["run", "--no-prompt", "--allow-net", `${ROOT}server.ts`],
    ...["--hostname", address.hostname, "--port", `${port}`],
  );
  const asking = setInterval(() => socket.send(request, address).catch(() => {}), ASK_EVERY_MS);
  const timeout = setTimeout(() => socket.close(), PATIENCE_MS);
  try {
    await socket.receive();
    return performance.now() - begun;
  } finally {
    clearInterval(asking);
    clearTimeout(timeout);
    try {
      socket.close();
    } catch {
      // It was closed when nobody answered
    }
    server.kill();
    await server.status;
  }
}

function start(...args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), { args: [...args], stdout: "null", stderr: "null" })
    .spawn();
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

function rounded(value: number, steps = 10): number {
  return Math.round(value * steps) / steps;
}

const ASK_EVERY_MS = 1;
const PATIENCE_MS = 10_000;

if (import.meta.main) {
  const { rounds = "15", json } = parseArgs(Deno.args, { string: ["rounds"], boolean: ["json"] });
  const figures = await measure(Number(rounds));
  const { nothingMs, firstAnswerMs, ratio, ratioAtBest } = figures;
  const text = json
    ? JSON.stringify(figures)
    : `start to first answer ${firstAnswerMs} ms, deno eval 0 ${nothingMs} ms: ` +
      `${ratio} times as long (at best ${ratioAtBest})`;
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
