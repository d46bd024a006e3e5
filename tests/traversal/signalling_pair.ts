import type { PunchDescription } from "../../lib/protocol/punch/mod.ts";
import type { PunchSignalling } from "../../lib/traversal/mod.ts";

/** A signalling for each of two sides, which hand each other their descriptions in memory. */
export function signallingPair(): readonly [PunchSignalling, PunchSignalling] {
  const one = Promise.withResolvers<PunchDescription>();
  const two = Promise.withResolvers<PunchDescription>();
  const side = (own: typeof one, other: typeof one): PunchSignalling => ({
    send: (description) => Promise.resolve(own.resolve(description)),
    receive: () => other.promise,
  });
  return [side(one, two), side(two, one)];
}
