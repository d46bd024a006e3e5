import {
  changeRole,
  DialBackPolicy,
  type Endpoint,
  ENDPOINT_ROLES,
  type EndpointGroup,
  type EndpointRole,
  RateLimiter,
  type RateLimiterOptions,
  type Reply,
  StunResponder,
  type StunResponderOptions,
  type TransportProtocol,
} from "../../lib/protocol/mod.ts";
import { formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";
import { type AddressKey, addressKey, simIp } from "./sim_address.ts";
import type { SimHost, SimUdpSocket } from "./sim_host.ts";
import type { SimNetwork, SimPlace } from "./sim_network.ts";
import { SimStunSession } from "./sim_stun_session.ts";
import { misread, misreport, type StunServerLie } from "./stun_server_lie.ts";

/** How a {@linkcode SimStunServer} is made. */
export interface SimStunServerOptions extends SimPlace {
  /**
   * Its IP addresses, of one family. One makes a plain server; two make one that can do RFC 5780:
   * the primary and the alternate address.
   */
  readonly ips: readonly string[];
  /** Its port. @default {3478} */
  readonly port?: number;
  /** Its other port, where it does RFC 5780. @default {3479} */
  readonly alternatePort?: number;
  /** What it serves. @default {["udp", "tcp"]} */
  readonly transports?: readonly ("udp" | "tcp")[];
  /** How it misleads its clients. @default {[]} */
  readonly lies?: readonly StunServerLie[];
  /** How many requests it answers before it falls silent. @default {Infinity} */
  readonly silentAfter?: number;
  /** How often each source may ask. @default {undefined} always */
  readonly rateLimit?: RateLimiterOptions | undefined;
  /** Whether it dials back over TCP when it is asked to. @default {true} */
  readonly dialBack?: boolean;
  /** ms after which it resets a TCP connection, whatever the client does. @default {undefined} never */
  readonly tcpHoldMs?: number | undefined;
  /** What else its responder is made of. @default {{}} */
  readonly responder?: StunResponderOptions;
  /** What its host is called in traces. @default {"stun"} and its address */
  readonly name?: string;
}

/** A real {@linkcode StunResponder} behind simulated sockets, honest or not. */
export class SimStunServer {
  /** The computer that it runs on. */
  readonly host: SimHost;
  /** Where clients reach it. */
  readonly address: SocketAddress;
  /** All of its addresses, where it does RFC 5780. */
  readonly group: EndpointGroup | undefined;
  /** What decides its answers. */
  readonly responder: StunResponder;
  readonly #network: SimNetwork;
  readonly #lies: ReadonlySet<StunServerLie>;
  readonly #silentAfter: number;
  readonly #sockets = new Map<AddressKey, SimUdpSocket>();
  readonly #sessions = new Set<SimStunSession>();
  readonly #closers: (() => void)[] = [];
  #wrongSocket: SimUdpSocket | undefined;
  #requests = 0;

  /**
   * Puts a server on the network and opens its sockets.
   *
   * @throws {RangeError} If it has no or more than two IP addresses, or one that is malformed or taken.
   */
  constructor(network: SimNetwork, options: SimStunServerOptions) {
    const { ips, port = 3478, transports = ["udp", "tcp"], lies = [], dialBack = true } = options;
    if (ips.length < 1 || ips.length > 2) {
      throw new RangeError(`Cannot make a server: ${ips.length} IP addresses, wanted one or two`);
    }
    this.#network = network;
    this.#lies = new Set(lies);
    this.#silentAfter = options.silentAfter ?? Infinity;
    this.address = { ip: simIp(ips[0]!), port };
    this.group = this.#groupOf(options);
    this.host = network.addHost({
      ips: this.#lies.has("dead-other-address") ? ips.slice(0, 1) : ips,
      name: options.name ?? `stun ${formatSocketAddress(this.address)}`,
      behind: options.behind,
    });
    const roles = this.#roles();
    this.responder = new StunResponder({
      ownAddresses: roles.map(({ address }) => address),
      dialBackPolicy: dialBack ? new DialBackPolicy() : undefined,
      rateLimiter: options.rateLimit && new RateLimiter(options.rateLimit),
      ...options.responder,
    });
    for (const { role, address } of roles) {
      if (transports.includes("udp")) this.#serveUdp(role, address);
      if (transports.includes("tcp")) this.#serveTcp({ role, address, holdMs: options.tcpHoldMs });
    }
  }

  /** How many requests have arrived. */
  get requests(): number {
    return this.#requests;
  }

  /** Closes all sockets and resets all connections, as the end of its process would. */
  close(): void {
    for (const close of this.#closers.splice(0)) close();
    for (const session of this.#sessions) session.close();
    this.#sessions.clear();
  }

  #groupOf(options: SimStunServerOptions): EndpointGroup | undefined {
    const { ips, alternatePort = 3479 } = options;
    const { ip, port } = this.address;
    const sameIp = this.#lies.has("same-ip-other-address");
    if (ips.length < 2 && !sameIp) return undefined;
    const otherIp = sameIp ? ip : simIp(ips[1]!);
    return {
      "primary": { ip, port },
      "alternate-port": { ip, port: alternatePort },
      "alternate-address": { ip: otherIp, port },
      "alternate-both": { ip: otherIp, port: alternatePort },
    };
  }

  /** The roles whose addresses there are, each address once. */
  #roles(): { readonly role: EndpointRole; readonly address: SocketAddress }[] {
    const { group } = this;
    if (group === undefined) return [{ role: "primary", address: this.address }];
    const ownIps = this.host.ips.length;
    const roles = ownIps < 2 ? ENDPOINT_ROLES.slice(0, 2) : ENDPOINT_ROLES;
    const seen = new Set<AddressKey>();
    return roles.map((role) => ({ role, address: group[role] })).filter(({ address }) => {
      const key = addressKey(address);
      return !seen.has(key) && seen.add(key);
    });
  }

  #serveUdp(role: EndpointRole, address: SocketAddress): void {
    const socket = this.host.openUdp(address.port, { ip: address.ip });
    this.#sockets.set(addressKey(address), socket);
    this.#closers.push(() => socket.close());
    if (this.#lies.has("answers-from-wrong-port") && this.#wrongSocket === undefined) {
      const wrong = this.host.openUdp();
      this.#wrongSocket = wrong;
      this.#closers.push(() => wrong.close());
    }
    const endpoint = this.#endpoint("udp", { role, address });
    socket.onReceive = (bytes, source) => {
      const reply = this.#answer(bytes, { source, endpoint });
      if (reply === undefined) return;
      this.#socketFor(reply.via, role)?.send(reply.bytes, reply.destination);
    };
  }

  #serveTcp(
    { role, address, holdMs }: {
      readonly role: EndpointRole;
      readonly address: SocketAddress;
      readonly holdMs: number | undefined;
    },
  ): void {
    const listener = this.host.listenTcp(address.port, { ip: address.ip });
    this.#closers.push(() => listener.close());
    const endpoint = this.#endpoint("tcp", { role, address });
    listener.onConnection = (connection) => {
      const session = new SimStunSession({
        connection,
        host: this.host,
        answer: (bytes) => this.#answer(bytes, { source: connection.remote, endpoint }),
        correct: (answer) => this.#misreport(answer, connection.remote),
        ipOf: (role) => (this.group?.[role] ?? this.address).ip,
        onClose: () => void this.#sessions.delete(session),
      });
      this.#sessions.add(session);
      if (holdMs !== undefined) this.#network.setTimer(holdMs, () => session.close());
    };
  }

  #endpoint(
    transport: TransportProtocol,
    at: { readonly role: EndpointRole; readonly address: SocketAddress },
  ): Endpoint {
    return { transport, ...at, ...(this.group === undefined ? {} : { group: this.group }) };
  }

  #answer(
    bytes: Uint8Array,
    at: { readonly source: SocketAddress; readonly endpoint: Endpoint },
  ): Reply | undefined {
    if (++this.#requests > this.#silentAfter) return undefined;
    const { now } = this.#network;
    const reply = this.responder.handle({
      ...at,
      bytes: misread(bytes, this.#lies),
      now,
      wallTime: WALL_TIME_AT_START + now,
    });
    return reply && { ...reply, bytes: this.#misreport(reply.bytes, at.source) };
  }

  #misreport(answer: Uint8Array, client: SocketAddress): Uint8Array {
    return misreport(answer, { lies: this.#lies, client, random: this.#network.random });
  }

  /** The socket that an answer leaves by; undefined where its address is not there. */
  #socketFor(via: EndpointRole, asked: EndpointRole): SimUdpSocket | undefined {
    if (this.#wrongSocket !== undefined) return this.#wrongSocket;
    const changesIp = (ENDPOINT_ROLES.indexOf(via) ^ ENDPOINT_ROLES.indexOf(asked)) & 2;
    const from = this.#lies.has("changes-port-only") && changesIp !== 0
      ? changeRole(asked, { changeAddress: false, changePort: true })
      : via;
    return this.#sockets.get(addressKey(this.group?.[from] ?? this.address));
  }
}

/** 2026-01-01T00:00:00Z in ms since 1970: when every simulation begins, as servers see it. */
const WALL_TIME_AT_START = 1_767_225_600_000;
