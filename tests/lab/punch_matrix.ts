import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  predictPunch,
  type PunchPrediction,
  type PunchSide,
} from "../../lib/protocol/discovery/mod.ts";
import { ROOT } from "../support/pinhole_server.ts";
import type { Child } from "../support/process.ts";
import { LAB_SERVERS, serverAnswers } from "./lab_servers.ts";
import { NatLab, type NatLabOptions } from "./nat_lab.ts";
import type { NatKind } from "./nat_kind.ts";
import { stunUri } from "./pinhole_nat.ts";

/** The kinds of NAT that a matrix pairs. */
export const PUNCH_KINDS = [
  "full-cone",
  "address-restricted",
  "port-restricted",
  "symmetric",
] as const satisfies readonly NatKind[];

/** One pair of NATs, and what theory says of it. */
export interface PunchPair {
  /** The two routers, by the names that the table has for them. */
  readonly names: readonly [string, string];
  /** The two routers. */
  readonly nats: readonly [NonNullable<NatLabOptions["nat1"]>, NonNullable<NatLabOptions["nat2"]>];
  /** What theory says. */
  readonly prediction: PunchPrediction;
}

/** What became of one punch. */
export interface PunchTrial {
  /** `"connected"`, or the code of the failure. */
  readonly outcome: string;
  /** Why, where it failed. */
  readonly reason: string | undefined;
  /** ms from when both sides had the other's code. */
  readonly elapsedMs: number;
}

/** Punches each pair so often, prints the table and checks every cell. */
export async function testPunchMatrix(
  transport: "udp" | "tcp",
  { rounds, pairs = punchPairs(), punch = punchOnce }: {
    readonly rounds: number;
    readonly pairs?: readonly PunchPair[];
    readonly punch?: typeof punchOnce;
  },
): Promise<void> {
  const tasks = Array.from({ length: rounds }, () => pairs).flat()
    .map((pair) => async () => ({ pair, trial: await punch(pair, transport) }));
  const all = await inParallel(tasks, LABS_AT_ONCE);
  const results = pairs.map((pair) => ({
    pair,
    trials: all.filter((one) => one.pair === pair).map(({ trial }) => trial),
  }));
  Deno.stdout.writeSync(new TextEncoder().encode(`\n${punchTable(results)}`));
  for (const { pair, trials } of results) {
    assertEquals(trials.length, rounds);
    for (const trial of trials) checkPunch(pair, trial);
  }
}

/**
 * The four kinds with one more, a port-restricted NAT that answers a SYN which comes too early, and
 * this one with itself; over TCP.
 *
 * Where theory says that they meet it may still be a matter of timing, which a lab makes a matter of
 * luck: a round trip takes a tenth of a millisecond there. Two that answer by RST, after which Linux
 * forgets the attempt, must have SYNs that cross. And after an answer by ICMP Linux lets the other
 * side's SYN in, but keeps to the sequence number of the attempt that the ICMP error has ended: the
 * next one has to be under way when that SYN comes.
 */
export function refusingPunchPairs(refusal: "reset" | "icmp"): readonly PunchPair[] {
  const name = `port-restricted, ${refusal}`;
  const nat = { ipv4: "port-restricted", refusal } as const;
  const luck: PunchPrediction = { will: "unknown", reason: "it is a matter of timing" };
  return [
    ...PUNCH_KINDS.map((kind) => {
      const prediction = predictPunch(SIDES[kind], SIDES["port-restricted"]);
      const isLuck = refusal === "icmp" && prediction.will === "yes";
      return {
        names: [kind, name],
        nats: [kind, nat],
        prediction: isLuck ? luck : prediction,
      } as const;
    }),
    { names: [name, name], nats: [nat, nat], prediction: luck },
  ];
}

/** All pairs of the four kinds. */
export function punchPairs(): readonly PunchPair[] {
  return PUNCH_KINDS.flatMap((one) =>
    PUNCH_KINDS.map((two) => ({
      names: [one, two],
      nats: [one, two],
      prediction: predictPunch(SIDES[one], SIDES[two]),
    } as const))
  );
}

/**
 * Punches between the hosts of a new lab, with `pinhole punch` on both and a line sent each way, and
 * checks that both sides say the same.
 */
