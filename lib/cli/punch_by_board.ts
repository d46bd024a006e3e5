import { BoardClient, BoardRendezvous, type RendezvousEvent } from "../board/client/mod.ts";
import { choosePunchServers } from "../protocol/punch/mod.ts";
import { punch, type PunchedPath, PunchError } from "../traversal/mod.ts";
import type { PunchEvent } from "./punch_event.ts";
import type { PunchBoard, PunchSettings } from "./punch_settings.ts";
import type { PunchWorld } from "./punch_world.ts";

/**
 * Punches to the first one in a room of a bulletin board who wants that too, through the board's STUN
 * servers where no others were given.
 *
 * @throws What the punch or the rendezvous rejects with.
 */
export async function punchByBoard(
  settings: PunchSettings & { readonly board: PunchBoard },
  { tell, onSkipped, signal }: PunchWorld,
): Promise<PunchedPath> {
  const { board: { url, secret }, transports, family, localPort, timeoutMs } = settings;
  const signalling = new BoardRendezvous(new BoardClient(url, { secret, signal }), {
    onEvent: (event) => tell(punchEventOf(event)),
  });
  try {
    const { room, peer, stun } = await signalling.welcome;
    const isOwnChoice = settings.servers.length > 0;
    const servers = isOwnChoice ? settings.servers : choosePunchServers(stun);
    if (servers.length === 0) {
      throw new PunchError("Cannot punch: the board names no STUN server, wanted --server", {
        code: "unusable",
      });
    }
    tell({ event: "room", room, peer, servers });
    return await punch({
      ...{ servers, transports, family, localPort, timeoutMs, signalling, signal },
      // A board names servers of both families; that one of them is not used is no news
      onSkipped: isOwnChoice ? onSkipped : undefined,
      onTrial({ transport, prediction: { will }, candidates }) {
        tell({ event: "punching", transport, prediction: will, candidates });
      },
      onMiss(transport, error) {
        const code = "code" in error ? String(error.code) : "unsupported";
        tell({ event: "missed", transport, code, reason: error.message });
      },
    });
  } finally {
    // The path need not wait until the board has said goodbye
    void signalling.close();
  }
}

function punchEventOf(event: RendezvousEvent): PunchEvent {
  switch (event.type) {
    case "waiting":
      return { event: "waiting", unfit: event.unfit };
    case "met":
      return { event: "peer", peer: event.peer };
    case "disconnected":
      return { event: "disconnected", retryInMs: event.retryInMs };
  }
}
