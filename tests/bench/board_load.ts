/**
 * What a full board does: many peers in many rooms on one server, each posting once a second. Counts
 * every delivery, so that one that is lost or doubled shows, and prints how long they take and what
 * memory the server takes. `--peers N`, `--rooms N`, `--seconds N`, `--json`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { PinholeServer } from "../support/pinhole_server.ts";
import { run } from "../support/process.ts";
import { processUsage } from "../support/process_usage.ts";

/** What a run is to be. */
interface Load {
  readonly url: string;
  readonly peers: number;
  readonly rooms: number;
  readonly seconds: number;
}

/** A peer, and which post of whom it has heard of how often. */
interface LoadPeer {
  readonly socket: WebSocket;
  readonly room: number;
  readonly heard: Map<string, number>;
}

async function main(): Promise<void> {
  const args = parseArgs(Deno.args, {
    string: ["peers", "rooms", "seconds"],
    boolean: ["json"],
    default: { peers: "2000", rooms: "200", seconds: "30" },
  });
  const [peers, rooms, seconds] = [args.peers, args.rooms, args.seconds].map(Number) as [
    number,
    number,
    number,
  ];
  await using server = await PinholeServer.start({
    args: [
      ...["--http-port", "0", "--http-max-connections", `${2 * peers}`],
      ...["--http-max-connections-per-address", `${2 * peers}`],
    ],
  });
  const { port } = server.listeners.find(({ transport }) => transport === "http")!;
  const memory = async () => Math.round((await processUsage(server.pid)).residentBytes / 2 ** 20);
  const idleMb = await memory();
  const figures = await load(
    { url: `ws://127.0.0.1:${port}/board/`, peers, rooms, seconds },
    memory,
  );
  const cpuSeconds = await cpuOf(server.pid);
  const { latencies, lags, ...counts } = figures;
  const at = (list: readonly number[], share: number) =>
    list[Math.min(list.length - 1, Math.floor(list.length * share))]!.toFixed(1);
  const result = {
    peers,
    rooms,
    seconds,
    ...counts,
    latencyMs: { p50: at(latencies, 0.5), p99: at(latencies, 0.99), max: at(latencies, 1) },
    loadLagMs: { p50: at(lags, 0.5), p99: at(lags, 0.99), max: at(lags, 1) },
    serverMb: { idle: idleMb, ...counts.serverMb },
    serverCpuSeconds: cpuSeconds,
    loadAverage: Deno.loadavg()[0],
  };
  // deno-lint-ignore no-console
  console.log(args.json ? JSON.stringify(result) : text(result));
}

async function load(load: Load, memory: () => Promise<number>) {
  const latencies: number[] = [];
  const peers = await Promise.all(
    Array.from({ length: load.peers }, (_, i) => connect(load, i, latencies)),
  );
  const connectedMb = await memory();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  let sent = 0;
  const timers: ReturnType<typeof setTimeout>[] = [];
  const samples: number[] = [];
  for (const [i, peer] of peers.entries()) {
    let left = load.seconds;
    const say = () => {
      if (left-- <= 0) return;
      sent++;
      const data = `${i} ${left} ${performance.now()}`;
      peer.socket.send(JSON.stringify({ type: "post", id: "me", data, lifetimeMs: 600_000 }));
    };
    // Spread over the second, as peers that know nothing of each other are
    timers.push(setTimeout(() => timers.push(setInterval(say, 1000)), 1000 * i / peers.length));
  }
  const sampling = setInterval(async () => samples.push(await memory()), 5000);
  // How late the load's own timers are: what the machine is busy with is not the board's fault
  const lags: number[] = [];
  let due = performance.now() + 10;
  const lagging = setInterval(() => {
    lags.push(performance.now() - due);
    due = performance.now() + 10;
  }, 10);
  await new Promise((resolve) => setTimeout(resolve, 1000 * (load.seconds + 4)));
  clearInterval(sampling);
  clearInterval(lagging);
  for (const timer of timers) clearInterval(timer);
  const [lost, doubled, delivered] = judge(peers, load);
  for (const { socket } of peers) socket.close();
  for (const list of [latencies, lags]) list.sort((a, b) => a - b);
  const serverMb = { connected: connectedMb, most: Math.max(...samples), last: samples.at(-1)! };
  return { sent, delivered, lost, doubled, latencies, lags, serverMb };
}

function connect({ url, rooms }: Load, index: number, latencies: number[]): Promise<LoadPeer> {
  const room = index % rooms;
  const socket = new WebSocket(`${url}load-${room}`, ["pinhole.board.v1"]);
  const heard = new Map<string, number>();
  const { promise, resolve, reject } = Promise.withResolvers<LoadPeer>();
  socket.onopen = () => socket.send('{"type":"join"}');
  socket.onerror = (event) => reject(new Error(`Cannot connect: ${(event as ErrorEvent).message}`));
  socket.onclose = ({ code }) => reject(new Error(`Cannot stay: closed with ${code}`));
  socket.onmessage = ({ data }) => {
    // By hand: the load must not cost more than what it is put on
    const text = data as string;
    if (text.startsWith('{"type":"board"')) resolve({ socket, room, heard });
    else if (text.startsWith('{"type":"ping"')) socket.send(text.replace("ping", "pong"));
    else if (text.startsWith('{"type":"posted"')) {
      const start = text.indexOf('"data":"') + 8;
      const [peer, left, at] = text.slice(start, text.indexOf('"', start)).split(" ");
      latencies.push(performance.now() - Number(at));
      const name = `${peer} ${left}`;
      heard.set(name, (heard.get(name) ?? 0) + 1);
    }
  };
  return promise;
}

/** How many deliveries are missing, how many came more than once, and how many came at all. */
function judge(peers: readonly LoadPeer[], { seconds }: Load): [number, number, number] {
  const rooms = Map.groupBy(peers.entries(), ([, { room }]) => room);
  let [lost, doubled, delivered] = [0, 0, 0];
  for (const { room, heard } of peers) {
    for (const [index] of rooms.get(room)!) {
      for (let left = 0; left < seconds; left++) {
        const times = heard.get(`${index} ${left}`) ?? 0;
        delivered += times;
        if (times === 0) lost++;
        else doubled += times - 1;
      }
    }
  }
  return [lost, doubled, delivered];
}

/** How long a process has been at work, as Linux tells: user and system time in hundredths. */
async function cpuOf(pid: number): Promise<number> {
  const { stdout } = await run("cat", [`/proc/${pid}/stat`]);
  const [user, system] = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ").slice(11, 13);
  return (Number(user) + Number(system)) / 100;
}

function text(result: Record<string, unknown>): string {
  return Object.entries(result).map(([key, value]) =>
    `${key.padEnd(10)} ${typeof value === "object" ? JSON.stringify(value) : value}`
  ).join("\n");
}

if (import.meta.main) {
  await main();
  Deno.exit();
}
