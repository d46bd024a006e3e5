import { checkFingerprint, SOFTWARE } from "../../../lib/wire/mod.ts";
import { type FaultCase, success } from "./doctor_faults.ts";
import { type Asked, type DoctorWorldOptions, rewritten } from "./doctor_world.ts";

/** Servers that answer what must not be answered. */
export const SILENCE_FAULTS: readonly FaultCase[] = [
  {
    that: "answers indications",
    world: chatty(({ message }) => message?.class === "indication"),
    found: [["silent-indication", "fail", "an indication was answered with a success"]],
  },
  {
    that: "answers success responses",
    world: chatty(({ message }) => message?.class === "success"),
    found: [["silent-response", "fail", "a success response was answered with a success"]],
  },
  {
    that: "answers error responses",
    world: chatty(({ message }) => message?.class === "error"),
    found: [["silent-response", "fail", "an error response was answered with a success"]],
  },
  {
    that: "answers methods that it does not know",
    world: chatty(({ message }) => message?.method === 0xeee),
    found: [["silent-method", "fail", "a request of method 0xEEE was answered with a success"]],
  },
  {
    that: "sends back what is not STUN",
    world: {
      answers: (honest, { bytes, source, role }) =>
        bytes[0] === 0xff ? [{ bytes, destination: source, via: role }] : honest,
    },
    found: [["silent-garbage", "fail", "48 bytes of 0xFF was answered with 48 bytes"]],
  },
  {
    that: "does not look at the first two bits",
    world: chatty(({ bytes }) => bytes[0] === 0xc0),
    found: [[
      "silent-garbage",
      "fail",
      "a request whose first two bits are set was answered with a success",
    ]],
  },
  {
    that: "answers an empty datagram",
    world: chatty(({ bytes }) => bytes.length === 0),
    found: [["silent-garbage", "fail", "one of them was answered with a success"]],
  },
  {
    that: "answers truncated requests",
    world: chatty(({ bytes }) => bytes.length === 19),
    found: [["silent-length", "fail", "19 bytes of a request was answered with a success"]],
  },
  {
    that: "does not look at the length",
    world: chatty(({ bytes, message }) =>
      message === undefined && bytes[0] === 0 && bytes.length > 19
    ),
    found: [[
      "silent-length",
      "fail",
      "a request that lacks 8 bytes by its length was answered with a success",
    ]],
  },
  {
    that: "answers requests whose FINGERPRINT is wrong",
    world: chatty(({ message }) =>
      message?.class === "request" && checkFingerprint(message) === "invalid"
    ),
    found: [[
      "silent-fingerprint",
      "warn",
      "a request with a wrong FINGERPRINT was answered with a success",
    ]],
  },
  {
    that: "falls silent for good after an indication",
    world: fallingSilent(({ message }) => message?.class === "indication"),
    found: [[
      "silent-indication",
      "fail",
      "a good request sent behind it was not answered either",
    ]],
  },
];

/** Servers that lose or inflate answers, or have a family that is not served. */
export const NETWORK_FAULTS: readonly FaultCase[] = [
  {
    that: "does not answer in its other family",
    world: { answers: (honest, { source }) => source.ip.length === 16 ? [] : honest },
    found: [["other-family", "warn", "no answer from [2001:db8::1]:3478, or no way to it"]],
  },
  {
    that: "answers every other request of a series",
    world: thinning(),
    found: [["loss", "warn", "4 of 10 lost, p50 3.0 ms, p99 9.0 ms"]],
  },
  {
    that: "answers with 156 bytes",
    world: inflating(120),
    found: [["amplification", "warn", "9.0 at most: 180 bytes for 20"]],
  },
  {
    that: "answers with 280 bytes",
    world: inflating(220),
    found: [["amplification", "fail", "14.0 at most: 280 bytes for 20"]],
  },
];

/** Answers also what must not be answered. */
function chatty(about: (asked: Asked) => boolean): DoctorWorldOptions {
  return {
    answers: (honest, asked) => {
      if (!about(asked)) return honest;
      const { bytes, source } = asked;
      const transactionId = new Uint8Array(12);
      transactionId.set(bytes.subarray(8, 20));
      return [success({ transactionId }, source)];
    },
  };
}

function fallingSilent(after: (asked: Asked) => boolean): DoctorWorldOptions {
  const ports = new Set<number>();
  return {
    answers: (honest, asked) => {
      if (after(asked)) ports.add(asked.source.port);
      return ports.has(asked.source.port) ? [] : honest;
    },
  };
}

/** Answers five requests of one port, and from then on every other. */
function thinning(): DoctorWorldOptions {
  const counts = new Map<number, number>();
  return {
    answers: (honest, { source: { port } }) => {
      const count = (counts.get(port) ?? 0) + 1;
      counts.set(port, count);
      return count > 3 && count % 2 === 0 ? [] : honest;
    },
  };
}

function inflating(bytes: number): DoctorWorldOptions {
  return {
    answers: (honest, { bytes: { length }, source }) =>
      length > 20 || source.ip.length === 16
        ? honest
        : honest.map((sent) =>
          rewritten(sent, ({ attributes }) => ({
            attributes: [...attributes, { type: SOFTWARE.type, value: new Uint8Array(bytes) }],
          }))
        ),
  };
}
