import { attribute, MAPPED_ADDRESS, XOR_MAPPED_ADDRESS } from "../../../lib/wire/mod.ts";
import { address } from "../binding_cases.ts";
import { type FaultCase, refusal } from "./doctor_faults.ts";
import { GROUP, rewrittenBytes, type ServerStream } from "./doctor_world.ts";

/** Servers that get connections wrong; TCP alone is examined where nothing else is said. */
export const STREAM_FAULTS: readonly FaultCase[] = [
  over("tcp", {
    that: "refuses connections",
    accept: () => "the peer refuses connections",
    found: [["tcp-binding", "fail", "the peer refuses connections"]],
  }),
  over("tcp", {
    that: "does not answer over TCP",
    accept: () => ({ push: () => NOTHING }),
    found: [["tcp-binding", "fail", "no answer"]],
  }),
  over("tcp", {
    that: "closes every TCP connection",
    accept: () => ({ push: () => undefined }),
    found: [["tcp-binding", "fail", "closed without an answer after 0 ms"]],
  }),
  over("tcp", {
    that: "wants credentials over TCP",
    accept: rewriting(() => refusal(401)),
    found: [["tcp-binding", "warn", "401 Unauthenticated"]],
  }),
  over("tcp", {
    that: "tells a wrong address over TCP",
    accept: rewriting(() => ({
      attributes: [
        attribute(XOR_MAPPED_ADDRESS, address("192.0.2.1:1")),
        attribute(MAPPED_ADDRESS, address("192.0.2.1:1")),
      ],
    })),
    found: [
      [
        "tcp-mapped-address",
        "fail",
        "192.0.2.1:1 is not this host's 192.0.2.1:40000, and there should be no NAT between",
      ],
    ],
  }),
  over("tcp", {
    that: "takes each packet for a message",
    accept: (honest) => ({ push: (chunk) => chunk.length < 20 ? NOTHING : honest(chunk) }),
    found: [["tcp-pieces", "fail", "no answer"]],
  }),
  over("tcp", {
    that: "closes when a message comes in pieces",
    accept: (honest) => ({ push: (chunk) => chunk.length < 20 ? undefined : honest(chunk) }),
    found: [["tcp-pieces", "fail", "closed without an answer after 0 ms"]],
  }),
  over("tcp", {
    that: "reads no more than one request of a packet",
    accept: (honest) => ({
      push: (chunk) => chunk.length < 100 ? honest(chunk) : honest(chunk.subarray(0, 20)),
    }),
    found: [["tcp-pipelining", "fail", "1 of 5"]],
  }),
  over("tcp", {
    that: "forgets what was asked before the FIN",
    accept: (honest) => ({ push: honest, forgetful: true }),
    found: [["tcp-half-close", "warn", "closed without an answer after 0 ms"]],
  }),
  over("tcp", {
    that: "goes on when garbage has come",
    accept: (honest) => ({ push: (chunk) => honest(chunk) ?? NOTHING }),
    found: [["tcp-garbage", "warn", "still open after 3.0 s"]],
  }),
  over("tcp", {
    that: "sends garbage back",
    accept: (honest) => ({ push: (chunk) => honest(chunk) ?? chunk }),
    found: [["tcp-garbage", "fail", "answered with 48 bytes"]],
  }),
  over("tcp", {
    that: "refuses DIAL-BACK, which is optional",
    accept: (honest) => ({
      push: (chunk) => {
        const answer = honest(chunk);
        return answer && chunk.length === 36 ? rewrittenBytes(answer, () => refusal(420)) : answer;
      },
    }),
    found: [["tcp-dial-back", "fail", "420 Unknown Attribute"]],
  }),
  over("tcp", {
    that: "resets connections after 4 s",
    accept: (honest) => ({ push: honest, resetMs: 4000 }),
    found: [["tcp-hold", "warn", "reset after 4.0 s"]],
  }),
  over("tcp", {
    that: "answers the first request of a connection alone",
    accept: (honest) => {
      let answered = false;
      return {
        push: (chunk) => {
          const answer = answered ? NOTHING : honest(chunk);
          answered ||= chunk.length === 20;
          return answer;
        },
      };
    },
    found: [["tcp-hold", "fail", "2 of 3 requests were not answered"]],
  }),
  {
    ...over("tls", {
      that: "chooses no application protocol",
      accept: (honest) => ({ push: honest }),
      found: [["tls-alpn", "warn", "the server chooses none"]],
    }),
    world: { choose: () => undefined, plan: { servers: { tls: GROUP.primary } } },
  },
  over("tls", {
    that: "has a certificate that nobody trusts",
    accept: () => "the peer's certificate is not trusted",
    found: [["tls-binding", "fail", "the peer's certificate is not trusted"]],
  }),
];

type Accept = (honest: (chunk: Uint8Array) => Uint8Array | undefined) => ServerStream | string;

function over(
  transport: "tcp" | "tls",
  { accept, ...fault }: Omit<FaultCase, "world"> & { readonly accept: Accept },
): FaultCase {
  return { ...fault, world: { accept, plan: { servers: { [transport]: GROUP.primary } } } };
}

/** Changes every message that is written. */
function rewriting(change: Parameters<typeof rewrittenBytes>[1]): Accept {
  return (honest) => ({
    push: (chunk) => {
      const answer = honest(chunk);
      return answer && answer.length > 0 && chunk.length === 20
        ? rewrittenBytes(answer, change)
        : answer;
    },
  });
}

const NOTHING = new Uint8Array(0);
