import { attribute, DIAL_BACK, DIAL_BACK_RESULT, valueOf } from "../../wire/mod.ts";
import { concat } from "@std/bytes";
import { judgeReflexive } from "./doctor_address.ts";
import { judgeAnswer } from "./doctor_binding_checks.ts";
import type { DoctorCheck, DoctorPatient } from "./doctor_check.ts";
import { sayResponse } from "./doctor_datagrams.ts";
import { type DoctorFinding, fail, pass, skip, warn } from "./doctor_report.ts";
import type { DoctorSteps, DoctorStreamAction } from "./doctor_step.ts";
import { saySilence, type StreamReplies, talk, write } from "./doctor_stream.ts";
import { STUN_ALPN } from "../mod.ts";
import { bindingRequest } from "../discovery/mod.ts";

type StreamProtocol = "tcp" | "tls";

/** Says hello over TCP or TLS, on a connection of its own. */
export function* helloStream(
  { plan }: DoctorPatient,
  transport: StreamProtocol,
): DoctorSteps<StreamReplies> {
  const request = bindingRequest(plan.transactionId());
  const to = plan.servers[transport]!;
  return yield* talk({ transport, to, actions: [write(request)], requests: [request] });
}

/** What a server makes of connections over TCP. */
export function tcpChecks(): readonly DoctorCheck[] {
  return [
    ...streamChecks("tcp"),
    {
      id: "tcp-half-close",
      title: "Answers also after the client's FIN",
      rfc: "8489 6.2.2",
      transport: "tcp",
      *examine(patient) {
        const request = bindingRequest(patient.plan.transactionId());
        const { connection, answers: [answer] } = yield* talk({
          transport: "tcp",
          to: patient.plan.servers.tcp!,
          actions: [write(request), { kind: "finish" }],
          requests: [request],
        });
        return answer === undefined ? warn(saySilence(connection)) : judgeAnswer(answer);
      },
    },
    {
      id: "tcp-garbage",
      title: "Closes a connection on which no STUN comes",
      rfc: "8489 6.3",
      transport: "tcp",
      *examine({ plan }) {
        const { connection } = yield* talk({
          transport: "tcp",
          to: plan.servers.tcp!,
          // Not below 0x80, or it could be ChannelData of TURN
          actions: [write(new Uint8Array(48).fill(0xff))],
          requests: [],
          ends: "time",
          waitMs: GARBAGE_MS,
        });
        const { failure, received, end, openMs } = connection;
        if (failure !== undefined) return fail(failure);
        if (received.length > 0) return fail(`answered with ${received.length} bytes`);
        return end === "open"
          ? warn(`still open after ${seconds(GARBAGE_MS)}`)
          : pass(`${end} after ${Math.round(openMs)} ms`);
      },
    },
    {
      id: "tcp-dial-back",
      title: "Dials back to a client that wants it",
      rfc: "Pinhole",
      transport: "tcp",
      *examine({ plan }) {
        const token = plan.transactionId().slice(0, 8);
        const request = bindingRequest(plan.transactionId(), [
          attribute(DIAL_BACK, { changeAddress: false, changePort: true, token }),
        ]);
        const { connection, answers: [answer] } = yield* talk({
          transport: "tcp",
          to: plan.servers.tcp!,
          actions: [write(request)],
          requests: [request],
          waitMs: DIAL_BACK_MS,
        });
        // An attribute of 0x8000 and above is to be ignored by whoever does not know it
        if (answer === undefined) return fail(saySilence(connection));
        if (answer.class === "error") return fail(sayResponse(answer));
        const found = valueOf(answer, DIAL_BACK_RESULT);
        return found === undefined
          ? skip("the server does not know DIAL-BACK, which is Pinhole's own")
          : pass(`it tried, nobody listened here: ${found.outcome}`);
      },
    },
    holdCheck("tcp"),
  ];
}

/** What a server makes of connections over TLS. */
export function tlsChecks(): readonly DoctorCheck[] {
  return [
    ...streamChecks("tls"),
    {
      id: "tls-alpn",
      title: "Chooses an application protocol of STUN (ALPN)",
      rfc: "7443",
      transport: "tls",
      *examine({ plan }) {
        const request = bindingRequest(plan.transactionId());
        const { connection, answers: [answer] } = yield* talk({
          transport: "tls",
          to: plan.servers.tls!,
          alpn: STUN_ALPN,
          actions: [write(request)],
          requests: [request],
        });
        if (answer === undefined) return fail(saySilence(connection));
        const { applicationProtocol } = connection;
        return applicationProtocol === undefined
          ? warn("the server chooses none")
          : pass(applicationProtocol);
      },
    },
    holdCheck("tls"),
  ];
}

