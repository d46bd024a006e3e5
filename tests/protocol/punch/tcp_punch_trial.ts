import type { MappingObservation, PunchSide } from "../../../lib/protocol/discovery/mod.ts";
import {
  punchCandidates,
  type PunchDescription,
  punchSide,
  TcpPunch,
  type TcpPunchAction,
  type TcpPunchOutcome,
} from "../../../lib/protocol/punch/mod.ts";
import {
  addSite,
  driveMachine,
  type LinkOptions,
  type NatBehavior,
  type SimAction,
  type SimEvent,
  type SimHost,
  type SimMachine,
  SimNetwork,
} from "../../sim/mod.ts";

/** One side of a {@linkcode tryTcpPunch}. */
export interface TcpTrialSide {
  /** What stands in front of it, outermost first. */
  readonly boxes: readonly NatBehavior[];
  /** Its own line. @default {{}} */
  readonly link?: LinkOptions | undefined;
  /** When it begins, in ms. @default {0} */
  readonly startsAt?: number | undefined;
  /** What it says of its NAT. @default what two servers tell */
  readonly side?: PunchSide | undefined;
  /** Whether it is in the first side's network. @default {undefined} in one of its own */
  readonly behind?: "first" | undefined;
}

/** What else a {@linkcode tryTcpPunch} is to be. */
export interface TcpTrialOptions {
  /** Decides everything that is left to chance. */
  readonly seed: number;
  /** The public network. @default {{}} */
  readonly link?: LinkOptions | undefined;
  /** Whether the sides listen on the port from which they dial. @default {true} */
  readonly listens?: boolean | undefined;
}

/** What came of a punch, for one side. */
export interface TcpTrialResult {
  /** How the machine ended. */
  readonly outcome: TcpPunchOutcome | undefined;
  /** ms from its start to its end. */
  readonly elapsedMs: number;
  /** How often it has dialled. */
  readonly attempts: number;
  /** What it has told the other. */
  readonly description: PunchDescription;
  /** What the application got, the other's greeting if all is well. */
  readonly read: string;
  /** Whether its connection was still there at the end. */
  readonly isOpen: boolean;
}

/** Two hosts in the simulator, each behind boxes, that punch over TCP as `punchTcp()` does. */
export function tryTcpPunch(
  sides: readonly [TcpTrialSide, TcpTrialSide],
  { seed, link = {}, listens = true }: TcpTrialOptions,
): readonly [TcpTrialResult, TcpTrialResult] {
  const network = new SimNetwork({ seed, link });
  const servers = ["203.0.113.1", "203.0.113.2"].map((ip) =>
    network.addHost({ ips: [ip] }).listenTcp(3478)
  );
  const first = addSite(network, { boxes: sides[0].boxes, site: 1, host: { link: sides[0].link } });
  const { boxes, behind, link: own } = sides[1];
  const second = behind === "first"
    ? network.addHost({ ips: ["10.0.1.3"], behind: first.boxes.at(-1), link: own })
    : addSite(network, { boxes, site: 2, host: { link: own } }).host;
  const hosts = [first.host, second];
  const descriptions = hosts.map((host, i) =>
    describe(host, { network, servers, side: sides[i]!.side })
  );
  const starts = network.now;
  const runs = hosts.map((host, i) =>
    new PunchRun(host, {
      local: descriptions[i]!,
      remote: descriptions[1 - i]!,
      startsAt: starts + (sides[i]!.startsAt ?? 0),
      listens,
    })
  );
  network.run(starts + 60_000);
  return [runs[0]!.result, runs[1]!.result];
}

function describe(
  host: SimHost,
  { network, servers, side }: {
    readonly side: PunchSide | undefined;
    readonly network: SimNetwork;
    readonly servers: readonly ReturnType<SimHost["listenTcp"]>[];
  },
): PunchDescription {
  const observations: MappingObservation[] = [];
  for (const server of servers) {
    server.onConnection = ({ remote }) => {
      observations.push({ to: server.local, reflexive: remote });
    };
    const before = observations.length;
    const connection = host.connectTcp({ localPort: PORT, to: server.local });
    network.runUntil(
      () => observations.length > before && connection.outcome !== undefined,
      network.now + 60_000,
    );
  }
  const local = { ip: host.ips[0]!, port: PORT };
  const findings = { hosts: [local], observations, asked: servers.length };
  const { random } = network;
  return {
    transport: "tcp",
    usernameFragment: random.bytes(6).toBase64(),
    password: random.bytes(18).toBase64(),
    tieBreaker: random.bytes(8),
    candidates: punchCandidates(findings),
    side: side ?? punchSide(findings),
  };
}

