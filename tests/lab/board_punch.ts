import { ROOT } from "../support/pinhole_server.ts";
import type { Child } from "../support/process.ts";
import type { LabHost } from "./lab_host.ts";
import { LAB_PORT } from "./lab_servers.ts";
import { NatLab } from "./nat_lab.ts";
import { punchOutcome, type PunchPair, punchPairs, type PunchTrial } from "./punch_matrix.ts";

/** The pairs of the punch matrix that can connect. */
export function connectingPairs(): readonly PunchPair[] {
  return punchPairs().filter(({ prediction }) => prediction.will === "yes");
}

/**
 * Punches between the hosts of a new lab, with `pinhole punch --board` on both, and checks that both
 * sides say the same. Without one among the flags the transport is theirs to choose.
 */
export async function punchByBoard(
  { nats: [nat1, nat2] }: Pick<PunchPair, "nats">,
  flags: readonly string[] = [],
): Promise<PunchTrial> {
  await using lab = await NatLab.open({ nat1, nat2 });
  const { server } = lab;
  await startBoardNode(server, [
    ...["--hostname", server.ip, "--alternate-hostname", server.alternateIp],
    ...["--http-hostname", server.ip],
  ]);
  const board = boardUrl(server.ip);
  const sides = [lab.host1, lab.host2].map((host) => startBoardPunch(host, { board, flags }));
  return await meet(sides as [Child, Child]);
}

/** Starts a server with a board in a namespace, and waits until it serves. */
export async function startBoardNode(host: LabHost, args: readonly string[]): Promise<void> {
  const child = host.deno([
    ...["--allow-net", ROOT + "server.ts", "--port", `${LAB_PORT}`, "--log-format", "json"],
    ...["--http-port", `${HTTP_PORT}`, ...args],
  ]);
  await child.line(/"message":"ready"/, { timeoutMs: STARTING_MS });
}

/** Starts `pinhole punch --board` in a host. */
export function startBoardPunch(
  host: LabHost,
  { board, flags = [] }: { readonly board: string; readonly flags?: readonly string[] },
): Child {
  return host.deno([
    ...["--allow-net", "--allow-sys=networkInterfaces", `${ROOT}lib/cli/pinhole.ts`, "punch"],
    ...["--board", board, "--room", "lab", "--secret", "of the lab", "--json", ...flags],
  ], { stdin: "piped" });
}

/** Gives each side a line for the other, and says what came of the punch since both were in the room. */
export async function meet(sides: readonly [Child, Child]): Promise<PunchTrial> {
  await Promise.all(sides.map((side, i) => side.write(`from ${i}\n`)));
  const options = { stream: "stderr", timeoutMs: STARTING_MS } as const;
  await Promise.all(sides.map((side) => side.line(/^\{"event":"room"/, options)));
  return await punchOutcome(sides, performance.now());
}

/** The board of a server at this address. */
export function boardUrl(ip: string): string {
  return `ws://${ip}:${HTTP_PORT}`;
}

const HTTP_PORT = 8_080;

/** A start of Deno on a busy machine. */
const STARTING_MS = 60_000;
