// Holds a public address in a lab host and says on standard output, a line each, what happens. Over
// TCP it echoes what its visitors say, over UDP it sends every datagram back.

import {
  formatSocketAddress,
  HoldingEvent,
  ListeningGapEvent,
  listenPublicTcp,
  listenPublicUdp,
  PublicAddressEvent,
  PublicAddressLostEvent,
  type PublicTcpListener,
  type PublicUdpSocket,
  type StreamConnection,
} from "../../mod.ts";
import type { PublicListenerChildOptions } from "./public_listener_child.ts";

const { transport, servers, sharing, keepAliveMs } = JSON.parse(
  Deno.args[0]!,
) as PublicListenerChildOptions;
const common = { servers, keepAliveMs, onEvent: tell };
const count = new Map<string, number>();
try {
  if (transport === "tcp") await serveTcp(await listenPublicTcp({ ...common, sharing }));
  else await serveUdp(await listenPublicUdp(common));
} catch (error) {
  say({ event: "error", code: (error as { readonly code?: string }).code, message: `${error}` });
}

async function serveTcp(listener: PublicTcpListener): Promise<void> {
  say({ event: "listening", sharing: listener.sharing, nat: listener.nat });
  void dialBacks(listener);
  for await (const connection of listener) void echo(connection);
}

async function serveUdp(socket: PublicUdpSocket): Promise<void> {
  say({ event: "listening", nat: socket.nat });
  for await (const { bytes, peer } of socket) await socket.send(bytes, peer);
}

async function dialBacks(listener: PublicTcpListener): Promise<void> {
  for (const changeAddress of [true, false]) {
    const { outcome, from, fromStranger } = await listener.dialBack({ changeAddress });
    say({ event: "dial-back", outcome, from: from && formatSocketAddress(from), fromStranger });
  }
}

async function echo(connection: StreamConnection): Promise<void> {
  for (;;) {
    const bytes = await connection.read();
    if (bytes === undefined) break;
    await connection.write(bytes);
  }
  connection.close();
}

function tell(event: Event): void {
  if (event instanceof PublicAddressEvent) {
    say({ event: "refresh", address: formatSocketAddress(event.publicAddress) });
  } else if (event instanceof PublicAddressLostEvent) {
    say({ event: "lost", reason: event.reason });
  } else if (event instanceof HoldingEvent) {
    say({ event: event.state, holder: event.holder, reason: event.reason });
  } else if (event instanceof ListeningGapEvent) {
    say({ event: "gap", ms: event.ms });
  }
}

/** Says that the nth event of its kind has come. */
function say(
  { event, ...rest }: { readonly event: string; readonly [key: string]: unknown },
): void {
  const nth = (count.get(event) ?? 0) + 1;
  count.set(event, nth);
  const bytes = new TextEncoder().encode(JSON.stringify({ event, nth, ...rest }) + "\n");
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}
