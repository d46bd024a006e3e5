import type { PunchSide } from "../../../lib/protocol/discovery/mod.ts";
import {
  punchCandidates,
  type PunchDescription,
  punchSide,
  UdpGathering,
  UdpPunch,
  type UdpPunchOutcome,
} from "../../../lib/protocol/punch/mod.ts";
import type { SocketAddress } from "../../../lib/wire/mod.ts";
import {
  addSite,
  type LinkOptions,
  type NatBehavior,
  type SimHost,
  SimNetwork,
  SimStunServer,
  type SimUdpSocket,
} from "../../sim/mod.ts";

/** What a {@linkcode UdpPunchTrial} is to be like. */
export interface UdpPunchTrialOptions {
  /** What stands in front of each of the two hosts. */
  readonly boxes: readonly [readonly NatBehavior[], readonly NatBehavior[]];
  /** Decides all that is left to chance. */
  readonly seed: number;
  /** The public network. @default {{}} */
  readonly link?: LinkOptions;
  /** ms that the second side begins later; Infinity for never. @default {0} */
  readonly skewMs?: number;
  /** What the sides say of their NATs. @default what two servers tell */
  readonly sides?: readonly [PunchSide, PunchSide];
}

/** Two hosts in the simulator that gather their candidates, tell them each other, and punch. */
export class UdpPunchTrial {
  /** The network. */
  readonly network: SimNetwork;
  /** Where two STUN servers are. */
  readonly servers: readonly SocketAddress[];
  /** The two sides. */
  readonly sides: readonly [UdpPunchTrialSide, UdpPunchTrialSide];
  /** What they have told each other. */
  readonly descriptions: readonly [PunchDescription, PunchDescription];

  /** ms that the second side begins later. */
  readonly skewMs: number;

  /** Makes the hosts and lets them gather; nobody has begun to punch. */
  constructor(options: UdpPunchTrialOptions) {
    this.skewMs = options.skewMs ?? 0;
    this.network = new SimNetwork({ seed: options.seed, link: options.link ?? {} });
    this.servers = ["203.0.113.1", "203.0.113.2"].map((ip) =>
      new SimStunServer(this.network, { ips: [ip] }).address
    );
    const makeSide = (i: 0 | 1) => {
      const { host } = addSite(this.network, { boxes: options.boxes[i], site: i + 1 });
      return new UdpPunchTrialSide(host, this.servers);
    };
    this.sides = [makeSide(0), makeSide(1)];
    this.network.runUntil(() => this.sides.every((side) => side.isReady), 5_000);
    const [one, two] = this.sides;
    const here = one.describe(options.sides?.[0]);
    const there = two.describe(options.sides?.[1]);
    this.descriptions = [here, there];
    const { skewMs } = this;
    this.network.setTimer(0, () => one.punch(here, there));
    if (skewMs < Infinity) this.network.setTimer(skewMs, () => two.punch(there, here));
  }

  /** Lets things happen for so many ms. */
  pass(ms: number): void {
    this.network.run(this.network.now + ms);
  }

  /** Lets things happen until both sides have an outcome, which they have. */
  run(): readonly [UdpPunchOutcome, UdpPunchOutcome] {
    const [one, two] = this.sides;
    this.network.runUntil(
      () => one.outcome !== undefined && two.outcome !== undefined,
      this.network.now + 60_000,
    );
    return [one.outcome!, two.outcome!];
  }
}

/** One side of a trial. */
export class UdpPunchTrialSide {
  /** Its host. */
  readonly host: SimHost;
  /** Its socket. */
  readonly socket: SimUdpSocket;
  /** What came in for the application. */
  readonly data: Uint8Array[] = [];
  /** What it has sent, and when. */
  readonly sent: { readonly at: number; readonly to: SocketAddress; readonly bytes: Uint8Array }[] =
    [];
  readonly #network: SimHost["network"];
  readonly #gathering: UdpGathering;
  readonly #servers: readonly SocketAddress[];
  #punch: UdpPunch | undefined;
  #cancel = () => {};

  /** Opens a socket and begins to gather. */
  constructor(host: SimHost, servers: readonly SocketAddress[]) {
    this.#network = host.network;
    this.host = host;
    this.#servers = servers;
    const transactionId = () => this.#network.random.bytes(12);
    this.#gathering = new UdpGathering({ servers, transactionId });
    this.socket = host.openUdp();
    this.socket.onReceive = (bytes, source) => this.#receive(bytes, source);
    this.#pump();
  }

  /** Whether it has gathered its candidates. */
  get isReady(): boolean {
    return this.#gathering.isSettled;
  }

  /** How its punch stands. */
  get outcome(): UdpPunchOutcome | undefined {
    return this.#punch?.outcome;
  }

  /** What it tells the other side. */
  describe(side: PunchSide | undefined): PunchDescription {
    const { observations } = this.#gathering;
    const findings = { hosts: [this.socket.local], observations, asked: this.#servers.length };
    const text = (bytes: number) => this.#network.random.bytes(bytes).toBase64();
    return {
      transport: "udp",
      usernameFragment: text(6),
      password: text(18),
      tieBreaker: this.#network.random.bytes(8),
      candidates: punchCandidates(findings),
      side: side ?? punchSide(findings),
    };
  }

  /** Begins to punch. */
  punch(local: PunchDescription, remote: PunchDescription): void {
    this.#punch = new UdpPunch({
      local,
      remote,
      family: 4,
      randomBytes: (length) => this.#network.random.bytes(length),
    });
    this.#pump();
  }

  /** Sends something over the path that was agreed upon. */
  send(bytes: Uint8Array): void {
    const { outcome } = this;
    if (outcome?.kind === "connected") this.#send([{ bytes, peer: outcome.remote }]);
  }

  /** Closes its socket and falls silent. */
  close(): void {
    this.#punch = undefined;
    this.#cancel();
    this.socket.close();
  }

  #receive(bytes: Uint8Array, source: SocketAddress): void {
    const { now } = this.#network;
    if (!this.#gathering.receive(bytes, source, now)) {
      const receipt = this.#punch?.receive(bytes, source, now);
      if (receipt?.kind === "data") this.data.push(bytes);
      if (receipt?.kind === "own" && receipt.answer !== undefined) this.#send([receipt.answer]);
    }
    this.#pump();
  }

  #pump(): void {
    const { now } = this.#network;
    for (const machine of this.#machines) this.#send(machine.wake(now));
    this.#cancel();
    const next = Math.min(...this.#machines.map((machine) => machine.nextWake() ?? Infinity));
    if (next < Infinity) {
      this.#cancel = this.#network.setTimer(Math.max(0, next - now), () => this.#pump());
    }
  }

  /** The mapping towards the servers is of use until there is a path. */
  get #machines(): readonly (UdpGathering | UdpPunch)[] {
    if (this.#punch === undefined) return [this.#gathering];
    return this.outcome === undefined ? [this.#gathering, this.#punch] : [this.#punch];
  }

  #send(
    datagrams: readonly { readonly bytes: Uint8Array; readonly peer: SocketAddress }[],
  ): void {
    for (const { bytes, peer } of datagrams) {
      this.sent.push({ at: this.#network.now, to: peer, bytes });
      this.socket.send(bytes, peer);
    }
  }
}
