import { BINDING, encodeMessage, equalIps, type MessageClass } from "../../wire/mod.ts";
import type { DoctorCheck, DoctorPatient } from "./doctor_check.ts";
import { responseOf, sayResponse, sendDatagrams } from "./doctor_datagrams.ts";
import { type DoctorFinding, fail, pass, warn } from "./doctor_report.ts";
import { bindingRequest } from "../discovery/mod.ts";

/** What must not be answered, each datagram with its name. */
interface Silence extends Pick<DoctorCheck, "id" | "title" | "rfc"> {
  readonly unanswerable: (
    patient: DoctorPatient,
  ) => readonly (readonly [name: string, bytes: Uint8Array])[];
  /** What an answer to it is. @default {fail} */
  readonly judge?: (detail: string) => DoctorFinding;
}

const SILENCES: readonly Silence[] = [
  {
    id: "silent-indication",
    title: "Does not answer an indication",
    rfc: "8489 6.3.2",
    unanswerable: ({ plan }) => [
      ["an indication", encode("indication", plan.transactionId())],
    ],
  },
  {
    id: "silent-response",
    title: "Does not answer a response",
    rfc: "8489 6.3",
    unanswerable: ({ plan }) => [
      ["a success response", encode("success", plan.transactionId())],
      ["an error response", encode("error", plan.transactionId())],
    ],
  },
  {
    id: "silent-method",
    title: "Does not answer a request of an unknown method",
    rfc: "8489 6.3",
    unanswerable: ({ plan }) => [
      ["a request of method 0xEEE", encode("request", plan.transactionId(), 0xeee)],
    ],
  },
  {
    id: "silent-garbage",
    title: "Does not answer what is not STUN",
    rfc: "8489 6.3",
    unanswerable: ({ plan }) => {
      const bits = bindingRequest(plan.transactionId()).slice();
      bits[0] = 0xc0;
      return [
        ["an empty datagram", new Uint8Array(0)],
        ["four bytes", Uint8Array.of(0, 1, 0, 0)],
        ["48 bytes of 0xFF", new Uint8Array(48).fill(0xff)],
        ["a request whose first two bits are set", bits],
      ];
    },
  },
  {
    id: "silent-length",
    title: "Does not answer a message of a wrong length",
    rfc: "8489 6.3",
    unanswerable: ({ plan }) => {
      const withLength = (length: number) => {
        const bytes = bindingRequest(plan.transactionId()).slice();
        bytes[3] = length;
        return bytes;
      };
      return [
        ["19 bytes of a request", bindingRequest(plan.transactionId()).subarray(0, 19)],
        ["a request that lacks 8 bytes by its length", withLength(8)],
        ["a request with 4 bytes too many", Uint8Array.of(...withLength(0), 0, 0, 0, 0)],
        ["a request whose length is 3", Uint8Array.of(...withLength(3), 0, 0, 0)],
      ];
    },
  },
  {
    id: "silent-fingerprint",
    title: "Does not answer a request with a wrong FINGERPRINT",
    rfc: "8489 6.3",
    unanswerable: ({ plan }) => {
      const bytes = encodeMessage({
        class: "request",
        method: BINDING,
        transactionId: plan.transactionId(),
      }, { fingerprint: true }).slice();
      bytes[bytes.length - 1]! ^= 0xff;
      return [["a request with a wrong FINGERPRINT", bytes]];
    },
    // A stand-alone server may do without FINGERPRINT (RFC 8489 section 12) and then breaks no rule
    judge: warn,
  },
];

/**
 * What a server must keep silent about. Behind each such message goes a good request, so that a
 * server that is gone, or a network that loses everything, is not taken for a silent one.
 */
export function silenceChecks(): readonly DoctorCheck[] {
  return SILENCES.map(checkOf);
}

function checkOf(silence: Silence): DoctorCheck {
  return {
    id: silence.id,
    title: silence.title,
    rfc: silence.rfc,
    transport: "udp",
    needs: "answer",
    *examine(patient) {
      const { plan } = patient;
      const named = silence.unanswerable(patient);
      const { answer, others } = yield* sendDatagrams({
        socket: silence.id,
        to: plan.servers.udp!,
        datagrams: [...named.map(([, bytes]) => bytes), bindingRequest(plan.transactionId())],
        lingerMs: LINGER_MS,
      });
      // Others than the server may say something too
      const [undue] = others.filter(({ from }) => equalIps(from.ip, plan.servers.udp!.ip));
      if (undue !== undefined) {
        const { judge = fail } = silence;
        const to = named.find(([, sent]) => isAbout(sent, undue.bytes))?.[0] ?? "one of them";
        const response = responseOf(undue.bytes);
        const what = response === undefined ? `${undue.bytes.length} bytes` : sayResponse(response);
        return judge(`${to} was answered with ${what}`);
      }
      return answer === undefined
        ? fail("a good request sent behind it was not answered either")
        : pass(`silence about ${named.map(([name]) => name).join(", ")}`);
    },
  };
}

/** Whether bytes have the transaction id of what was sent. */
function isAbout(sent: Uint8Array, bytes: Uint8Array): boolean {
  return sent.length >= 19 && bytes.length >= 20 &&
    sent.subarray(8, 19).every((byte, i) => bytes[8 + i] === byte);
}

function encode(kind: MessageClass, transactionId: Uint8Array, method = BINDING): Uint8Array {
  return encodeMessage({ class: kind, method, transactionId });
}

/** An answer to what came first is not much later than one to what came behind. */
const LINGER_MS = 300;
