import type { Target } from "./binding_request.ts";
import { type Child, type ChildOptions, deno, type RunResult } from "./process.ts";

/** One `listening` line of the server's log. */
export interface Listener extends Target {
  /** As the log says: "udp", "tcp" … */
  readonly transport: string;
  /** `hostname:port`, IPv6 in brackets, as the log says. */
  readonly address: string;
}

/** `server.ts` as a process of its own, started as the README says and stopped as systemd would. */
export class PinholeServer implements AsyncDisposable {
  /** What it listens on, in the order of the log. */
  readonly listeners: readonly Listener[];
  readonly #child: Child;

  private constructor(child: Child, listeners: readonly Listener[]) {
    this.#child = child;
    this.listeners = listeners;
  }

  /**
   * Starts it and waits for its `ready` line.
   *
   * @throws {Error} If that line does not come.
   */
  static async start(options: PinholeServerOptions = {}): Promise<PinholeServer> {
    const { args = [], hostname = "127.0.0.1", permissions = [] } = options;
    const { program = ROOT + "server.ts", child: childOptions } = options;
    const child = deno([
      ...["run", "--no-prompt", "--allow-net", ...permissions, program],
      ...["--hostname", hostname, "--port", "0", "--log-format", "json", ...args],
    ], childOptions);
    try {
      await child.line(/"message":"ready"/, { timeoutMs: 20_000 });
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new PinholeServer(child, listenersIn(child.stdout));
  }

  /** Its process id: of the server itself, with nothing in between. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The process, for tests about its output and its end. */
  get child(): Child {
    return this.#child;
  }

  /**
   * Where it listens for one transport.
   *
   * @throws {Error} If its log named no such listener.
   */
  target(transport: "udp" | "tcp"): Listener {
    const found = this.listeners.find((listener) => listener.transport === transport);
    if (found === undefined) {
      throw new Error(`Cannot find a ${transport} listener in the log: ${this.#child.stdout}`);
    }
    return found;
  }

  /** Sends SIGTERM and waits for the end. */
  async stop(): Promise<RunResult> {
    return await this.#child.stop();
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
  }
}

/** How to start a {@linkcode PinholeServer}. */
export interface PinholeServerOptions {
  /** A numeric address. @default "127.0.0.1" */
  readonly hostname?: string;
  /** What Deno is to allow it beside the network. @default [] */
  readonly permissions?: readonly string[];
  /** What to add to its command line. @default [] */
  readonly args?: readonly string[];
  /** What Deno is to run. @default the project's `server.ts` */
  readonly program?: string;
  /** Where and with which environment. */
  readonly child?: ChildOptions;
}

/** The project's folder, with a slash at its end. */
export const ROOT: string = decodeURIComponent(new URL("../../", import.meta.url).pathname);

function listenersIn(log: string): Listener[] {
  return log.split("\n").filter((line) => line.includes('"message":"listening"')).map((line) => {
    const { transport, address } = JSON.parse(line) as { transport: string; address: string };
    const { hostname, port } = new URL(`stun://${address}`);
    return { transport, address, hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
  });
}
