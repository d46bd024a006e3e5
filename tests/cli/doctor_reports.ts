import type { DoctorReport } from "../../lib/protocol/doctor/mod.ts";
import { address } from "../protocol/binding_cases.ts";

/** A report with every result in it. */
export const MIXED: DoctorReport = {
  server: address("203.0.113.1:3478"),
  answered: true,
  checks: [
    {
      id: "rfc5389",
      title: "Answers over UDP, to a plain request",
      rfc: "8489 12",
      result: "pass",
      detail: "a success with XOR-MAPPED-ADDRESS",
    },
    {
      id: "silent-length",
      title: "Does not answer a message of a wrong length",
      rfc: "8489 6.3",
      result: "fail",
      detail: "a request that lacks 8 bytes by its length was answered with a success, which is " +
        "longer than a line",
    },
    {
      id: "other-address",
      title: "Answers at the other addresses that it tells of",
      rfc: "5780 7.4",
      result: "skip",
      detail: "the server has no RFC 5780",
    },
    {
      id: "response-origin",
      title: "RESPONSE-ORIGIN is where the answer comes from",
      rfc: "5780 7.3",
      result: "skip",
      detail: "the server has no RFC 5780",
    },
    {
      id: "tcp-dial-back",
      title: "Dials back to a client that wants it",
      rfc: "Pinhole",
      result: "pass",
      detail: "it tried, nobody listened here: refused",
    },
    {
      id: "tcp-hold",
      title: "Holds a TCP connection that is in use",
      rfc: "8489 6.2.2",
      result: "warn",
      detail: "reset after 3.0 s",
    },
  ],
  holdMs: 3000,
  amplification: { factor: 88 / 20, requestBytes: 20, answerBytes: 88 },
  latency: { requests: 10, lost: 1, p50Ms: 12.3456, p99Ms: 20 },
};

/** A report about nobody. */
export const SILENT: DoctorReport = {
  server: address("[2001:db8::1]:3478"),
  answered: false,
  checks: [{ ...MIXED.checks[0]!, result: "fail", detail: "no answer" }],
  holdMs: undefined,
  amplification: undefined,
  latency: undefined,
};