interface PunchRunOptions {
  readonly local: PunchDescription;
  readonly remote: PunchDescription;
  readonly startsAt: number;
  readonly listens: boolean;
}

/** Runs one machine on a simulated host, and then the application. */
class PunchRun implements SimMachine {
  readonly #options: PunchRunOptions;
  readonly #punch: TcpPunch;
  readonly #actions: SimAction[] = [];
  /** By the driver's name of the socket. */
  readonly #numbers = new Map<string, number>();
  readonly #names = new Map<number, string>();
  #endedAt: number | undefined;
  #chosen: string | undefined;
  #read = "";
  #isOpen = false;

  constructor(host: SimHost, options: PunchRunOptions) {
    this.#options = options;
    const { random } = host.network;
    this.#punch = new TcpPunch({ ...options, randomBytes: (length) => random.bytes(length) });
    if (options.listens) {
      this.#actions.push({ kind: "listen-tcp", socket: "listener", port: PORT });
    }
    driveMachine(host, this);
  }

  get result(): TcpTrialResult {
    const { outcome, attempts } = this.#punch;
    return {
      outcome,
      attempts,
      elapsedMs: (this.#endedAt ?? Infinity) - this.#options.startsAt,
      description: this.#options.local,
      read: this.#read,
      isOpen: this.#isOpen,
    };
  }

  poll(now: number): readonly SimAction[] {
    if (now >= this.#options.startsAt && now >= (this.#punch.nextWake() ?? Infinity)) {
      this.#carryOut(this.#punch.wake(now), now);
    }
    return this.#actions.splice(0);
  }

  nextWake(): number | undefined {
    const next = this.#punch.nextWake();
    return next === undefined ? undefined : Math.max(next, this.#options.startsAt);
  }

  handle(event: SimEvent, now: number): void {
    if (event.kind === "accepted") {
      const number = this.#punch.accepted(event.remote, now);
      if (number === undefined) this.#actions.push({ kind: "close", socket: event.socket });
      else this.#know(number, event.socket);
      return;
    }
    const number = "socket" in event ? this.#numbers.get(event.socket) : undefined;
    if (number === undefined) return;
    switch (event.kind) {
      case "open-failed":
        return this.#carryOut(this.#punch.dialFailed(number, "in-use", now), now);
      case "outcome":
        return this.#carryOut(
          event.outcome === "connected"
            ? this.#punch.connected(number, now)
            : this.#punch.dialFailed(number, event.outcome, now),
          now,
        );
      case "read":
        if (event.socket === this.#chosen) return this.#take(event.bytes);
        return this.#carryOut(this.#punch.received(number, event.bytes, now), now);
      case "ended":
      case "closed":
        if (event.socket === this.#chosen) this.#isOpen = false;
        return this.#carryOut(this.#punch.ended(number, now), now);
    }
  }

  #carryOut(actions: readonly TcpPunchAction[], now: number): void {
    for (const { connection, ...action } of actions) {
      if (action.kind === "dial") this.#know(connection, `dial ${connection}`);
      const socket = this.#names.get(connection)!;
      this.#actions.push(
        action.kind === "dial"
          ? { kind: "connect-tcp", socket, to: action.to, localPort: PORT }
          : { ...action, socket },
      );
    }
    const { outcome } = this.#punch;
    if (outcome === undefined || this.#endedAt !== undefined) return;
    this.#endedAt = now;
    this.#actions.push({ kind: "close", socket: "listener" });
    if (outcome.kind === "failed") return;
    this.#isOpen = true;
    this.#chosen = this.#names.get(outcome.connection)!;
    this.#take(outcome.rest);
    const bytes = new TextEncoder().encode(greetingOf(this.#options.local));
    this.#actions.push({ kind: "write", socket: this.#chosen, bytes });
  }

  #take(bytes: Uint8Array): void {
    this.#read += new TextDecoder().decode(bytes);
  }

  #know(number: number, socket: string): void {
    this.#numbers.set(socket, number);
    this.#names.set(number, socket);
  }
}

/** What the application of a side says first. */
export function greetingOf({ usernameFragment }: PunchDescription): string {
  return `this is ${usernameFragment}`;
}

/** As a program has, which binds to one port. */
const PORT = 5000;
