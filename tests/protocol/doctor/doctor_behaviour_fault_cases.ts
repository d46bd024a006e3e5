import { ENDPOINT_ROLES } from "../../../lib/protocol/mod.ts";
import {
  attribute,
  CHANGE_REQUEST,
  findAttribute,
  FINGERPRINT,
  OTHER_ADDRESS,
  RESPONSE_ADDRESS,
  RESPONSE_ORIGIN,
  RESPONSE_PORT,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { address } from "../binding_cases.ts";
import {
  answering,
  type FaultCase,
  overlooking,
  refusal,
  success,
  unless,
} from "./doctor_faults.ts";
import { type DoctorWorldOptions, GROUP, rewritten, withAttribute } from "./doctor_world.ts";

/** Servers that can be made to send elsewhere, or are not honest about RFC 5780. */
export const BEHAVIOUR_FAULTS: readonly FaultCase[] = [
  {
    that: "honours RESPONSE-ADDRESS",
    world: {
      answers: (honest, { message, source, role }) => {
        const destination = message && valueOf(message, RESPONSE_ADDRESS);
        return destination === undefined
          ? honest
          : [{ ...success(message!, source), via: role, destination }];
      },
    },
    found: [[
      "no-reflector",
      "fail",
      "the answer went to the socket that RESPONSE-ADDRESS names",
    ]],
  },
  {
    that: "ignores RESPONSE-PORT",
    world: {
      answers: (honest, { message, source }) =>
        message && valueOf(message, RESPONSE_PORT) !== undefined
          ? honest.map((sent) => ({ ...sent, destination: source }))
          : honest,
    },
    found: [["response-port", "fail", "answered with a success to the port that asked"]],
  },
  {
    that: "does not answer to RESPONSE-PORT",
    world: { answers: unless((message) => valueOf(message, RESPONSE_PORT) !== undefined) },
    found: [["response-port", "fail", "no answer, neither there nor here"]],
  },
  {
    that: "tells an OTHER-ADDRESS of the same IP address",
    world: telling("198.51.100.1:3479"),
    found: [["other-address", "fail", "198.51.100.1:3479 is not another address"]],
  },
  {
    that: "tells an OTHER-ADDRESS of the same port",
    world: telling("198.51.100.2:3478"),
    found: [["other-address", "fail", "198.51.100.2:3478 is not another port"]],
  },
  {
    that: "tells an OTHER-ADDRESS of another family",
    world: telling("[2001:db8::2]:3479"),
    found: [["other-address", "fail", "[2001:db8::2]:3479 is of another family"]],
  },
  {
    that: "tells an OTHER-ADDRESS that is a group of hosts",
    world: telling("239.1.2.3:3479"),
    found: [["other-address", "fail", "239.1.2.3:3479 is no address of a server"]],
  },
  {
    that: "tells an OTHER-ADDRESS at which it does not answer",
    world: {
      answers: (honest, { role }) => role === "alternate-both" ? [] : honest,
    },
    found: [["other-address", "fail", "198.51.100.2:3479 does not answer"]],
  },
  {
    that: "answers at its other addresses from its first",
    world: {
      answers: (honest, { role, message }) =>
        role === "primary" || message?.attributes.length !== 0
          ? honest
          : honest.map((sent) => ({ ...sent, via: "primary" })),
    },
    found: [["other-address", "fail", "198.51.100.1:3479 answers from 198.51.100.1:3478"]],
  },
  {
    that: "lies about RESPONSE-ORIGIN",
    world: answering((message) => {
      return valueOf(message, RESPONSE_ORIGIN) === undefined ? {} : {
        attributes: withAttribute(
          message,
          attribute(RESPONSE_ORIGIN, GROUP["alternate-port"]),
        ),
      };
    }),
    found: [
      [
        "response-origin",
        "fail",
        "it says 198.51.100.1:3479, the answer came from 198.51.100.1:3478",
      ],
      [
        "change-request",
        "fail",
        "CHANGE-REQUEST with no flag was answered from 198.51.100.1:3478, RESPONSE-ORIGIN is " +
        "198.51.100.1:3479",
      ],
    ],
  },
  {
    that: "has OTHER-ADDRESS without RESPONSE-ORIGIN",
    world: answering((message) => ({
      attributes: message.attributes.filter(({ type }) =>
        type !== RESPONSE_ORIGIN.type && type !== FINGERPRINT.type
      ),
    })),
    found: [
      ["response-origin", "fail", "OTHER-ADDRESS came without RESPONSE-ORIGIN"],
      [
        "change-request",
        "fail",
        "CHANGE-REQUEST with no flag was answered from 198.51.100.1:3478, RESPONSE-ORIGIN is " +
        "missing",
      ],
    ],
  },
  {
    that: "has RFC 5780 and answers CHANGE-REQUEST from where it was asked",
    world: {
      answers: (honest, { message }) =>
        message && valueOf(message, CHANGE_REQUEST)
          ? honest.map((sent) => ({ ...sent, via: "primary" }))
          : honest,
    },
    found: [[
      "change-request",
      "fail",
      "CHANGE-REQUEST with change port was answered from 198.51.100.1:3478, not " +
      "198.51.100.1:3479",
    ]],
  },
  {
    that: "has RFC 5780 and takes change IP for change port",
    world: {
      answers: (honest, { message }) =>
        message && valueOf(message, CHANGE_REQUEST)?.changeAddress
          ? honest.map((sent) => ({ ...sent, via: "alternate-port" }))
          : honest,
    },
    found: [[
      "change-request",
      "fail",
      "CHANGE-REQUEST with change IP was answered from 198.51.100.1:3479, not " +
      "198.51.100.2:3478",
    ]],
  },
  {
    that: "has RFC 5780 and does not answer from its other address",
    world: {
      answers: unless((message) => valueOf(message, CHANGE_REQUEST)?.changeAddress === true),
    },
    found: [["change-request", "fail", "no answer to CHANGE-REQUEST with change IP"]],
  },
  {
    that: "is seen through a symmetric NAT, in nothing",
    world: {
      answers: (honest, { role, source }) =>
        source.ip.length === 16 ? honest : honest.map((sent) =>
          rewritten(sent, (message) => {
            const seen = valueOf(message, XOR_MAPPED_ADDRESS);
            const ip = Uint8Array.of(203, 0, 113, ENDPOINT_ROLES.indexOf(role));
            return seen === undefined ? {} : {
              attributes: withAttribute(
                message,
                attribute(XOR_MAPPED_ADDRESS, { ip, port: seen.port }),
              ),
            };
          })
        ),
    },
    found: [[
      "mapped-address",
      "warn",
      "MAPPED-ADDRESS says 192.0.2.1:40005, the other 203.0.113.0:40005; a NAT may have " +
      "rewritten it",
    ]],
  },
  {
    that: "has RFC 5780 and refuses CHANGE-REQUEST",
    world: {
      answers: (honest, { message }) =>
        message && valueOf(message, CHANGE_REQUEST)
          ? honest.map((sent) => ({ ...rewritten(sent, () => refusal(420)), via: "primary" }))
          : honest,
    },
    found: [[
      "change-request",
      "fail",
      "420 Unknown Attribute to CHANGE-REQUEST with no flag, though it has OTHER-ADDRESS",
    ]],
  },
  {
    that: "has no RFC 5780 and ignores CHANGE-REQUEST",
    world: { discovers: false, answers: overlooking(CHANGE_REQUEST.type) },
    found: [[
      "change-request",
      "warn",
      "ignored, answered with a success: without OTHER-ADDRESS, 420 is wanted",
    ]],
  },
  {
    that: "has no RFC 5780 and does not answer CHANGE-REQUEST",
    world: {
      discovers: false,
      answers: unless((message) => findAttribute(message, CHANGE_REQUEST.type) !== undefined),
    },
    found: [["change-request", "warn", "not answered: without OTHER-ADDRESS, 420 is wanted"]],
  },
  {
    that: "honours CHANGE-REQUEST and has no OTHER-ADDRESS",
    world: {
      discovers: false,
      answers: (honest, { message, source }) =>
        message && findAttribute(message, CHANGE_REQUEST.type)
          ? [{ ...success(message, source), via: "alternate-both" }]
          : honest,
    },
    found: [[
      "change-request",
      "fail",
      "answered from 198.51.100.2:3479, of which OTHER-ADDRESS is silent",
    ]],
  },
];

/** Tells this OTHER-ADDRESS where it tells one. */
function telling(other: string): DoctorWorldOptions {
  return answering((message) =>
    valueOf(message, OTHER_ADDRESS) === undefined
      ? {}
      : { attributes: withAttribute(message, attribute(OTHER_ADDRESS, address(other))) }
  );
}
