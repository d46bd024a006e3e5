// How fast `StreamForward` joins two TCP connections, beside socat: each forwards zeros on loopback in
// turn, up and down. Run by `deno task bench:forward`, with `--rounds N` and `--mib N`. Needs socat.

import { parseArgs } from "@std/cli/parse-args";
import { freePort } from "../support/free_port.ts";
import { Child, deno, run } from "../support/process.ts";

const args = parseArgs(Deno.args, { string: ["rounds", "mib"] });
const rounds = Number(args.rounds ?? 5);
const bytes = Number(args.mib ?? 512) * 1024 * 1024;
if (!(rounds >= 1 && rounds <= 100 && bytes >= 1 && bytes <= 2 ** 36)) {
  throw new RangeError("Cannot compare: wanted --rounds 1 to 100 and --mib up to 65536");
}

await using sink = await listening(["-u", "-b262144"], ["OPEN:/dev/null"]);
await using source = await listening(["-U", "-b262144"], [`OPEN:/dev/zero,readbytes=${bytes}`]);
const ways = {
  up: { to: sink, args: ["-t60", `OPEN:/dev/zero,readbytes=${bytes}!!OPEN:/dev/null,wronly`] },
  down: { to: source, args: ["-U", "OPEN:/dev/null"] },
};
for (const [way, { to, args }] of Object.entries(ways)) {
  await using ours = await pinholeRelay(to.port);
  await using theirs = await listening([], [`TCP:127.0.0.1:${to.port}`]);
  const rates: Record<"pinhole" | "socat", number[]> = { pinhole: [], socat: [] };
  for (let round = 0; round < rounds; round++) {
    rates.socat.push(await rate([...args, `TCP:127.0.0.1:${theirs.port}`]));
    rates.pinhole.push(await rate([...args, `TCP:127.0.0.1:${ours.port}`]));
  }
  const ratio = median(rates.pinhole.map((rate, round) => rate / rates.socat[round]!));
  print(
    `${way.padEnd(5)} Pinhole ${megabytes(rates.pinhole)} MB/s, socat ${megabytes(rates.socat)} ` +
      `MB/s, ratio ${ratio.toFixed(2)} (medians of ${rounds})`,
  );
}

interface Relay extends AsyncDisposable {
  readonly port: number;
}

async function pinholeRelay(target: number): Promise<Relay> {
  const script = new URL("./_forward_relay.ts", import.meta.url).pathname;
  const child = deno(["run", "--no-prompt", "--allow-net=127.0.0.0/8", script, `${target}`]);
  const [, port] = await child.line(/^(\d+)$/, { timeoutMs: 20_000 });
  return { port: Number(port), [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** A socat that listens, and joins who comes to something else. */
async function listening(flags: readonly string[], other: readonly string[]): Promise<Relay> {
  const port = freePort("127.0.0.1");
  const child = new Child("socat", [
    ...["-d", "-d", ...flags],
    ...[`TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`, ...other],
  ]);
  await child.line(/listening on/, { stream: "stderr" });
  return { port, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Bytes per second of a socat that carries all of the bytes. */
async function rate(args: readonly string[]): Promise<number> {
  const begun = performance.now();
  const { code, stderr } = await run("socat", ["-b262144", ...args], { timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`Cannot forward: ${stderr}`);
  return bytes / ((performance.now() - begun) / 1000);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function megabytes(rates: readonly number[]): string {
  return (median(rates) / 1e6).toFixed(0);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
