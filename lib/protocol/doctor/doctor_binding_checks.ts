import {
  attribute,
  attributeName,
  BINDING,
  checkFingerprint,
  encodeMessage,
  equalSocketAddresses,
  ERROR_CODE,
  formatSocketAddress,
  MAPPED_ADDRESS,
  SOFTWARE,
  type StunMessage,
  UNKNOWN_ATTRIBUTES,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../wire/mod.ts";
import { judgeReflexive } from "./doctor_address.ts";
import type { DoctorCheck, DoctorPatient } from "./doctor_check.ts";
import {
  classicTransactionId,
  type DatagramQuestion,
  type DatagramReplies,
  responseOf,
  sayResponse,
  sendDatagrams,
} from "./doctor_datagrams.ts";
import { type DoctorFinding, fail, pass, skip, warn } from "./doctor_report.ts";
import type { DoctorSteps } from "./doctor_step.ts";
import { bindingRequest } from "../discovery/mod.ts";

/** Says hello over UDP: a plain request of 20 bytes, which every STUN server answers. */
export function* helloUdp({ plan }: DoctorPatient): DoctorSteps<DatagramReplies> {
  const request = bindingRequest(plan.transactionId());
  return yield* sendDatagrams({ socket: "hello", to: plan.servers.udp!, datagrams: [request] });
}

/** What a server makes of Binding requests over UDP. */
export const BINDING_CHECKS: readonly DoctorCheck[] = [
  {
    id: "rfc5389",
    title: "Answers over UDP, to a plain request",
    rfc: "8489 12",
    transport: "udp",
    needs: "nothing",
    judge({ udp }) {
      if (udp!.answer !== undefined) return judgeAnswer(udp!.answer.message);
      return fail(udp!.failure ?? "no answer");
    },
  },
  {
    id: "rfc8489",
    title: "Answers a request that has SOFTWARE and FINGERPRINT",
    rfc: "8489 6.3.1",
    transport: "udp",
    *examine(patient) {
      const { answer } = yield* ask(patient, "rfc8489", sealedRequest(patient));
      return answer === undefined ? fail("no answer") : judgeAnswer(answer.message);
    },
  },
  {
    id: "rfc3489",
    title: "Answers a request of RFC 3489 in its dialect",
    rfc: "5389 12.2",
    transport: "udp",
    *examine(patient) {
      const request = bindingRequest(classicTransactionId(patient.plan.transactionId));
      const { answer } = yield* ask(patient, "rfc3489", request);
      if (answer === undefined) return warn("no answer");
      if (answer.message.class === "error") return warn(sayResponse(answer.message));
      return valueOf(answer.message, MAPPED_ADDRESS) === undefined
        ? warn("the answer has no MAPPED-ADDRESS, which is the one that such a client knows")
        : pass("MAPPED-ADDRESS");
    },
  },
  {
    id: "transaction-id",
    title: "Echoes the transaction id",
    rfc: "8489 6.3.1.1",
    transport: "udp",
    needs: "nothing",
    judge({ udp }) {
      if (udp!.others.some(({ bytes }) => responseOf(bytes) !== undefined)) {
        return fail("a response came with another transaction id");
      }
      return udp!.answer === undefined ? skip("no answer over UDP") : pass("the same 12 bytes");
    },
  },
  {
    id: "source",
    title: "Answers from the address that was asked",
    rfc: "8489 6.3.1.2",
    transport: "udp",
    needs: "answer",
    judge({ plan, udp }) {
      const { from } = udp!.answer!;
      const name = formatSocketAddress(from);
      return equalSocketAddresses(from, plan.servers.udp!) ? pass(name) : fail(`from ${name}`);
    },
  },
  {
    id: "no-credentials",
    title: "Asks for no credentials",
    rfc: "8489 12",
    transport: "udp",
    needs: "answer",
    judge({ udp }) {
      const { message } = udp!.answer!;
      const code = valueOf(message, ERROR_CODE)?.code;
      return code === 401 ? warn(sayResponse(message)) : pass("none");
    },
  },
  {
    id: "mapped-address",
    title: "Tells the true address over UDP, the same each time",
    rfc: "8489 14.2",
    transport: "udp",
    *examine(patient) {
      const { plan } = patient;
      const server = plan.servers.udp!;
      const { answer: old } = yield* sendDatagrams({
        socket: "mapped-address",
        to: server,
        datagrams: [bindingRequest(classicTransactionId(plan.transactionId))],
        attempts: 1,
      });
      const classic = old && valueOf(old.message, MAPPED_ADDRESS);
      let first: StunMessage | undefined;
      let judged: DoctorFinding = fail("no answer");
      for (let i = 0; i < REPETITIONS; i++) {
        const request = bindingRequest(plan.transactionId());
        const { answer, local } = yield* ask(patient, "mapped-address", request);
        if (answer === undefined) return fail("no answer");
        judged = judgeReflexive(answer.message, { local, server, classic });
        if (judged.result === "fail") return judged;
        first ??= answer.message;
        const [one, other] = [first, answer.message].map((message) =>
          formatSocketAddress(valueOf(message, XOR_MAPPED_ADDRESS)!)
        );
        if (one !== other) return fail(`${one}, then ${other} for the same socket`);
      }
      return judged;
    },
  },
  {
    id: "fingerprint",
    title: "Answers a request that has FINGERPRINT with a right one",
    rfc: "8489 14.7",
    transport: "udp",
    *examine(patient) {
      const { answer } = yield* ask(patient, "fingerprint", sealedRequest(patient));
      if (answer === undefined) return fail("no answer");
      switch (checkFingerprint(answer.message)) {
        case "valid":
          return pass("right");
        case "invalid":
          return fail("FINGERPRINT is wrong");
        case "absent":
          return warn("the answer has no FINGERPRINT");
      }
    },
  },
  {
    id: "unknown-required",
    title: "Refuses unknown attributes with 420, and lists all",
    rfc: "8489 6.3.1",
    transport: "udp",
    *examine(patient) {
      const request = requestWith(patient, [...UNKNOWN_REQUIRED, ...UNKNOWN_OPTIONAL]);
      const { answer } = yield* ask(patient, "unknown-required", request);
      if (answer === undefined) return fail("no answer");
      const { message } = answer;
      if (valueOf(message, ERROR_CODE)?.code !== 420) return fail(sayResponse(message));
      const listed = valueOf(message, UNKNOWN_ATTRIBUTES);
      if (listed === undefined) return fail("420 without a list");
      const missing = UNKNOWN_REQUIRED.filter((type) => !listed.includes(type));
      if (missing.length > 0) return fail(`420, but ${sayTypes(missing)} is not listed`);
      const more = listed.filter((type) => !UNKNOWN_REQUIRED.includes(type));
      if (more.length > 0) return fail(`420, but ${sayTypes(more)} is listed too`);
      return pass(`420: ${sayTypes(listed)}`);
    },
  },
  {
    id: "unknown-optional",
    title: "Ignores unknown attributes that are optional",
    rfc: "8489 6.3.1",
    transport: "udp",
    *examine(patient) {
      const request = requestWith(patient, UNKNOWN_OPTIONAL);
      const { answer } = yield* ask(patient, "unknown-optional", request);
      return answer === undefined ? fail("no answer") : judgeAnswer(answer.message);
    },
  },
];

/** Whether an answer is one that a client can use. */
export function judgeAnswer(message: StunMessage): DoctorFinding {
  if (message.class === "error") {
    const code = valueOf(message, ERROR_CODE)?.code;
    // RFC 8489 12: a basic server should not want credentials, nor send its clients elsewhere
    return (code === 401 || code === 300 ? warn : fail)(sayResponse(message));
  }
  if (valueOf(message, XOR_MAPPED_ADDRESS) === undefined) {
    return fail("the answer has no XOR-MAPPED-ADDRESS that can be read");
  }
  return pass("a success with XOR-MAPPED-ADDRESS");
}

/** Asks the server one thing from a socket. */
function ask(
  { plan }: DoctorPatient,
  socket: string,
  request: Uint8Array,
): DoctorSteps<DatagramReplies> {
  const question: DatagramQuestion = { socket, to: plan.servers.udp!, datagrams: [request] };
  return sendDatagrams(question);
}

function sealedRequest({ plan }: DoctorPatient): Uint8Array {
  return encodeMessage({
    class: "request",
    method: BINDING,
    transactionId: plan.transactionId(),
    attributes: [attribute(SOFTWARE, "pinhole doctor")],
  }, { fingerprint: true });
}

function requestWith({ plan }: DoctorPatient, types: readonly number[]): Uint8Array {
  return encodeMessage({
    class: "request",
    method: BINDING,
    transactionId: plan.transactionId(),
    attributes: types.map((type) => ({ type, value: new Uint8Array(4) })),
  });
}

function sayTypes(types: readonly number[]): string {
  return types.map(attributeName).join(", ");
}

const REPETITIONS = 3;
/** Unassigned by IANA; two, as a server that stops at the first lists one. */
const UNKNOWN_REQUIRED: readonly number[] = [0x7ff1, 0x7ff2];
const UNKNOWN_OPTIONAL: readonly number[] = [0xfff1];
