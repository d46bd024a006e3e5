// What a NAT does, found out from first principles: plain sockets on both sides of it, moved by one
// hand that sees what left and what arrived. No STUN, and nothing of the project.

import type { NatLab } from "./nat_lab.ts";
import type { Datagram, Endpoint, Station } from "./station.ts";

/** What became of one local port towards three destinations. */
export type Mapping =
  /** It was seen everywhere as what it is. */
  | "itself"
  /** Everywhere the same other address, with the same port. */
  | "same port"
  /** Everywhere the same other address, and the same other port. */
  | "other port"
  /** Another port for each destination. */
  | "new ports"
  /** Nothing arrived. */
  | "none";

/** Who gets in at a mapped port. */
export interface Filtering {
  /** The very endpoint that was contacted. */
  readonly contacted: boolean;
  /** Its address, from another port. */
  readonly sameAddress: boolean;
  /** An address that was never contacted. */
  readonly otherAddress: boolean;
  /** The contacted endpoint, but at a port of the host that is open and contacted nobody. */
  readonly unmappedPort: boolean;
}

/** A NAT's ways with one transport. */
export interface Behaviour extends Filtering {
  /** The mapping. */
  readonly mapping: Mapping;
}

/** Where to look: host1 from the server, with a {@linkcode Station} in each. */
export interface Scene {
  /** The lab. */
  readonly lab: NatLab;
  /** In host1. */
  readonly host: Station;
  /** In the server. */
  readonly server: Station;
  /** Which addresses to use. */
  readonly family: "ipv4" | "ipv6";
}

/** The behaviour of router1 for UDP. */
export async function udpBehaviour(scene: Scene): Promise<Behaviour> {
  return { mapping: await udpMapping(scene), ...await udpFiltering(scene) };
}

/** The behaviour of router1 for TCP. */
export async function tcpBehaviour(scene: Scene): Promise<Behaviour> {
  return { mapping: await tcpMapping(scene), ...await tcpFiltering(scene) };
}

async function udpMapping(scene: Scene): Promise<Mapping> {
  const { host, server } = scene;
  const { local, primary, alternate } = addressesOf(scene);
  const socket = await host.ask("bindUdp", { ip: local, port: 0 });
  const seen: Endpoint[] = [];
  for (const ip of [primary, primary, alternate]) {
    const witness = await server.ask("bindUdp", { ip, port: 0 });
    await host.ask("send", { id: socket.id, to: { ip, port: witness.port }, text: "mapped" });
    const [arrived] = await server.ask("receive", {
      ...{ id: witness.id, until: "mapped", timeoutMs: PATIENCE_MS },
    });
    if (arrived === undefined) break;
    seen.push(arrived.from);
  }
  return mappingOf({ ip: local, port: socket.port }, seen);
}

async function tcpMapping(scene: Scene): Promise<Mapping> {
  const { host, server } = scene;
  const { local, primary, alternate } = addressesOf(scene);
  let port = 0;
  const seen: Endpoint[] = [];
  for (const ip of [primary, primary, alternate]) {
    const witness = await server.ask("listen", { ip, port: 0 });
    const to = { ip, port: witness.port };
    const socket = await host.ask("connect", {
      ...{ local: { ip: local, port }, to, timeoutMs: PATIENCE_MS },
    });
    if (typeof socket === "string") break;
    port = socket.port;
    seen.push(
      ...await server.ask("accepted", { id: witness.id, count: 1, timeoutMs: PATIENCE_MS }),
    );
  }
  return mappingOf({ ip: local, port }, seen);
}

function mappingOf(local: Endpoint, seen: readonly Endpoint[]): Mapping {
  if (seen.length === 0) return "none";
  if (seen.length < 3) throw new Error(`Cannot tell the mapping: ${seen.length} of 3 arrived`);
  const [{ ip, port }] = seen as [Endpoint];
  if (seen.some((other) => other.ip !== ip)) throw new Error("Cannot tell the mapping: addresses");
  if (seen.some((other) => other.port !== port)) return "new ports";
  if (ip === local.ip) return port === local.port ? "itself" : "other port";
  return port === local.port ? "same port" : "other port";
}

