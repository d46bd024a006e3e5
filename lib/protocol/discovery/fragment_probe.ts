import { attribute, PADDING, type SocketAddress } from "../../wire/mod.ts";
import { bindingRequest, type NatSteps, PATIENT_TIMING } from "./nat_probe.ts";
import type { Verdict } from "./nat_behaviour.ts";

/** What {@linkcode probeFragments} needs. */
export interface FragmentProbeOptions {
  /** A server with RFC 5780. */
  readonly server: SocketAddress;
  /** A fresh transaction id, 12 random bytes, at each call. */
  readonly transactionId: () => Uint8Array;
}

/**
 * Finds out whether UDP datagrams that do not fit one packet pass (RFC 5780 section 4.7): a request
 * with 1,600 bytes of PADDING, which the server answers with nearly as much.
 */
export function* probeFragments(
  options: FragmentProbeOptions,
): NatSteps<Verdict<"yes" | "no" | "unknown">> {
  const { server, transactionId } = options;
  const common = { socket: "fragments", to: server, timing: PATIENT_TIMING };
  const title = "Fragments";
  const small = () => ({
    title,
    probes: [{ ...common, request: bindingRequest(transactionId()), asks: "binding" }],
  });
  const [plain] = yield small();
  if (plain?.answered !== true) return cannot("the server did not answer");
  const request = bindingRequest(transactionId(), [attribute(PADDING, PADDING_BYTES)]);
  const [padded] = yield { title, probes: [{ ...common, request, asks: "a padded answer" }] };
  if (padded?.answered !== true) {
    const [after] = yield small();
    if (after?.answered !== true) return cannot("the server answers no more");
    return {
      value: "no",
      confidence: "medium",
      reason: `a request of ${request.length} bytes was not answered, small ones were`,
    };
  }
  const { response } = padded;
  if (response.class === "error") return cannot("the server does not know PADDING");
  return response.bytes.length > ONE_PACKET_BYTES
    ? {
      value: "yes",
      confidence: "high",
      reason:
        `a request of ${request.length} bytes and an answer of ${response.bytes.length} passed`,
    }
    : cannot(`the request passed, but the answer has only ${response.bytes.length} bytes`);
}

function cannot(why: string): Verdict<"unknown"> {
  return { value: "unknown", confidence: "none", reason: `this cannot be told: ${why}` };
}

/** More than Ethernet carries in one packet. */
const PADDING_BYTES = 1600;
/** What Ethernet carries in one packet, without the headers of IPv4 and UDP. */
const ONE_PACKET_BYTES = 1472;
