import { concat } from "@std/bytes";
import type {
  DoctorStreamAction,
  DoctorStreamResult,
  DoctorStreamStep,
} from "../../protocol/doctor/mod.ts";
import {
  ConnectionError,
  connectTcp,
  connectTls,
  type StreamConnection,
  type TlsConnection,
} from "../../transport/mod.ts";
import type { DoctorRunnerOptions } from "./doctor_runner_options.ts";
import { inTime } from "../mod.ts";
import { pause } from "../mod.ts";

/** Carries out a step of an examination over a connection of its own. */
export async function talkOverStream(
  step: DoctorStreamStep,
  options: DoctorRunnerOptions,
): Promise<DoctorStreamResult> {
  try {
    const connection = await connect(step, options);
    await using talk = new Talk(connection, { step, options });
    return await talk.run();
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    return { ...NO_CONNECTION, failure: error.message };
  }
}

async function connect(
  { transport, to, alpn = [] }: DoctorStreamStep,
  options: DoctorRunnerOptions,
): Promise<StreamConnection & Partial<TlsConnection>> {
  const { hostname, caCerts = [] } = options;
  return await inTime(
    { ...options, timeoutMs: CONNECT_MS },
    (signal) =>
      transport === "tcp"
        ? connectTcp(to, { signal })
        : connectTls(to, { hostname, caCerts, alpn, signal }),
  );
}

/** One connection, from its opening to its end. */
class Talk implements AsyncDisposable {
  readonly #connection: StreamConnection & Partial<TlsConnection>;
  readonly #step: DoctorStreamStep;
  readonly #options: DoctorRunnerOptions;
  readonly #begun: number;
  readonly #reading: Promise<void>;
  /** Resolves when all has come that was waited for, or nothing more will. */
  readonly #enough = Promise.withResolvers<void>();
  #received: Uint8Array = new Uint8Array(0);
  #end: DoctorStreamResult["end"] = "open";
  #endedAt: number | undefined;

  constructor(
    connection: StreamConnection & Partial<TlsConnection>,
    { step, options }: {
      readonly step: DoctorStreamStep;
      readonly options: DoctorRunnerOptions;
    },
  ) {
    this.#connection = connection;
    this.#step = step;
    this.#options = options;
    this.#begun = options.clock.now();
    this.#reading = this.#read();
  }

  async run(): Promise<DoctorStreamResult> {
    for (const action of this.#step.actions) {
      if (this.#end !== "open" || this.#options.signal?.aborted) break;
      await this.#act(action);
    }
    await pause(this.#step.waitMs, { ...this.#options, until: this.#enough.promise });
    return {
      kind: "stream",
      failure: undefined,
      local: this.#connection.localAddress,
      applicationProtocol: this.#connection.applicationProtocol,
      received: this.#received,
      end: this.#end,
      openMs: (this.#endedAt ?? this.#options.clock.now()) - this.#begun,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    await this.#reading;
  }

  async #act(action: DoctorStreamAction): Promise<void> {
    try {
      switch (action.kind) {
        case "write":
          return await this.#connection.write(action.bytes);
        case "wait":
          return await pause(action.ms, { ...this.#options, until: this.#enough.promise });
        case "finish":
          return await this.#connection.closeWrite();
      }
    } catch (error) {
      // Whoever reads will know of it
      if (!(error instanceof ConnectionError)) throw error;
    }
  }

  async #read(): Promise<void> {
    try {
      while (this.#received.length < MAX_RECEIVED_BYTES) {
        const chunk = await this.#connection.read();
        if (chunk === undefined) {
          this.#endAs("closed");
          break;
        }
        this.#received = concat([this.#received, chunk]);
        if (this.#step.until(this.#received)) this.#enough.resolve();
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#endAs("reset");
    }
    this.#enough.resolve();
  }

  #endAs(end: "closed" | "reset"): void {
    this.#end = end;
    this.#endedAt = this.#options.clock.now();
  }
}

const NO_CONNECTION: Omit<DoctorStreamResult, "failure"> = {
  kind: "stream",
  local: undefined,
  applicationProtocol: undefined,
  received: new Uint8Array(0),
  end: "open",
  openMs: 0,
};

/** TCP's first retransmissions come after 1, 3 and 7 s. */
const CONNECT_MS = 8000;
/** The 600 answers of the longest hold, of 400 bytes each. */
const MAX_RECEIVED_BYTES = 262_144;