async function udpFiltering(scene: Scene): Promise<Filtering> {
  const { host, server } = scene;
  const { local, outer, primary, alternate } = addressesOf(scene);
  const socket = await host.ask("bindUdp", { ip: local, port: 0 });
  const contacted = await server.ask("bindUdp", { ip: primary, port: 0 });
  const stranger = await server.ask("bindUdp", { ip: primary, port: 0 });
  // The same port number, so that nothing but the address tells it apart
  const foreigner = await server.ask("bindUdp", { ip: alternate, port: contacted.port });
  const to = { ip: primary, port: contacted.port };
  await host.ask("send", { id: socket.id, to, text: "open" });
  const [opened] = await server.ask("receive", {
    ...{ id: contacted.id, until: "open", timeoutMs: PATIENCE_MS },
  });
  if (opened === undefined) return { ...NOBODY };
  const mapped = opened.from;
  // A router that maps to other ports may have given the first socket the second one's number
  let unmapped = await host.ask("bindUdp", { ip: local, port: 0 });
  while (unmapped.port === mapped.port) {
    unmapped = await host.ask("bindUdp", { ip: local, port: 0 });
  }
  await server.ask("send", { id: foreigner.id, to: mapped, text: "otherAddress" });
  await server.ask("send", { id: stranger.id, to: mapped, text: "sameAddress" });
  const idle = { ip: outer, port: unmapped.port };
  await server.ask("send", { id: contacted.id, to: idle, text: "unmappedPort" });
  // One path, in order: when this one has arrived, the others have arrived or never will
  await server.ask("send", { id: contacted.id, to: mapped, text: "contacted" });
  const arrived = await host.ask("receive", {
    ...{ id: socket.id, until: "contacted", timeoutMs: PATIENCE_MS },
  });
  const idly = await host.ask("receive", { id: unmapped.id, timeoutMs: 0 });
  const got = (text: keyof Filtering) =>
    [...arrived, ...idly].some((datagram: Datagram) => datagram.text === text);
  return {
    contacted: got("contacted"),
    sameAddress: got("sameAddress"),
    otherAddress: got("otherAddress"),
    unmappedPort: got("unmappedPort"),
  };
}

async function tcpFiltering(scene: Scene): Promise<Filtering> {
  const { host, server } = scene;
  const { local, outer, primary, alternate } = addressesOf(scene);
  // A held connection maps the port, and then the host listens on that same port
  const contacted = await server.ask("listen", { ip: primary, port: 0 });
  const held = await host.ask("connect", {
    local: { ip: local, port: 0 },
    to: { ip: primary, port: contacted.port },
    timeoutMs: PATIENCE_MS,
  });
  if (typeof held === "string") return { ...NOBODY };
  const [mapped] = await server.ask("accepted", {
    ...{ id: contacted.id, count: 1, timeoutMs: PATIENCE_MS },
  }) as [Endpoint];
  await host.ask("listen", { ip: local, port: held.port });
  let unmapped = await host.ask("listen", { ip: local, port: 0 });
  while (unmapped.port === mapped.port) {
    unmapped = await host.ask("listen", { ip: local, port: 0 });
  }
  const getsIn = async (ip: string, to: Endpoint) => {
    const outcome = await server.ask("connect", {
      ...{ local: { ip, port: 0 }, to, timeoutMs: PATIENCE_MS },
    });
    return typeof outcome !== "string" &&
      await server.ask("echo", { id: outcome.id, timeoutMs: PATIENCE_MS });
  };
  const [sameAddress, otherAddress, unmappedPort, endpoint] = await Promise.all([
    getsIn(primary, mapped),
    getsIn(alternate, mapped),
    getsIn(primary, { ip: outer, port: unmapped.port }),
    simultaneousOpen(scene),
  ]);
  return { contacted: endpoint, sameAddress, otherAddress, unmappedPort };
}

/**
 * Whether a SYN gets in from the endpoint that the host is just dialling. The server does not hear
 * that dial (else it would answer it), but sees where it came from, and dials back from there.
 */
async function simultaneousOpen(scene: Scene): Promise<boolean> {
  const { lab, host, server, family } = scene;
  const { local, primary } = addressesOf(scene);
  const [table, type] = family === "ipv4" ? ["ip", "ipv4_addr"] : ["ip6", "ipv6_addr"];
  const rules = `table ${table} deaf {
  set seen {
    type ${type} . inet_service
    size 16
    flags dynamic
  }
  chain input {
    type filter hook input priority filter
    tcp dport ${DEAF_PORT} tcp flags & (syn | ack) == syn add @seen { ${table} saddr . tcp sport } drop
  }
}`;
  await lab.server.run("sh", ["-ec", `nft -f - <<'END'\n${rules}\nEND`]);
  const dialling = host.ask("connect", {
    local: { ip: local, port: 0 },
    to: { ip: primary, port: DEAF_PORT },
    timeoutMs: DEAF_PATIENCE_MS,
  });
  const deadline = performance.now() + DEAF_PATIENCE_MS;
  while (performance.now() < deadline) {
    const { stdout } = await lab.server.run("nft", ["list", "set", table!, "deaf", "seen"]);
    const seen = stdout.match(/elements = \{ (\S+) \. (\d+)/);
    if (seen === null) continue;
    const dialled = await server.ask("connect", {
      local: { ip: primary, port: DEAF_PORT },
      to: { ip: seen[1]!, port: Number(seen[2]) },
      timeoutMs: DEAF_PATIENCE_MS,
    });
    return typeof dialled !== "string" && typeof await dialling !== "string";
  }
  await dialling;
  return false;
}

function addressesOf({ lab, family }: Scene) {
  const [primary, alternate] = lab.server[family] as [string, string];
  const outer = lab.router1.publicIps.find((ip) => ip.includes(":") === (family === "ipv6"))!;
  return { local: lab.host1[family][0]!, outer, primary, alternate };
}

const NOBODY: Filtering = {
  ...{ contacted: false, sameAddress: false, otherAddress: false, unmappedPort: false },
};

// What passes takes a millisecond; what does not is known by this silence.
const PATIENCE_MS = 400;
const DEAF_PATIENCE_MS = 2_000;
const DEAF_PORT = 4_000;
