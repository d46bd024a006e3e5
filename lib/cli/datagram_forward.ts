import type { Datagram, DatagramTransport } from "../transport/mod.ts";
import type { UdpChannel } from "../traversal/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";

/**
 * Joins a local socket to a channel: what programs of this host send to the socket goes to the other
 * side, and what comes from there goes to whichever program has sent last. Resolves when the channel
 * has ended, with the socket closed.
 */
export async function forwardDatagrams(
  socket: DatagramTransport,
  channel: UdpChannel,
): Promise<void> {
  let program: SocketAddress | undefined;
  const there = async () => {
    for (;;) {
      const batch = await socket.receive();
      if (batch.length === 0) return;
      for (const { bytes, peer } of batch) {
        program = copy(peer);
        // Who sends while the channel ends gets no answer, as with UDP in general
        await channel.send(bytes).catch(() => {});
      }
    }
  };
  const going = there();
  for await (const bytes of channel) {
    // Nobody has asked yet
    if (program !== undefined) await socket.send([{ bytes, peer: program }]);
  }
  socket.close();
  await going;
}

/** A received address is valid until the next receive. */
function copy({ ip, port }: Datagram["peer"]): SocketAddress {
  return { ip: ip.slice(), port };
}
