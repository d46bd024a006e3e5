import * as v from "valibot";
import type { AddressFamily } from "../../wire/mod.ts";
import { BOARD_LIMITS } from "../board/mod.ts";
import type { CandidateTransport } from "../board/mod.ts";

/**
 * What a peer of the bulletin board says of the punch that it wants to take part in. It names no
 * address and no secret: everybody in the room can read it.
 */
export interface PunchOffer {
  /** Over what it can meet; at least one. */
  readonly transports: readonly CandidateTransport[];
  /** Of which family its addresses are; undefined if it knows none. */
  readonly family?: AddressFamily | undefined;
}

/** What two peers say to each other, and to nobody else, until they begin to punch. */
export type PunchSignal =
  /** Asks a peer whether it wants to meet this one. */
  | { readonly punch: "invite" }
  /** It does: an answer to `invite`. */
  | { readonly punch: "accept" }
  /** It talks to another one at the moment: an answer to `invite`. */
  | { readonly punch: "busy" }
  /** It does not any more, or never did. */
  | { readonly punch: "withdraw" }
  /** One's own codes, one for each transport: whoever has those of both sides can take part. */
  | { readonly punch: "codes"; readonly codes: readonly string[] };

/** The name under which an offer is posted. */
export const PUNCH_POST_ID = "punch";

/** An offer as the `data` of a post. */
export function writePunchOffer({ transports, family }: PunchOffer): string {
  return JSON.stringify({ punch: { transports, family } });
}

/** The offer in the `data` of a post; undefined if there is none. */
export function readPunchOffer(data: string): PunchOffer | undefined {
  return read(offerSchema(), data)?.punch;
}

/** Whether two offers have a transport in common, over the same family. */
export function punchOffersFit(one: PunchOffer, other: PunchOffer): boolean {
  const { family = other.family } = one;
  return family === (other.family ?? family) &&
    one.transports.some((transport) => other.transports.includes(transport));
}

/** A message as the `data` of a signal. */
export function writePunchSignal(signal: PunchSignal): string {
  return JSON.stringify(signal);
}

/** The message in the `data` of a signal; undefined if there is none, as other programs signal too. */
export function readPunchSignal(data: string): PunchSignal | undefined {
  return read(signalSchema(), data);
}

function read<T>(schema: v.GenericSchema<unknown, T>, data: string): T | undefined {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), data);
  return result.success ? result.output : undefined;
}

// Functions, since a bundler cannot leave out what a module calls, and a browser that runs the board's
// page has no use for these

function offerSchema(): v.GenericSchema<unknown, { readonly punch: PunchOffer }> {
  return v.object({
    punch: v.object({
      transports: v.pipe(v.array(v.picklist(["udp", "tcp"])), v.minLength(1), v.maxLength(MOST)),
      family: v.optional(v.picklist([4, 6])),
    }),
  });
}

function signalSchema(): v.GenericSchema<unknown, PunchSignal> {
  const code = v.pipe(v.string(), v.maxLength(BOARD_LIMITS.maxSignalData));
  return v.variant("punch", [
    v.object({ punch: v.literal("invite") }),
    v.object({ punch: v.literal("accept") }),
    v.object({ punch: v.literal("busy") }),
    v.object({ punch: v.literal("withdraw") }),
    v.object({
      punch: v.literal("codes"),
      codes: v.pipe(v.array(code), v.minLength(1), v.maxLength(MOST)),
    }),
  ]);
}

/** One for each transport. */
const MOST = 2;
