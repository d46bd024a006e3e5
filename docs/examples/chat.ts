// Two people talk over UDP, straight from one host to the other, both behind NATs if need be.
//
//   deno run --allow-net --unstable-net docs/examples/chat.ts wss://stun.example.org/board/our-room
//
// Both run this with the same room of a bulletin board, which is to be theirs alone.
// What is typed is sent as it is: nothing is encrypted, and a datagram may get lost.

// deno-lint-ignore-file no-console
import {
  BoardClient,
  decodePunchCode,
  encodePunchCode,
  formatSocketAddress,
  type PunchDescription,
  type PunchSignalling,
  punchUdp,
} from "@pinhole/stun";

const [room = "ws://127.0.0.1:9478/board/chat"] = Deno.args;

await using board = new BoardClient(room);
const { peer, stun } = await findPeer(board);
const channel = await punchUdp({ servers: stun, signalling: overBoard(board, peer) });
await board.close();
console.log(`Connected to ${formatSocketAddress(channel.remoteAddress)}`);

void (async () => {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const text of lines) await channel.send(new TextEncoder().encode(text));
  await channel.close();
})();
for await (const bytes of channel) console.log(`> ${new TextDecoder().decode(bytes).trimEnd()}`);

/** Posts that somebody is here, and waits until somebody else does. */
async function findPeer(
  board: BoardClient,
): Promise<{ readonly peer: string; readonly stun: readonly string[] }> {
  board.post({ id: "chat" });
  let stun: readonly string[] = [];
  for await (const event of board) {
    if (event.type === "welcome") stun = event.stun;
    const posts = event.type === "board"
      ? event.posts
      : event.type === "posted"
      ? [event.post]
      : [];
    const other = posts.find(({ peer, id }) => id === "chat" && peer !== board.peer);
    if (other !== undefined) return { peer: other.peer, stun };
  }
  throw new Error("The board has ended before somebody came");
}

/**
 * The two descriptions go through the board as signals, which nobody but the other peer gets: who has
 * both could pretend to be one of the two.
 */
function overBoard(board: BoardClient, peer: string): PunchSignalling {
  return {
    send: (description: PunchDescription) => {
      board.signal(peer, encodePunchCode(description));
      return Promise.resolve();
    },
    receive: async () => {
      for await (const event of board) {
        if (event.type !== "signal" || event.from !== peer) continue;
        const description = decodePunchCode(event.data);
        if (description.ok) return description.value;
        throw new Error(description.reason);
      }
      throw new Error("The board has ended before the other side was ready");
    },
  };
}
