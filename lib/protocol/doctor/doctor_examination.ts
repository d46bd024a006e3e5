import { HEADER_BYTES } from "../../wire/mod.ts";
import { BEHAVIOUR_CHECKS } from "./doctor_behaviour_checks.ts";
import { BINDING_CHECKS, helloUdp } from "./doctor_binding_checks.ts";
import type { DoctorCheck, DoctorPatient, DoctorPlan } from "./doctor_check.ts";
import {
  type DatagramReplies,
  responseOf,
  sayResponse,
  transactionKey,
} from "./doctor_datagrams.ts";
import { NETWORK_CHECKS } from "./doctor_network_checks.ts";
import {
  type DoctorAmplification,
  type DoctorFinding,
  type DoctorLine,
  type DoctorReport,
  skip,
} from "./doctor_report.ts";
import { silenceChecks } from "./doctor_silence_checks.ts";
import type { DoctorArrival, DoctorStep, DoctorStepResult, DoctorSteps } from "./doctor_step.ts";
import type { StreamReplies } from "./doctor_stream.ts";
import { helloStream, tcpChecks, tlsChecks } from "./doctor_stream_checks.ts";
import type { TransportProtocol } from "../mod.ts";

/** A step, and what it is about for a person who waits. */
export interface DoctorOrder {
  /** What is being looked at. */
  readonly title: string;
  /** What to do. */
  readonly step: DoctorStep;
}

/**
 * Examines a STUN server from its client's side, as a generator: yields what to send and takes what
 * came of it, check by check in the order of {@linkcode doctorChecks}.
 *
 * @throws {RangeError} If the plan names no server.
 */
export function* doctorExamination(
  plan: DoctorPlan,
): Generator<DoctorOrder, DoctorReport, DoctorStepResult> {
  const { udp, tcp, tls } = plan.servers;
  const server = udp ?? tcp ?? tls;
  if (server === undefined) throw new RangeError("Cannot examine: found no server, wanted one");
  const examination = new Examination(plan);
  yield* examination.greet();
  const lines: DoctorLine[] = [];
  let holdMs: number | undefined;
  let latency: DoctorReport["latency"];
  for (const check of doctorChecks()) {
    const { id, title, rfc } = check;
    const finding = yield* examination.make(check);
    const { result, detail } = finding;
    lines.push({ id, title, rfc, result, detail });
    holdMs ??= finding.holdMs;
    latency ??= finding.latency;
  }
  const { amplification, answered } = examination;
  return { server, answered, checks: lines, holdMs, amplification, latency };
}

/**
 * Every check, in the order in which they are made. A function, for a bundle leaves out what nobody
 * calls: the page that the server serves imports this folder too.
 */
export function doctorChecks(): readonly DoctorCheck[] {
  return [
    ...BINDING_CHECKS,
    ...silenceChecks(),
    ...BEHAVIOUR_CHECKS,
    ...NETWORK_CHECKS,
    ...tcpChecks(),
    ...tlsChecks(),
  ];
}

type Orders<T> = Generator<DoctorOrder, T, DoctorStepResult>;

class Examination implements DoctorPatient {
  readonly plan: DoctorPlan;
  udp: DatagramReplies | undefined;
  tcp: StreamReplies | undefined;
  tls: StreamReplies | undefined;
  amplification: DoctorAmplification | undefined;

  constructor(plan: DoctorPlan) {
    this.plan = plan;
  }

  get answered(): boolean {
    return TRANSPORTS.some((transport) => this.#hello(transport) !== undefined) ||
      (this.udp?.others ?? []).some(({ bytes }) => responseOf(bytes) !== undefined);
  }

  *greet(): Orders<void> {
    const { udp, tcp, tls } = this.plan.servers;
    const title = "Reaching the server";
    if (udp !== undefined) this.udp = yield* this.#carryOut(title, helloUdp(this));
    if (tcp !== undefined) this.tcp = yield* this.#carryOut(title, helloStream(this, "tcp"));
    if (tls !== undefined) this.tls = yield* this.#carryOut(title, helloStream(this, "tls"));
  }

  *make(check: DoctorCheck): Orders<DoctorFinding> {
    const { transport, needs = "address" } = check;
    if (this.plan.servers[transport] === undefined) return skip(NOT_EXAMINED[transport]);
    const hello = this.#hello(transport);
    const name = transport.toUpperCase();
    if (hello === undefined && needs !== "nothing") return skip(`no answer over ${name}`);
    if (hello?.class === "error" && needs === "address") {
      return skip(`the server answers ${sayResponse(hello)} over ${name}`);
    }
    if ("judge" in check) return check.judge(this);
    return yield* this.#carryOut(check.title, check.examine(this));
  }

  /** The first answer over a transport. */
  #hello(transport: TransportProtocol) {
    return transport === "udp" ? this.udp?.answer?.message : this[transport]?.answers[0];
  }

  *#carryOut<T>(title: string, steps: DoctorSteps<T>): Orders<T> {
    let next = steps.next();
    while (!next.done) {
      const step = next.value;
      const result = yield { title, step };
      if (step.kind === "datagrams" && result.kind === "datagrams") {
        this.#weigh(step.datagrams, result.arrivals);
      }
      next = steps.next(result);
    }
    return next.value;
  }

  /** Remembers the greatest answer, measured by its request. */
  #weigh(requests: readonly Uint8Array[], arrivals: readonly DoctorArrival[]): void {
    const requestBytesOf = new Map(
      requests.filter(({ length }) => length >= HEADER_BYTES)
        .map((request) => [transactionKey(request), request.length]),
    );
    for (const { bytes } of arrivals) {
      const answerBytes = bytes.length;
      const requestBytes = requestBytesOf.get(transactionKey(bytes));
      if (requestBytes === undefined) continue;
      const factor = answerBytes / requestBytes;
      if (factor <= (this.amplification?.factor ?? 0)) continue;
      this.amplification = { factor, requestBytes, answerBytes };
    }
  }
}

const TRANSPORTS: readonly TransportProtocol[] = ["udp", "tcp", "tls"];

const NOT_EXAMINED: Readonly<Record<TransportProtocol, string>> = {
  udp: "UDP is not examined",
  tcp: "TCP is not examined",
  tls: "TLS is not examined",
};
