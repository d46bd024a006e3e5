import { punchTcp, punchUdp, type StreamForwardEnd } from "../traversal/mod.ts";
import { CodeExchange } from "./code_exchange.ts";
import { openDatagramEnd } from "./datagram_end.ts";
import type { PunchEvent } from "./punch_event.ts";
import type { PunchSettings } from "./punch_settings.ts";
import { formatServiceTarget } from "./service_target.ts";
import type { StandardStreams } from "./standard_streams.ts";
import { openStreamEnd } from "./stream_end.ts";

/** With whom {@linkcode punchSession} works. */
export interface PunchWorld {
  /** Where the other side's code comes from, and perhaps what is joined to the path. */
  readonly streams: StandardStreams;
  /** Told of everything. */
  readonly tell: (event: PunchEvent) => void;
  /** Told of a server that is not asked, and why. */
  readonly onSkipped: (server: string, reason: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Punches, and joins this side's end to the path until one of the two sides ends that.
 *
 * @returns How the path ended.
 * @throws What the punch rejects with, or what opening this side's end throws.
 */
export async function punchSession(
  settings: PunchSettings,
  world: PunchWorld,
): Promise<StreamForwardEnd> {
  return await (settings.transport === "udp" ? overUdp(settings, world) : overTcp(settings, world));
}

async function overUdp(settings: PunchSettings, world: PunchWorld): Promise<StreamForwardEnd> {
  const end = openDatagramEnd({ end: settings.end, ...world });
  try {
    const channel = await punchUdp(punchOptions(settings, world));
    const { localAddress: local, remoteAddress: remote, elapsedMs, rttMs } = channel;
    world.tell({ event: "connected", transport: "udp", local, remote, elapsedMs, rttMs });
    tellForwarding(settings, world);
    return await end.join(channel);
  } finally {
    end.close();
  }
}

async function overTcp(settings: PunchSettings, world: PunchWorld): Promise<StreamForwardEnd> {
  const end = openStreamEnd({ end: settings.end, ...world });
  try {
    const { connection, elapsedMs } = await punchTcp(punchOptions(settings, world));
    const { localAddress: local, remoteAddress: remote } = connection;
    world.tell({ event: "connected", transport: "tcp", local, remote, elapsedMs });
    tellForwarding(settings, world);
    return await end.join(connection);
  } finally {
    end.close();
  }
}

function punchOptions(settings: PunchSettings, { streams, tell, onSkipped, signal }: PunchWorld) {
  const { servers, family, localPort, timeoutMs } = settings;
  const signalling = new CodeExchange({ line: () => streams.line(), tell });
  return { servers, family, localPort, timeoutMs, signalling, signal, onSkipped };
}

function tellForwarding({ end }: PunchSettings, { tell }: PunchWorld): void {
  if (end.kind === "forward") {
    tell({ event: "forwarding", what: `127.0.0.1:${end.port} to the other side` });
  } else if (end.kind === "to") {
    tell({ event: "forwarding", what: `the other side to ${formatServiceTarget(end.service)}` });
  }
}
