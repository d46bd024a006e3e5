import { formatSocketAddress } from "../../wire/mod.ts";
import { judgeAnswer } from "./doctor_binding_checks.ts";
import type { DoctorCheck } from "./doctor_check.ts";
import { responsesByKey, sendDatagrams, transactionKey } from "./doctor_datagrams.ts";
import { type DoctorLatency, fail, pass, skip, warn } from "./doctor_report.ts";
import type { DoctorArrival } from "./doctor_step.ts";
import { bindingRequest } from "../discovery/mod.ts";

/** What depends on the way to the server as well, or on all that was asked. */
export const NETWORK_CHECKS: readonly DoctorCheck[] = [
  {
    id: "other-family",
    title: "Answers in its other address family too",
    rfc: "8489 8",
    transport: "udp",
    *examine({ plan }) {
      const { otherFamily: to } = plan;
      if (to === undefined) return skip("the server has an address of one family alone");
      const request = bindingRequest(plan.transactionId());
      const asked = yield* sendDatagrams({ socket: "other-family", to, datagrams: [request] });
      const name = formatSocketAddress(to);
      if (asked.failure !== undefined) return skip(`${name}: ${asked.failure}`);
      // Hosts that think they have IPv6 and do not are many
      if (asked.answer === undefined) return warn(`no answer from ${name}, or no way to it`);
      const { result, detail } = judgeAnswer(asked.answer.message);
      return { result, detail: `${name}: ${detail}` };
    },
  },
  {
    id: "loss",
    title: "Answers every request of a series, each sent once",
    rfc: "8489 6.2.1",
    transport: "udp",
    *examine({ plan }) {
      const datagrams = Array.from(
        { length: plan.requests },
        () => bindingRequest(plan.transactionId()),
      );
      const answersIn = (arrivals: readonly DoctorArrival[]) => {
        const found = responsesByKey(arrivals.map(({ bytes }) => bytes));
        return datagrams.map((one) => arrivals[found.get(transactionKey(one)) ?? -1]);
      };
      const result = yield {
        kind: "datagrams",
        socket: "loss",
        to: plan.servers.udp!,
        datagrams,
        paceMs: SERIES_PACE_MS,
        attempts: 1,
        waitMs: LOST_MS,
        // Not before it can be: looking at all of a long series at every arrival would delay it
        until: (arrivals) =>
          arrivals.length >= datagrams.length && answersIn(arrivals).every((one) => one),
      };
      if (result.kind !== "datagrams") {
        throw new TypeError("Cannot go on: wanted datagrams' result");
      }
      const times = answersIn(result.arrivals)
        .flatMap((answer, i) => answer === undefined ? [] : [answer.at - result.sentAt[i]!])
        .sort((a, b) => a - b);
      const lost = datagrams.length - times.length;
      const latency: DoctorLatency = {
        requests: datagrams.length,
        lost,
        p50Ms: percentile(times, 50),
        p99Ms: percentile(times, 99),
      };
      const { p50Ms, p99Ms } = latency;
      const quick = p50Ms === undefined
        ? ""
        : `, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms!.toFixed(1)} ms`;
      const detail = `${lost} of ${datagrams.length} lost${quick}`;
      return { ...(lost === 0 ? pass : warn)(detail), latency };
    },
  },
  {
    id: "amplification",
    title: "Answers with little more than it was asked with",
    rfc: "8489 16.1.2",
    transport: "udp",
    needs: "answer",
    judge({ amplification }) {
      if (amplification === undefined) return skip("no answer");
      const { factor, answerBytes, requestBytes } = amplification;
      const detail = `${factor.toFixed(1)} at most: ${answerBytes} bytes for ${requestBytes}`;
      if (factor > MOST_BY_FAR) return fail(detail);
      return factor > MOST ? warn(detail) : pass(detail);
    },
  },
];

/** The least of the sorted values that so many of 100 do not exceed. */
function percentile(sorted: readonly number[], percent: number): number | undefined {
  return sorted[Math.ceil(sorted.length * percent / 100) - 1];
}

/** 20 a second: no rate limiter is meant for that. */
const SERIES_PACE_MS = 50;
/** Nothing on Earth is so far away. */
const LOST_MS = 1500;

/** The three addresses of RFC 5780 over IPv6 make 92 bytes of 20, which is 4.6. */
const MOST = 5;
/** What DNS and NTP have had to be protected against begins here. */
const MOST_BY_FAR = 10;
