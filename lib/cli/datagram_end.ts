import { systemClock } from "../ops/mod.ts";
import { openDenoDatagram } from "../transport/mod.ts";
import { type StreamForwardEnd, type UdpChannel, UdpGateway } from "../traversal/mod.ts";
import { forwardDatagrams } from "./datagram_forward.ts";
import { DatagramStream } from "./datagram_stream.ts";
import { LOOPBACK, type OpenedPunchEnd, type OpenPunchEndOptions } from "./punch_end.ts";
import { serviceAddresses, type ServiceTarget } from "./service_target.ts";
import { openStreamEnd } from "./stream_end.ts";

/**
 * Opens what is to be joined to a channel of datagrams; a port is bound at once, so that it is known
 * before the punch whether it can be.
 *
 * @throws {ListenError} If the port cannot be bound.
 */
export function openDatagramEnd(options: OpenPunchEndOptions): OpenedPunchEnd<UdpChannel> {
  const { end, signal } = options;
  switch (end.kind) {
    case "standard": {
      const { join, close } = openStreamEnd(options);
      return { join: (channel) => join(new DatagramStream(channel)), close };
    }
    case "forward": {
      const socket = openDenoDatagram({ ip: LOOPBACK, port: end.port });
      return {
        async join(channel) {
          await forwardDatagrams(socket, channel);
          return await endOf(channel);
        },
        close: () => socket.close(),
      };
    }
    case "to":
      return { join: (channel) => serve(channel, end.service, signal), close() {} };
  }
}

/** Lets the other side use a service until the channel ends. */
async function serve(
  channel: UdpChannel,
  target: ServiceTarget,
  signal: AbortSignal,
): Promise<StreamForwardEnd> {
  await using _ = channel;
  const [service] = await serviceAddresses(target, signal);
  const gateway = new UdpGateway({
    service: service!,
    open: () => openDenoDatagram({ ip: new Uint8Array(service!.ip.length), port: 0 }),
    reply: ({ bytes }) => channel.send(bytes).catch(() => {}),
    clock: systemClock,
  });
  for await (const bytes of channel) await gateway.take({ bytes, peer: channel.remoteAddress });
  await gateway.close();
  return await endOf(channel);
}

/** Datagrams have no end of their own: it is over when this side stops or the path does not work. */
async function endOf(channel: UdpChannel): Promise<StreamForwardEnd> {
  const { kind } = await channel.closed;
  return kind === "lost" ? "broken" : "aborted";
}
