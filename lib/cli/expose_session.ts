import type { Clock } from "../ops/mod.ts";
import { type Datagram, openDenoDatagram, type StreamConnection } from "../transport/mod.ts";
import { type PublicTcpListener, TcpGateway, UdpGateway } from "../traversal/mod.ts";
import { AddressFollower, type FollowedListener, type NoticeSenders } from "./address_follower.ts";
import type { ExposeEvent } from "./expose_event.ts";
import type { ExposeSettings } from "./expose_settings.ts";
import { connectToService, formatServiceTarget, serviceAddresses } from "./service_target.ts";

/** How a public listener is opened. */
export interface PublicListenOptions {
  /** `stun:` URIs. */
  readonly servers: readonly string[];
  /** The family of the public address. */
  readonly family?: 4 | 6 | undefined;
  /** The local port. */
  readonly localPort?: number | undefined;
  /** How often the servers are asked. */
  readonly keepAliveMs?: number | undefined;
  /** What holds the mapping where the servers do not; of TCP alone. */
  readonly keepAliveUrl?: string | undefined;
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
}

/** A UDP socket with a public address, as far as `expose` uses it. */
export interface PublicUdpSocket extends FollowedListener, AsyncIterable<Datagram> {
  send(datagrams: readonly Datagram[]): Promise<void>;
}

/** Whom {@linkcode expose} works with. */
export interface ExposeWorld extends NoticeSenders {
  /** Opens a public TCP listener. */
  readonly listenTcp: (options: PublicListenOptions) => Promise<PublicTcpListener>;
  /** Opens a public UDP socket. */
  readonly listenUdp: (options: PublicListenOptions) => Promise<PublicUdpSocket>;
  /** Tells the time. */
  readonly clock: Clock;
  /** Ends it; its reason is told. */
  readonly signal: AbortSignal;
  /** Told of everything. */
  readonly tell: (event: ExposeEvent) => void;
}

/**
 * Makes a local service reachable until the signal says to stop. Resolves when all is closed.
 *
 * @throws What `listenTcp` or `listenUdp` rejects with, or {@linkcode ResolveError} if the service's
 * name stands for no address and the service is one of UDP (as a rejection).
 */
export async function expose(settings: ExposeSettings, world: ExposeWorld): Promise<void> {
  const { servers, family, localPort, keepAliveMs, keepAliveUrl, allow, maxConnections } = settings;
  const { clock, signal, tell } = world;
  const options = { servers, family, localPort, keepAliveMs, signal };
  const gatewayOptions = { clock, onEvent: tell, allow, maxConnections };
  if (settings.transport === "tcp") {
    const listener = await world.listenTcp({ ...options, keepAliveUrl });
    const gateway = new TcpGateway({
      ...gatewayOptions,
      dial: (signal) => connectToService(settings.service, signal),
    });
    const take = (visitor: StreamConnection) => gateway.take(visitor);
    return await run({ settings, world, listener, gateway, take });
  }
  const [service] = await serviceAddresses(settings.service, signal);
  const listener = await world.listenUdp(options);
  const gateway = new UdpGateway({
    ...gatewayOptions,
    service: service!,
    open: () => openDenoDatagram({ ip: new Uint8Array(service!.ip.length), port: 0 }),
    reply: (datagram) => listener.send([datagram]),
  });
  const take = (datagram: Datagram) => gateway.take(datagram);
  return await run({ settings, world, listener, gateway, take });
}

interface Run<Arrival> {
  readonly settings: ExposeSettings;
  readonly world: ExposeWorld;
  readonly listener: FollowedListener & AsyncIterable<Arrival>;
  readonly gateway: TcpGateway | UdpGateway;
  readonly take: (arrival: Arrival) => void | Promise<void>;
}

async function run<Arrival>(
  { settings, world, listener, gateway, take }: Run<Arrival>,
): Promise<void> {
  const { clock, signal, tell } = world;
  tell({
    event: "listening",
    transport: settings.transport,
    service: formatServiceTarget(settings.service),
    local: listener.localAddress,
    nat: listener.nat,
    ...listener.sharing && { sharing: listener.sharing },
  });
  const follower = new AddressFollower(listener, world);
  const endTraffic = watchTraffic(gateway, { world, everyMs: settings.json ? 10_000 : 1_000 });
  const stop = () => void listener.close();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const arrival of listener) await take(arrival);
  } finally {
    signal.removeEventListener("abort", stop);
    await listener.close();
    await Promise.all([gateway.close(GRACE_MS), follower.close()]);
    endTraffic();
  }
  tell({
    event: "stopped",
    reason: signal.aborted ? String(signal.reason) : "the public listener has ended",
  });
}

/** Tells how things stand, as often as that, where something has changed; and at the end. */
function watchTraffic(
  gateway: TcpGateway | UdpGateway,
  { world: { clock, tell }, everyMs }: { readonly world: ExposeWorld; readonly everyMs: number },
): () => void {
  let last = "";
  let cancel = () => {};
  const look = () => {
    const { open, receivedBytes, sentBytes } = gateway;
    const now = `${open} ${receivedBytes} ${sentBytes}`;
    if (now !== last) tell({ event: "traffic", open, receivedBytes, sentBytes });
    last = now;
    cancel = clock.setTimer(everyMs, look);
  };
  look();
  return () => {
    cancel();
    look();
    cancel();
  };
}

/** For answers that are under way; who wants more has to wait for the next start. */
const GRACE_MS = 2_000;
