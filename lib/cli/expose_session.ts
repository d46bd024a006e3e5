import type { Clock } from "../ops/mod.ts";
import { type Datagram, openDenoDatagram, type StreamConnection } from "../transport/mod.ts";
import {
  HoldingEvent,
  ListeningGapEvent,
  type ListenPublicTcpOptions,
  type ListenPublicUdpOptions,
  type PublicTcpListener,
  type PublicUdpSocket,
  TcpGateway,
  UdpGateway,
} from "../traversal/mod.ts";
import { AddressFollower, type FollowedListener, type NoticeSenders } from "./address_follower.ts";
import type { ExposeEvent } from "./expose_event.ts";
import type { ExposeSettings } from "./expose_settings.ts";
import { connectToService, formatServiceTarget, serviceAddresses } from "./service_target.ts";

/** Whom {@linkcode expose} works with. */
export interface ExposeWorld extends NoticeSenders {
  /** Opens a public TCP listener. */
  readonly listenTcp: (options: ListenPublicTcpOptions) => Promise<PublicTcpListener>;
  /** Opens a public UDP socket. */
  readonly listenUdp: (options: ListenPublicUdpOptions) => Promise<PublicUdpSocket>;
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
  const onEvent = (event: Event) => tellHolding(event, tell);
  const options = { servers, family, localPort, keepAliveMs, signal, clock, onEvent };
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
    reply: ({ bytes, peer }) => listener.send(bytes, peer),
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
  const { signal, tell } = world;
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

/** What happens to those that hold the address, from before it is known. */
function tellHolding(event: Event, tell: ExposeWorld["tell"]): void {
  if (event instanceof ListeningGapEvent) tell({ event: "gap", ms: event.ms });
  if (event instanceof HoldingEvent) {
    const { holder, state, afterMs, reason, redialMs } = event;
    tell({ event: "server", holder, state, afterMs, reason, redialMs });
  }
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
