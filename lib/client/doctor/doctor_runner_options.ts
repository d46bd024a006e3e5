import type { Clock } from "../../ops/mod.ts";

/** What a {@linkcode DoctorRunner} needs. */
export interface DoctorRunnerOptions {
  /** TLS: the name that the server's certificate has to be for. */
  readonly hostname: string;
  /** TLS: authorities to trust beside those that Deno trusts anyway, in PEM. */
  readonly caCerts: readonly string[] | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives everything up. */
  readonly signal: AbortSignal | undefined;
}
