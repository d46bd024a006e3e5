import type { SocketAddress, StunMessage } from "../../wire/mod.ts";

/** One step of a TCP NAT discovery, for whoever has the sockets. */
export type TcpNatStep = TcpConnectStep | TcpAskStep | TcpListenStep;

/** Connect, all at once; the connections stay open. */
export interface TcpConnectStep {
  /** Which kind of step it is. */
  readonly kind: "connect";
  /** What is being found out, for a person who waits. */
  readonly title: string;
  /** The connections to make. */
  readonly connections: readonly {
    /** What the connection is called in later steps. */
    readonly connection: string;
    /** Which local port: each name stands for a port of its own, which several connections share. */
    readonly port: string;
    /** Where to. */
    readonly to: SocketAddress;
  }[];
}

/** Ask over connections that are open, all at once. */
export interface TcpAskStep {
  /** Which kind of step it is. */
  readonly kind: "ask";
  /** What is being found out, for a person who waits. */
  readonly title: string;
  /** The questions. */
  readonly questions: readonly {
    /** Over which connection. */
    readonly connection: string;
    /** What. */
    readonly request: Uint8Array;
  }[];
}

/** Listen on a local port that connections come from, so that a dial-back is answered. */
export interface TcpListenStep {
  /** Which kind of step it is. */
  readonly kind: "listen";
  /** What is being found out, for a person who waits. */
  readonly title: string;
  /** Which local port. */
  readonly port: string;
}

/** What became of a step: one result for each connection or question, or one for the listener. */
export interface TcpNatStepResult {
  /** Connect: the local address where a connection came about, else how it failed. */
  readonly connected?: readonly (SocketAddress | string)[];
  /** Ask: the answer where there was one, and after how many ms. */
  readonly answers?:
    readonly ({ readonly response: StunMessage; readonly rttMs: number } | undefined)[];
  /** Ask: who has connected meanwhile to ports that are listened on; absent if nobody looked. */
  readonly visits?: readonly TcpNatVisit[];
  /** Listen: whether the port is listened on. */
  readonly listening?: boolean;
}

/** A connection to a port that is listened on. */
export interface TcpNatVisit {
  /** Where it came from. */
  readonly from: SocketAddress;
  /** The first message that came on it. */
  readonly greeting: StunMessage | undefined;
}
