import type { Clock } from "../ops/mod.ts";

/** What ends a {@linkcode pause} before its time. */
export interface PauseOptions {
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives it up. */
  readonly signal: AbortSignal | undefined;
  /** Something that was waited for. @default {undefined} nothing */
  readonly until?: Promise<unknown> | undefined;
}

/** Waits so many ms, or until it has no use any more. */
export async function pause(ms: number, options: PauseOptions): Promise<void> {
  const { clock, signal, until } = options;
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const cancel = clock.setTimer(ms, end);
  signal?.addEventListener("abort", end, { once: true });
  void until?.then(end);
  await promise;
  cancel();
  signal?.removeEventListener("abort", end);
}