export async function punchOnce(
  { nats: [nat1, nat2] }: Pick<PunchPair, "nats">,
  transport: "udp" | "tcp",
): Promise<PunchTrial> {
  await using lab = await NatLab.open({ nat1, nat2 });
  const { server } = lab;
  await serverAnswers(lab, { child: LAB_SERVERS.ours(server), ip: server.ip });
  const servers = [server.ip, server.alternateIp].flatMap((ip) => ["--server", stunUri(ip)]);
  const sides = [lab.host1, lab.host2].map((host) =>
    host.deno([
      ...["--allow-net", "--allow-sys=networkInterfaces", `${ROOT}lib/cli/pinhole.ts`, "punch"],
      ...[...servers, `--${transport}`, "--timeout", "15", "--json"],
    ], { stdin: "piped" })
  ) as [Child, Child];
  const codes = await Promise.all(sides.map((side) => side.line(/"code":"(pin1[^"]*)"/, EVENTS)));
  const begun = performance.now();
  await Promise.all(sides.map((side, i) => side.write(`${codes[1 - i]![1]}\nfrom ${i}\n`)));
  return await punchOutcome(sides, begun);
}

/**
 * What two `pinhole punch --json` say came of it, of which each has been given the line `from 0` or
 * `from 1` for the other; checks that both say the same, and have the lines. `begun` is in ms.
 */
export async function punchOutcome(
  sides: readonly [Child, Child],
  begun: number,
): Promise<PunchTrial> {
  const ends = await Promise.all(sides.map(async (side) => {
    const [line] = await side.line(/^\{"event":"(connected|failed)".*$/, EVENTS);
    return JSON.parse(line) as { event: string; code?: string; reason?: string };
  }));
  const elapsedMs = performance.now() - begun;
  const [one, two] = ends as [typeof ends[0], typeof ends[0]];
  assertEquals(one.event, two.event, "one side alone is connected");
  if (one.event === "connected") {
    await Promise.all(sides.map((side, i) => side.line(new RegExp(`^from ${1 - i}$`))));
    return { outcome: "connected", reason: undefined, elapsedMs };
  }
  return { outcome: one.code!, reason: one.reason, elapsedMs };
}

/** Checks what became of a pair against theory. */
function checkPunch({ names, prediction }: PunchPair, trial: PunchTrial): void {
  const what = `${names.join(" and ")}: ${trial.outcome}, ${trial.reason}`;
  if (prediction.will !== "unknown") {
    assertEquals(trial.outcome === "connected", prediction.will === "yes", what);
  }
  if (trial.outcome === "connected") return;
  assertMatch(trial.reason!, /^Cannot punch over (UDP|TCP): ./);
  // 15 s, over TCP up to 5 s more where only an agreement is missing, and a busy machine
  assert(trial.elapsedMs < 25_000, what);
}

/** A table of what became of all pairs, for people. */
function punchTable(
  results: readonly { readonly pair: PunchPair; readonly trials: readonly PunchTrial[] }[],
): string {
  const rows = results.map(({ pair: { names: [one, two], prediction }, trials }) => {
    const connected = trials.filter(({ outcome }) => outcome === "connected");
    const ms = connected.map(({ elapsedMs }) => elapsedMs.toFixed(0)).join(" ");
    const reasons = new Set(trials.flatMap(({ reason }) => reason ?? []));
    const what = [`${connected.length}/${trials.length}`, prediction.will, ms, ...reasons];
    return [one.padEnd(20), two.padEnd(20), ...what].join("  ");
  });
  const head = [
    "host1".padEnd(20),
    "host2".padEnd(20),
    "met",
    "predictPunch()",
    "ms, or why not",
  ].join("  ");
  return [head, ...rows, ""].join("\n");
}

/** Runs tasks, so many at a time, and returns what they return in their order. */
async function inParallel<T>(
  tasks: readonly (() => Promise<T>)[],
  width: number,
): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < tasks.length) {
      const at = next++;
      results[at] = await tasks[at]!();
    }
  }));
  return results;
}

/** They wait most of the time; three processes start in each. */
const LABS_AT_ONCE = 4;

// A start of Deno on a busy machine, and the 15 s of a punch that fails
const EVENTS = { stream: "stderr", timeoutMs: 60_000 } as const;

const SIDES: Readonly<Record<typeof PUNCH_KINDS[number], PunchSide>> = {
  "full-cone": side("endpoint-independent", "endpoint-independent"),
  "address-restricted": side("endpoint-independent", "address-dependent"),
  "port-restricted": side("endpoint-independent", "address-and-port-dependent"),
  "symmetric": side("address-and-port-dependent", "address-and-port-dependent"),
};

function side(
  mapping: PunchSide["mapping"]["value"],
  filtering: PunchSide["filtering"]["value"],
): PunchSide {
  const depends = mapping === "address-and-port-dependent";
  return { reachable: true, mapping: { value: mapping, depends }, filtering: { value: filtering } };
}