/** What is the same over TCP and TLS. */
function streamChecks(transport: StreamProtocol): readonly DoctorCheck[] {
  const name = transport.toUpperCase();
  return [
    {
      id: `${transport}-binding`,
      title: `Answers over ${name}`,
      rfc: transport === "tcp" ? "8489 12" : "8489 6.2.3",
      transport,
      needs: "nothing",
      judge(patient) {
        const { connection, answers: [answer] } = patient[transport]!;
        return answer === undefined ? fail(saySilence(connection)) : judgeAnswer(answer);
      },
    },
    {
      id: `${transport}-mapped-address`,
      title: `Tells the true address over ${name}`,
      rfc: "8489 14.2",
      transport,
      judge(patient) {
        const { connection, answers: [answer] } = patient[transport]!;
        const server = patient.plan.servers[transport]!;
        return judgeReflexive(answer!, { local: connection.local!, server });
      },
    },
    {
      id: `${transport}-pieces`,
      title: `Answers a request that comes over ${name} byte by byte`,
      rfc: "8489 6.2.2",
      transport,
      *examine(patient) {
        const request = bindingRequest(patient.plan.transactionId());
        const actions = Array.from(request).flatMap((_, i): DoctorStreamAction[] => [
          write(request.subarray(i, i + 1)),
          { kind: "wait", ms: PIECE_MS },
        ]);
        const to = patient.plan.servers[transport]!;
        const { connection, answers: [answer] } = yield* talk({
          transport,
          to,
          actions,
          requests: [request],
        });
        return answer === undefined ? fail(saySilence(connection)) : judgeAnswer(answer);
      },
    },
    {
      id: `${transport}-pipelining`,
      title: `Answers several requests in one write over ${name}`,
      rfc: "8489 6.2.2",
      transport,
      *examine(patient) {
        const requests = Array.from(
          { length: PIPELINED },
          () => bindingRequest(patient.plan.transactionId()),
        );
        const { connection, answers } = yield* talk({
          transport,
          to: patient.plan.servers[transport]!,
          actions: [write(concat(requests))],
          requests,
        });
        const count = answers.filter((answer) => answer !== undefined).length;
        if (connection.failure !== undefined) return fail(connection.failure);
        return count === PIPELINED ? pass(`all ${count}`) : fail(`${count} of ${PIPELINED}`);
      },
    },
  ];
}

/** How long a connection is held that is used every few seconds. */
function holdCheck(transport: StreamProtocol): DoctorCheck {
  return {
    id: `${transport}-hold`,
    title: `Holds a ${transport.toUpperCase()} connection that is in use`,
    rfc: "8489 6.2.2",
    transport,
    *examine({ plan }): DoctorSteps<DoctorFinding> {
      const { holdMs } = plan;
      if (holdMs === 0) return skip("not asked for");
      const requests: Uint8Array[] = [];
      const actions: DoctorStreamAction[] = [];
      const everyMs = Math.max(HOLD_REQUEST_MS, holdMs / MAX_HOLD_REQUESTS);
      for (let at = 0; at < holdMs; at += everyMs) {
        const request = bindingRequest(plan.transactionId());
        requests.push(request);
        actions.push(write(request), { kind: "wait", ms: Math.min(everyMs, holdMs - at) });
      }
      const { connection, answers } = yield* talk({
        transport,
        to: plan.servers[transport]!,
        actions,
        requests,
        ends: "time",
        waitMs: 0,
      });
      if (connection.failure !== undefined) return fail(connection.failure);
      const held = { holdMs: Math.round(connection.openMs) };
      if (connection.end !== "open") {
        return { ...warn(`${connection.end} after ${seconds(connection.openMs)}`), ...held };
      }
      const silent = answers.filter((answer) => answer === undefined).length;
      return silent > 0
        ? { ...fail(`${silent} of ${requests.length} requests were not answered`), ...held }
        : { ...pass(`open after ${seconds(connection.openMs)}`), ...held };
    },
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

const PIPELINED = 5;
/** So that each byte is a packet of its own. */
const PIECE_MS = 5;
const GARBAGE_MS = 3000;
/** A dial-back takes 5 s at most. */
const DIAL_BACK_MS = 8000;
/** Far below what any NAT or server takes for idle. */
const HOLD_REQUEST_MS = 3000;
/** Half an hour of them; in a day they are 144 s apart. */
const MAX_HOLD_REQUESTS = 600;
