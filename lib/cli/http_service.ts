import {
  BoardServer,
  type BoardStore,
  MemoryBoardStore,
  openRedisBoardStore,
  pageRoutes,
} from "../board/mod.ts";
import { type HttpServer, openHttpServer, operationsRoutes } from "../ops/http/mod.ts";
import type { Logger, ServerMetrics } from "../ops/mod.ts";
import type { AddressTokenAuthority } from "../protocol/mod.ts";
import type { StunServerListener } from "../server/mod.ts";
import { parseIp } from "../wire/mod.ts";
import { advertisedStunUris } from "./advertised_stun_uris.ts";
import { checkReadiness } from "./readiness.ts";
import type { ServeSettings } from "./serve_settings.ts";
import { prefixes } from "./server_policy.ts";

/** What {@linkcode openHttpService} serves. */
export interface HttpServiceOptions {
  /** The settings; there is a port of HTTP among them. */
  readonly settings: ServeSettings;
  /** The sockets of the STUN server, which peers of the board are told of. */
  readonly listeners: readonly StunServerListener[];
  /** Checks what proves the addresses that peers post. */
  readonly addressTokens: AddressTokenAuthority | undefined;
  /** The load balancers whose PROXY headers the STUN server wants at the moment, as CIDR blocks. */
  readonly proxies: () => readonly string[];
  /** What `/metrics` shows. */
  readonly metrics: ServerMetrics;
  /** Takes the log. */
  readonly logger: Logger;
}

/** What is served over HTTP: the board, and what operators look at. */
export interface HttpService {
  /** Checks what proves addresses by this from now on. */
  replaceAddressTokens(tokens: AddressTokenAuthority | undefined): void;
  /** Stops serving, and tells the peers of the board. */
  close(): Promise<void>;
}

/**
 * Serves HTTP as the settings say.
 *
 * @throws {HttpListenError} If the address cannot be listened on.
 */
export async function openHttpService(options: HttpServiceOptions): Promise<HttpService> {
  const { settings, listeners, proxies, metrics, logger } = options;
  const ip = parseIp(settings["http-hostname"]);
  if (!ip.ok) throw new RangeError(ip.reason);
  const board = await openBoard(options);
  let http: HttpServer;
  try {
    http = await openHttpServer({
      ip: ip.value,
      port: settings["http-port"]!,
      routes: new Map([
        ...operationsRoutes({
          readiness: () => checkReadiness(listeners, proxies()),
          metrics,
          operators: prefixes(settings["http-operator"]),
          logger,
        }),
        ...board === undefined ? [] : pageRoutes({ stunUris: stunUris(options) }),
      ]),
      webSockets: new Map(
        board && [["/board/*", board.route({ origins: settings["http-origin"] })]],
      ),
      trustedProxies: prefixes(settings["http-trusted-proxy"]),
      maxConnections: settings["http-max-connections"],
      maxConnectionsPerAddress: settings["http-max-connections-per-address"],
      logger,
    });
  } catch (error) {
    await board?.close();
    throw error;
  }
  return {
    replaceAddressTokens: (tokens) => {
      if (board !== undefined) board.addressTokens = tokens;
    },
    close: async () => {
      // The peers first, so that they hear why
      await board?.close();
      await http.close();
    },
  };
}

async function openBoard(options: HttpServiceOptions): Promise<BoardServer | undefined> {
  const { settings, addressTokens, logger } = options;
  const where = settings["board-store"];
  if (where === "none") return undefined;
  const store: BoardStore = where === "memory"
    ? new MemoryBoardStore()
    : await openRedisBoardStore({ url: where, logger });
  return new BoardServer({
    store,
    stunUris: stunUris(options),
    addressTokens,
    maxPeers: settings["http-max-connections"],
    maxPeersPerAddress: settings["http-max-connections-per-address"],
    logger,
  });
}

function stunUris(
  { settings, listeners }: HttpServiceOptions,
): (host: string) => readonly string[] {
  const addresses = {
    listeners,
    advertise: settings.advertise ?? [],
    advertiseAlternate: settings["advertise-alternate"] ?? [],
  };
  return (host) => advertisedStunUris(addresses, host);
}
