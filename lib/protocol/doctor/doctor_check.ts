import type { SocketAddress } from "../../wire/mod.ts";
import type { DatagramReplies } from "./doctor_datagrams.ts";
import type { DoctorAmplification, DoctorFinding } from "./doctor_report.ts";
import type { DoctorSteps } from "./doctor_step.ts";
import type { StreamReplies } from "./doctor_stream.ts";
import type { TransportProtocol } from "../mod.ts";

/** What is to be examined, and how. */
export interface DoctorPlan {
  /** Where the server is for each transport; one at least. What is absent is not examined. */
  readonly servers: { readonly [transport in TransportProtocol]?: SocketAddress | undefined };
  /** Where it is over UDP in the other address family, if it has an address there. */
  readonly otherFamily?: SocketAddress | undefined;
  /** For how many ms a connection is used to see whether it is held; 0 for not at all. */
  readonly holdMs: number;
  /** How many requests loss and latency are measured with, 1 or more. */
  readonly requests: number;
  /** A fresh transaction id, 12 random bytes, at each call. */
  readonly transactionId: () => Uint8Array;
}

/** A server under examination: what the checks know of it. */
export interface DoctorPatient {
  /** What is to be examined. */
  readonly plan: DoctorPlan;
  /** What the server said to the first Binding request over UDP; undefined if it was not asked. */
  readonly udp: DatagramReplies | undefined;
  /** The same over TCP. */
  readonly tcp: StreamReplies | undefined;
  /** The same over TLS. */
  readonly tls: StreamReplies | undefined;
  /** The greatest answer over UDP so far. */
  readonly amplification: DoctorAmplification | undefined;
}

/** One check: a row of the table that the doctor works through. */
export type DoctorCheck = DoctorCheckHead & (DoctorAsking | DoctorJudging);

/** What a check is called, and when it makes sense. */
export interface DoctorCheckHead {
  /** What it is called by programs. */
  readonly id: string;
  /** What it is about. */
  readonly title: string;
  /** RFC and section, or where else the rule is written. */
  readonly rfc: string;
  /** Over what. */
  readonly transport: TransportProtocol;
  /**
   * Without what it makes no sense: the server has to have answered before, or has to have answered
   * with an address. @default {"address"}
   */
  readonly needs?: "nothing" | "answer" | "address";
}

/** A check that has something to ask. */
export interface DoctorAsking {
  /** Sends what there is to send, and judges what comes. */
  readonly examine: (patient: DoctorPatient) => DoctorSteps<DoctorFinding>;
}

/** A check that looks at what is known already. */
export interface DoctorJudging {
  /** Judges it. */
  readonly judge: (patient: DoctorPatient) => DoctorFinding;
}
