/**
 * What a full board does: many peers in many rooms on one server, each posting once a second. Counts
 * every delivery, so that one that is lost or doubled shows, and prints how long they take and what
 * memory the server takes. `--peers N`, `--rooms N`, `--seconds N`, `--json`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { PinholeServer } from "../support/pinhole_server.ts";

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
  const memory = () => residentMb(server.pid);
  const idleMb = memory();
  const figures = await load(
    { url: `ws://127.0.0.1:${port}/board/`, peers, rooms, seconds },
    memory,
  );
  const { latencies, ...counts } = figures;
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!.toFixed(1);
  const result = {
    peers,
    rooms,
    seconds,
    ...counts,
    latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    serverMb: { idle: idleMb, ...counts.serverMb },
  };
  // deno-lint-ignore no-console
  console.log(args.json ? JSON.stringify(result) : text(result));
}

async function load(load: Load, memory: () => number) {
  const latencies: number[] = [];
  const peers = await Promise.all(
    Array.from({ length: load.peers }, (_, i) => connect(load, i, latencies)),
  );
  const connectedMb = memory();
  let sent = 0;
  const timers: number[] = [];
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
  const sampling = setInterval(() => samples.push(memory()), 1000);
  await new Promise((resolve) => setTimeout(resolve, 1000 * (load.seconds + 4)));
  clearInterval(sampling);
  for (const timer of timers) clearInterval(timer);
  const [lost, doubled, delivered] = judge(peers, load);
  for (const { socket } of peers) socket.close();
  latencies.sort((a, b) => a - b);
  const serverMb = { connected: connectedMb, most: Math.max(...samples), last: samples.at(-1)! };
  return { sent, delivered, lost, doubled, latencies, serverMb };
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
    const message = JSON.parse(data);
    if (message.type === "board") resolve({ socket, room, heard });
    else if (message.type === "ping") socket.send(JSON.stringify({ ...message, type: "pong" }));
    else if (message.type === "posted") {
      const [peer, left, at] = message.post.data.split(" ");
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

function residentMb(pid: number): number {
  const [, kb] = Deno.readTextFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+([0-9]+)/m)!;
  return Math.round(Number(kb) / 1024);
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
