import type { SocketAddress } from "../../wire/mod.ts";

/** Something to send to a server that is being examined, for whoever has the sockets. */
export type DoctorStep = DoctorDatagramStep | DoctorStreamStep;

/** What came of a {@linkcode DoctorStep}. */
export type DoctorStepResult = DoctorDatagramResult | DoctorStreamResult;

/** The work of a check: yields steps, takes what came of each, and ends with what was found. */
export type DoctorSteps<T> = Generator<DoctorStep, T, DoctorStepResult>;

/** Send datagrams, and collect all that comes. */
export interface DoctorDatagramStep {
  /** Tells it from a step over a connection. */
  readonly kind: "datagrams";
  /** From which socket: each name stands for a port of its own, fresh when it is first named. */
  readonly socket: string;
  /** Other sockets to collect from. @default {[]} */
  readonly watch?: readonly string[] | undefined;
  /** Where to. */
  readonly to: SocketAddress;
  /** What, in this order. Bytes and not messages: some are meant to be wrong. */
  readonly datagrams: readonly Uint8Array[];
  /** ms between two datagrams. @default {20} */
  readonly paceMs?: number | undefined;
  /** How often they are all sent at most. */
  readonly attempts: number;
  /** ms to wait after the first sending; twice as long after each further one. */
  readonly waitMs: number;
  /** Whether what has arrived is all that was waited for; asked after every arrival. */
  readonly until: (arrivals: readonly DoctorArrival[]) => boolean;
  /** ms to wait thereafter for what should not come. @default {0} */
  readonly lingerMs?: number | undefined;
}

/** What came of datagrams. */
export interface DoctorDatagramResult {
  /** Tells it from what came of a connection. */
  readonly kind: "datagrams";
  /** Why nothing could be sent; undefined if it could. */
  readonly failure: string | undefined;
  /** The socket's own address; the IP address may be all zeros. */
  readonly local: SocketAddress;
  /** When each datagram was last sent, in ms by the clock of the arrivals. */
  readonly sentAt: readonly number[];
  /** All that came, in order. */
  readonly arrivals: readonly DoctorArrival[];
}

/** A datagram that came. */
export interface DoctorArrival {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** Who sent it. */
  readonly from: SocketAddress;
  /** On which socket it came. */
  readonly socket: string;
  /** When it came, in ms. */
  readonly at: number;
}

/** Open a connection, act, and collect all that comes; then close it. */
export interface DoctorStreamStep {
  /** Tells it from a step with datagrams. */
  readonly kind: "stream";
  /** What kind of connection. */
  readonly transport: "tcp" | "tls";
  /** Where to. */
  readonly to: SocketAddress;
  /** TLS: the application protocols to offer (RFC 7301). @default {[]} */
  readonly alpn?: readonly string[] | undefined;
  /** What to do, one after the other, for as long as the server keeps the connection. */
  readonly actions: readonly DoctorStreamAction[];
  /** Whether what has been received is all that was waited for; asked after every read. */
  readonly until: (received: Uint8Array) => boolean;
  /** ms to wait for that after the last action. */
  readonly waitMs: number;
}

/** Write in one go, wait so many ms, or send FIN. */
export type DoctorStreamAction =
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "finish" };

/** What came of a connection. */
export interface DoctorStreamResult {
  /** Tells it from what came of datagrams. */
  readonly kind: "stream";
  /** Why there was no connection; undefined if there was. */
  readonly failure: string | undefined;
  /** Our own end; undefined without a connection. */
  readonly local: SocketAddress | undefined;
  /** TLS: the application protocol that the server has chosen, if any. */
  readonly applicationProtocol: string | undefined;
  /** All that was received. */
  readonly received: Uint8Array;
  /** Whether the server ended the connection: by FIN, by a reset, or not at all. */
  readonly end: "open" | "closed" | "reset";
  /** ms from the connection to its end, or to the end of the step. */
  readonly openMs: number;
}
