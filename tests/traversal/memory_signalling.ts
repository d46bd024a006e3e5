import type { PunchDescription } from "../../lib/protocol/punch/mod.ts";
import type { PunchSignalling } from "../../lib/traversal/mod.ts";

/** Two ends between which descriptions are exchanged; both begin once both are ready. */
export function memorySignalling(): readonly [PunchSignalling, PunchSignalling] {
  const descriptions = [0, 1].map(() => Promise.withResolvers<PunchDescription>());
  const ready = [0, 1].map(() => Promise.withResolvers<void>());
  const end = (own: 0 | 1): PunchSignalling => ({
    send: (description) => Promise.resolve(descriptions[own]!.resolve(description)),
    receive: () => descriptions[1 - own]!.promise,
    ready: async () => {
      ready[own]!.resolve();
      await Promise.all(ready.map(({ promise }) => promise));
    },
  });
  return [end(0), end(1)];
}
