import {
  attribute,
  checkFingerprint,
  ERROR_CODE,
  findAttribute,
  FINGERPRINT,
  MAPPED_ADDRESS,
  SOFTWARE,
  type StunMessage,
  UNKNOWN_ATTRIBUTES,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { address } from "../binding_cases.ts";
import { answering, type FaultCase, overlooking, refusal, unless } from "./doctor_faults.ts";
import { type DoctorWorldOptions, rewritten, type Sent, withAttribute } from "./doctor_world.ts";

/** Servers that get plain Binding requests and their answers wrong. */
export const BINDING_FAULTS: readonly FaultCase[] = [
  {
    that: "has MAPPED-ADDRESS alone in its answers",
    world: answering((message) => ({
      attributes: message.attributes.filter(({ type }) => type !== FINGERPRINT.type).map(
        ({ type, value }) => {
          return type === XOR_MAPPED_ADDRESS.type
            ? attribute(MAPPED_ADDRESS, valueOf(message, XOR_MAPPED_ADDRESS)!)
            : { type, value };
        },
      ),
    })),
    found: [
      ["rfc5389", "fail", "the answer has no XOR-MAPPED-ADDRESS that can be read"],
      ["rfc8489", "fail", "the answer has no XOR-MAPPED-ADDRESS that can be read"],
      ["mapped-address", "fail", "the answer has no XOR-MAPPED-ADDRESS"],
      ["unknown-optional", "fail", "the answer has no XOR-MAPPED-ADDRESS that can be read"],
      [
        "other-family",
        "fail",
        "[2001:db8::1]:3478: the answer has no XOR-MAPPED-ADDRESS that can be read",
      ],
    ],
  },
  {
    that: "does not answer requests with SOFTWARE",
    world: { answers: unless((message) => findAttribute(message, SOFTWARE.type) !== undefined) },
    found: [["rfc8489", "fail", "no answer"], ["fingerprint", "fail", "no answer"]],
  },
  {
    that: "does not answer requests of RFC 3489",
    world: { answers: unless(({ transactionId }) => transactionId.length === 16) },
    found: [["rfc3489", "warn", "no answer"]],
  },
  {
    that: "answers requests of RFC 3489 as it does all others",
    world: answering((message) =>
      message.transactionId.length === 12 ? {} : {
        attributes: [attribute(XOR_MAPPED_ADDRESS, address("192.0.2.1:40000"))],
      }
    ),
    found: [[
      "rfc3489",
      "warn",
      "the answer has no MAPPED-ADDRESS, which is the one that such a client knows",
    ]],
  },
  {
    that: "makes up transaction ids",
    world: answering(({ transactionId }) => {
      return { transactionId: transactionId.map((byte) => byte ^ 0xff) };
    }),
    found: [
      ["rfc5389", "fail", "no answer"],
      ["transaction-id", "fail", "a response came with another transaction id"],
    ],
  },
  {
    that: "answers from another port than was asked",
    world: {
      discovers: false,
      answers: (honest) => honest.map((sent) => ({ ...sent, via: "alternate-port" })),
    },
    found: [["source", "fail", "from 198.51.100.1:3479"]],
  },
  {
    that: "wants credentials",
    world: answering(() => refusal(401)),
    found: [
      ["rfc5389", "warn", "401 Unauthenticated"],
      ["no-credentials", "warn", "401 Unauthenticated"],
    ],
  },
  {
    that: "sends its clients elsewhere",
    world: answering(() => refusal(300)),
    found: [["rfc5389", "warn", "300 Try Alternate"]],
  },
  {
    that: "answers with an error of its own",
    world: answering(() => refusal(500)),
    found: [["rfc5389", "fail", "500 Server Error"]],
  },
  {
    that: "tells a wrong port",
    world: {
      discovers: false,
      ...mapping((message) => {
        const { ip, port } = valueOf(message, XOR_MAPPED_ADDRESS)!;
        return [{ ip, port: port + 1 }];
      }),
    },
    found: [[
      "mapped-address",
      "fail",
      "192.0.2.1:40006 is not this host's 192.0.2.1:40005, and there should be no NAT between",
    ]],
  },
  {
    that: "does not XOR the address",
    world: {
      discovers: false,
      ...answering((message) => {
        if (message.class === "error" || message.transactionId.length === 16) return {};
        const value = new Uint8Array(findAttribute(message, XOR_MAPPED_ADDRESS.type)!.value);
        const key = [0, 0, 0x21, 0x12, 0x21, 0x12, 0xa4, 0x42];
        return {
          attributes: withAttribute(message, {
            type: XOR_MAPPED_ADDRESS.type,
            value: value.map((byte, i) => byte ^ (key[i] ?? 0)),
          }),
        };
      }),
    },
    found: [[
      "mapped-address",
      "fail",
      "XOR-MAPPED-ADDRESS holds 192.0.2.1:40005 without the XOR",
    ]],
  },
  {
    that: "tells another address each time",
    world: {
      discovers: false,
      ...mapping(({ transactionId }) => [address(`203.0.113.${transactionId[0]}:1`)]),
    },
    found: [["mapped-address", "fail", "203.0.113.9:1, then 203.0.113.10:1 for the same socket"]],
  },
  {
    that: "has two opinions about the address",
    world: {
      discovers: false,
      ...mapping((message) => [
        valueOf(message, XOR_MAPPED_ADDRESS)!,
        address("203.0.113.1:1"),
      ]),
    },
    found: [[
      "mapped-address",
      "fail",
      "MAPPED-ADDRESS says 203.0.113.1:1, the other 192.0.2.1:40005",
    ]],
  },
  {
    that: "is behind a NAT that rewrites addresses, or says so",
    world: {
      discovers: false,
      ...mapping(() => [address("203.0.113.1:1"), address("192.0.2.1:40002")]),
    },
    found: [[
      "mapped-address",
      "warn",
      "MAPPED-ADDRESS says 192.0.2.1:40002, the other 203.0.113.1:1; a NAT may have rewritten it",
    ]],
  },
  {
    that: "tells an address of another family",
    world: { discovers: false, ...mapping(() => [address("[2001:db8::1]:1")]) },
    found: [[
      "mapped-address",
      "fail",
      "[2001:db8::1]:1 is of another family than the request",
    ]],
  },
  {
    that: "tells the address of nobody",
    world: { discovers: false, ...mapping(() => [address("0.0.0.0:1")]) },
    found: [["mapped-address", "fail", "0.0.0.0:1 is no address"]],
  },
  {
    that: "tells port 0",
    world: { discovers: false, ...mapping(() => [address("192.0.2.1:0")]) },
    found: [["mapped-address", "fail", "192.0.2.1:0 is no address"]],
  },
  {
    that: "leaves FINGERPRINT out",
    world: { answers: (honest) => honest.map(withoutFingerprint) },
    found: [["fingerprint", "warn", "the answer has no FINGERPRINT"]],
  },
  {
    that: "gets FINGERPRINT wrong",
    world: {
      answers: (honest, { message }) =>
        message !== undefined && checkFingerprint(message) === "valid"
          ? honest.map(({ bytes, ...sent }) => {
            return { ...sent, bytes: bytes.with(-1, bytes.at(-1)! ^ 1) };
          })
          : honest,
    },
    found: [["fingerprint", "fail", "FINGERPRINT is wrong"]],
  },
  {
    that: "overlooks unknown attributes that are required",
    world: { answers: overlooking(0x7ff1, 0x7ff2) },
    found: [["unknown-required", "fail", "a success"]],
  },
  {
    that: "says of unknown attributes no more than 420",
    world: listing(undefined),
    found: [["unknown-required", "fail", "420 without a list"]],
  },
  {
    that: "lists the first of the unknown attributes alone",
    world: listing([0x7ff1]),
    found: [["unknown-required", "fail", "420, but 0x7FF2 is not listed"]],
  },
  {
    that: "lists optional attributes among the unknown ones",
    world: listing([0x7ff1, 0x7ff2, 0xfff1]),
    found: [["unknown-required", "fail", "420, but 0xFFF1 is listed too"]],
  },
  {
    that: "refuses unknown attributes with 400",
    world: answering((message) => {
      const unknown = valueOf(message, UNKNOWN_ATTRIBUTES);
      return unknown?.includes(0x7ff1) ? refusal(400) : {};
    }),
    found: [["unknown-required", "fail", "400 Bad Request"]],
  },
  {
    that: "refuses unknown attributes that are optional",
    world: {
      answers: (honest, { message }) =>
        message?.attributes.length === 1 && findAttribute(message, 0xfff1)
          ? honest.map((sent) => rewritten(sent, () => refusal(420)))
          : honest,
    },
    found: [["unknown-optional", "fail", "420 Unknown Attribute"]],
  },
];

/** Tells these addresses: XOR-MAPPED-ADDRESS, and MAPPED-ADDRESS if there are two. */
function mapping(
  addresses: (message: StunMessage) => readonly ReturnType<typeof address>[],
): DoctorWorldOptions {
  return {
    answers: (honest, { source }) =>
      honest.map((sent) =>
        source.ip.length === 16 ? sent : rewritten(sent, (message) => {
          if (valueOf(message, XOR_MAPPED_ADDRESS) === undefined) return {};
          const [xor, plain] = addresses(message);
          return {
            attributes: [
              attribute(XOR_MAPPED_ADDRESS, xor!),
              ...plain === undefined ? [] : [attribute(MAPPED_ADDRESS, plain)],
            ],
          };
        })
      ),
  };
}

/** Lists these attributes as unknown. */
function listing(types: readonly number[] | undefined): DoctorWorldOptions {
  return answering((message) => {
    if (!valueOf(message, UNKNOWN_ATTRIBUTES)?.includes(0x7ff1)) return {};
    const attributes = [attribute(ERROR_CODE, { code: 420, reason: "" })];
    if (types !== undefined) attributes.push(attribute(UNKNOWN_ATTRIBUTES, types));
    return { attributes };
  });
}

function withoutFingerprint(sent: Sent): Sent {
  if (sent.bytes.length < 28 || sent.bytes.at(-8) !== 0x80 || sent.bytes.at(-7) !== 0x28) {
    return sent;
  }
  const bytes = sent.bytes.slice(0, -8);
  bytes[3]! -= 8;
  return { ...sent, bytes };
}
