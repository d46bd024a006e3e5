// Two people talk over UDP, straight from one host to the other, both behind NATs if need be.
//
//   deno run --allow-net --unstable-net docs/examples/chat.ts wss://stun.example.org/board/our-room
//
// Both run this with the same room of a bulletin board, where the first two meet. What is typed is
// sent as it is: nothing is encrypted, and a datagram may get lost.

// deno-lint-ignore-file no-console
import {
  BoardClient,
  BoardRendezvous,
  choosePunchServers,
  formatSocketAddress,
  punch,
} from "@pinhole/stun";

const [room = "ws://127.0.0.1:9478/board/chat"] = Deno.args;

// The board tells the two of each other, and which STUN servers say where they are seen
await using signalling = new BoardRendezvous(new BoardClient(room));
const { stun } = await signalling.welcome;
const path = await punch({ servers: choosePunchServers(stun), signalling, transports: ["udp"] });
if (path.transport !== "udp") throw new Error(`Cannot chat over ${path.transport}`);
const { channel } = path;
console.log(`Connected to ${formatSocketAddress(channel.remoteAddress)}`);

void (async () => {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const text of lines) await channel.send(new TextEncoder().encode(text));
  await channel.close();
})();
for await (const bytes of channel) console.log(`> ${new TextDecoder().decode(bytes).trimEnd()}`);
