import {
  type PunchedPath,
  punchTcp,
  punchUdp,
  type StreamForwardEnd,
  type UdpChannel,
} from "../traversal/mod.ts";
import { CodeExchange } from "./code_exchange.ts";
import { openDatagramEnd } from "./datagram_end.ts";
import { punchByBoard } from "./punch_by_board.ts";
import type { OpenedPunchEnd } from "./punch_end.ts";
import type { PunchSettings } from "./punch_settings.ts";
import type { PunchWorld } from "./punch_world.ts";
import { formatServiceTarget } from "./service_target.ts";
import { openStreamEnd } from "./stream_end.ts";

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
  const { board } = settings;
  using ends = new Ends(settings, world);
  const path = board === undefined
    ? await punchByCodes(settings, world)
    : await punchByBoard({ ...settings, board }, world);
  tellConnected(path, world);
  tellForwarding(settings, world);
  return await ends.join(path);
}

async function punchByCodes(
  { transports: [transport], servers, family, localPort, timeoutMs }: PunchSettings,
  { streams, tell, onSkipped, signal }: PunchWorld,
): Promise<PunchedPath> {
  const signalling = new CodeExchange({ line: () => streams.line(), tell });
  const options = { servers, family, localPort, timeoutMs, signalling, signal, onSkipped };
  return transport === "udp"
    ? { transport, channel: await punchUdp(options) }
    : { transport: "tcp", ...await punchTcp(options) };
}

/** What this side joins to a path, opened for each transport that there may be one over. */
class Ends implements Disposable {
  readonly #udp: OpenedPunchEnd<UdpChannel> | undefined;
  readonly #tcp: ReturnType<typeof openStreamEnd> | undefined;

  constructor({ transports, end }: PunchSettings, { streams, signal }: PunchWorld) {
    const options = { end, streams, signal };
    this.#udp = transports.includes("udp") ? openDatagramEnd(options) : undefined;
    try {
      this.#tcp = transports.includes("tcp") ? openStreamEnd(options) : undefined;
    } catch (error) {
      this.#udp?.close();
      throw error;
    }
  }

  /** Joins the one that is for this path; the other is not needed. */
  async join(path: PunchedPath): Promise<StreamForwardEnd> {
    if (path.transport === "udp") {
      this.#tcp?.close();
      return await this.#udp!.join(path.channel);
    }
    this.#udp?.close();
    return await this.#tcp!.join(path.connection);
  }

  [Symbol.dispose](): void {
    this.#udp?.close();
    this.#tcp?.close();
  }
}

function tellConnected(path: PunchedPath, { tell }: PunchWorld): void {
  if (path.transport === "udp") {
    const { localAddress: local, remoteAddress: remote, elapsedMs, rttMs } = path.channel;
    return tell({ event: "connected", transport: "udp", local, remote, elapsedMs, rttMs });
  }
  const { connection: { localAddress: local, remoteAddress: remote }, elapsedMs } = path;
  tell({ event: "connected", transport: "tcp", local, remote, elapsedMs });
}

function tellForwarding({ end }: PunchSettings, { tell }: PunchWorld): void {
  if (end.kind === "forward") {
    tell({ event: "forwarding", what: `127.0.0.1:${end.port} to the other side` });
  } else if (end.kind === "to") {
    tell({ event: "forwarding", what: `the other side to ${formatServiceTarget(end.service)}` });
  }
}
