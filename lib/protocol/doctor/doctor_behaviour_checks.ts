import {
  attribute,
  CHANGE_REQUEST,
  type ChangeFlags,
  equalIps,
  equalSocketAddresses,
  ERROR_CODE,
  formatSocketAddress,
  isUnspecifiedIp,
  MAPPED_ADDRESS,
  OTHER_ADDRESS,
  RESPONSE_ADDRESS,
  RESPONSE_ORIGIN,
  RESPONSE_PORT,
  type SocketAddress,
  type StunMessage,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../wire/mod.ts";
import type { DoctorCheck, DoctorPatient } from "./doctor_check.ts";
import {
  classicTransactionId,
  type DatagramReplies,
  type DatagramReply,
  isResponseTo,
  sayResponse,
  sendDatagrams,
} from "./doctor_datagrams.ts";
import { type DoctorFinding, fail, pass, skip, warn } from "./doctor_report.ts";
import type { DoctorSteps } from "./doctor_step.ts";
import { changeRole, ENDPOINT_ROLES, type EndpointGroup } from "../mod.ts";
import { bindingRequest } from "../discovery/mod.ts";

/**
 * Whether a server can be made to send to where nobody asked from, and whether its RFC 5780 is
 * honest. The only other targets that are ever named are sockets of our own.
 */
export const BEHAVIOUR_CHECKS: readonly DoctorCheck[] = [
  {
    id: "no-reflector",
    title: "Is no reflector: does not honour RESPONSE-ADDRESS",
    rfc: "5389 18.2",
    transport: "udp",
    *examine({ plan }) {
      const to = plan.servers.udp!;
      const target = yield* openTarget(plan, "no-reflector target");
      if (target === undefined) return fail("no answer");
      const attributes = [attribute(RESPONSE_ADDRESS, target)];
      const lures = [
        bindingRequest(plan.transactionId(), attributes),
        bindingRequest(classicTransactionId(plan.transactionId), attributes),
      ];
      const { others } = yield* sendDatagrams({
        socket: "no-reflector",
        watch: ["no-reflector target"],
        to,
        datagrams: [...lures, bindingRequest(plan.transactionId())],
        lingerMs: LINGER_MS,
      });
      return others.some(({ socket, bytes }) =>
          socket === "no-reflector target" && lures.some((lure) => isResponseTo(lure, bytes))
        )
        ? fail("the answer went to the socket that RESPONSE-ADDRESS names")
        : pass("nothing came to the socket that RESPONSE-ADDRESS names");
    },
  },
  {
    id: "response-port",
    title: "Refuses RESPONSE-PORT, or answers to that port",
    rfc: "5780 7.5",
    transport: "udp",
    *examine({ plan }) {
      const target = yield* openTarget(plan, "response-port target");
      const source = yield* openTarget(plan, "response-port");
      if (target === undefined || source === undefined) return fail("no answer");
      if (target.port === 0) return skip("the server says that our port is 0");
      if (!equalIps(target.ip, source.ip)) {
        return skip("the NAT gives the sockets of this host different addresses");
      }
      const { answer } = yield* sendDatagrams({
        socket: "response-port",
        watch: ["response-port target"],
        to: plan.servers.udp!,
        datagrams: [
          bindingRequest(plan.transactionId(), [attribute(RESPONSE_PORT, target.port)]),
        ],
      });
      if (answer === undefined) return fail("no answer, neither there nor here");
      if (valueOf(answer.message, ERROR_CODE)?.code === 420) return pass("refused with 420");
      if (answer.socket === "response-port target") return pass("answered to that port");
      return fail(`answered with ${sayResponse(answer.message)} to the port that asked`);
    },
  },
  {
    id: "other-address",
    title: "Answers at the other addresses that it tells of",
    rfc: "5780 7.4",
    transport: "udp",
    *examine({ plan, udp }) {
      const group = endpointsOf(plan.servers.udp!, udp!);
      if (typeof group === "string") return fail(group);
      if (group === undefined) return skip(NO_5780);
      for (const role of ENDPOINT_ROLES.slice(1)) {
        const to = group[role];
        const { answer } = yield* sendDatagrams({
          socket: "other-address",
          to,
          datagrams: [bindingRequest(plan.transactionId())],
        });
        const name = formatSocketAddress(to);
        if (answer === undefined) return fail(`${name} does not answer`);
        if (!equalSocketAddresses(answer.from, to)) {
          return fail(`${name} answers from ${formatSocketAddress(answer.from)}`);
        }
      }
      return pass(formatSocketAddress(group["alternate-both"]));
    },
  },
  {
    id: "response-origin",
    title: "RESPONSE-ORIGIN is where the answer comes from",
    rfc: "5780 7.3",
    transport: "udp",
    judge({ udp }) {
      const { message, from } = udp!.answer!;
      const origin = valueOf(message, RESPONSE_ORIGIN);
      if (origin === undefined) {
        return valueOf(message, OTHER_ADDRESS) === undefined
          ? skip(NO_5780)
          : fail("OTHER-ADDRESS came without RESPONSE-ORIGIN");
      }
      const name = formatSocketAddress(origin);
      return equalSocketAddresses(origin, from)
        ? pass(name)
        : fail(`it says ${name}, the answer came from ${formatSocketAddress(from)}`);
    },
  },
  {
    id: "change-request",
    title: "Refuses CHANGE-REQUEST, or answers from where asked",
    rfc: "5780 7.2",
    transport: "udp",
    *examine({ plan, udp }) {
      const group = endpointsOf(plan.servers.udp!, udp!);
      if (typeof group === "string") return skip("OTHER-ADDRESS is not to be believed");
      if (group === undefined) return yield* examineRefusal(plan);
      const outside = yield* openFilter(plan, group);
      if (outside.some((one) => !equalSocketAddresses(one, outside[0]!))) {
        return skip("the NAT does not let the other addresses in: it is symmetric");
      }
      for (const change of CHANGES) {
        const answer = yield* askChange(plan, change);
        const wanted = group[changeRole("primary", change)];
        const how = sayChange(change);
        if (answer === undefined) return fail(`no answer to ${how}`);
        if (answer.message.class === "error") {
          return fail(`${sayResponse(answer.message)} to ${how}, though it has OTHER-ADDRESS`);
        }
        const from = formatSocketAddress(answer.from);
        if (!equalSocketAddresses(answer.from, wanted)) {
          return fail(`${how} was answered from ${from}, not ${formatSocketAddress(wanted)}`);
        }
        const origin = valueOf(answer.message, RESPONSE_ORIGIN);
        if (origin === undefined || !equalSocketAddresses(origin, answer.from)) {
          const says = origin === undefined ? "is missing" : `is ${formatSocketAddress(origin)}`;
          return fail(`${how} was answered from ${from}, RESPONSE-ORIGIN ${says}`);
        }
      }
      return pass("from the same, another port, another address, and both");
    },
  },
];

/** A socket of our own that has been heard of by the server alone: its reflexive address. */
function* openTarget(
  plan: DoctorPatient["plan"],
  socket: string,
): DoctorSteps<SocketAddress | undefined> {
  const datagrams = [bindingRequest(plan.transactionId())];
  const { answer } = yield* sendDatagrams({ socket, to: plan.servers.udp!, datagrams });
  return answer && reflexiveIn(answer.message);
}

/**
 * Sends to all four addresses, so that a NAT or a firewall on the way lets their answers in; tells
 * how each that answers sees the socket.
 */
function* openFilter(
  plan: DoctorPatient["plan"],
  group: EndpointGroup,
): DoctorSteps<readonly SocketAddress[]> {
  const outside: SocketAddress[] = [];
  for (const role of ENDPOINT_ROLES) {
    const datagrams = [bindingRequest(plan.transactionId())];
    const to = group[role];
    const { answer } = yield* sendDatagrams({ socket: "change-request", to, datagrams });
    const reflexive = answer && reflexiveIn(answer.message);
    if (reflexive !== undefined) outside.push(reflexive);
  }
  return outside;
}

function reflexiveIn(message: StunMessage): SocketAddress | undefined {
  return valueOf(message, XOR_MAPPED_ADDRESS) ?? valueOf(message, MAPPED_ADDRESS);
}

/** A server without RFC 5780 does not know CHANGE-REQUEST, which it must not ignore then. */
function* examineRefusal(plan: DoctorPatient["plan"]): DoctorSteps<DoctorFinding> {
  const answer = yield* askChange(plan, CHANGES[3]!);
  if (answer === undefined) return warn("not answered: without OTHER-ADDRESS, 420 is wanted");
  if (valueOf(answer.message, ERROR_CODE)?.code === 420) return pass("refused with 420");
  const what = sayResponse(answer.message);
  return equalSocketAddresses(answer.from, plan.servers.udp!)
    ? warn(`ignored, answered with ${what}: without OTHER-ADDRESS, 420 is wanted`)
    : fail(`answered from ${formatSocketAddress(answer.from)}, of which OTHER-ADDRESS is silent`);
}

function* askChange(
  plan: DoctorPatient["plan"],
  change: ChangeFlags,
): DoctorSteps<DatagramReply | undefined> {
  const request = bindingRequest(plan.transactionId(), [attribute(CHANGE_REQUEST, change)]);
  const to = plan.servers.udp!;
  const { answer } = yield* sendDatagrams({ socket: "change-request", to, datagrams: [request] });
  return answer;
}

/** The four addresses of a server; undefined if it has no RFC 5780, a text if it has a bad one. */
function endpointsOf(
  server: SocketAddress,
  { answer }: DatagramReplies,
): EndpointGroup | string | undefined {
  const other = answer && valueOf(answer.message, OTHER_ADDRESS);
  if (other === undefined) return undefined;
  const name = formatSocketAddress(other);
  if (other.ip.length !== server.ip.length) return `${name} is of another family`;
  if (other.port === 0 || isUnspecifiedIp(other.ip) || isForMany(other.ip)) {
    return `${name} is no address of a server`;
  }
  if (equalIps(other.ip, server.ip)) return `${name} is not another address`;
  if (other.port === server.port) return `${name} is not another port`;
  return {
    "primary": server,
    "alternate-port": { ip: server.ip, port: other.port },
    "alternate-address": { ip: other.ip, port: server.port },
    "alternate-both": other,
  };
}

/** Multicast or broadcast: nothing that a stranger's word may make us send to. */
function isForMany(ip: Uint8Array): boolean {
  return ip.length === 4 ? ip[0]! >= 224 : ip[0] === 0xff;
}

function sayChange({ changeAddress, changePort }: ChangeFlags): string {
  const flags = [...changeAddress ? ["change IP"] : [], ...changePort ? ["change port"] : []];
  return `CHANGE-REQUEST with ${flags.join(" and ") || "no flag"}`;
}

const CHANGES: readonly ChangeFlags[] = [
  { changeAddress: false, changePort: false },
  { changeAddress: false, changePort: true },
  { changeAddress: true, changePort: false },
  { changeAddress: true, changePort: true },
];

const NO_5780 = "the server has no RFC 5780";

/** An answer to what came first is not much later than one to what came behind. */
const LINGER_MS = 300;
