import { freePort } from "./free_port.ts";
import { Child } from "./process.ts";
import { TOOLS } from "./tool.ts";

/** A Redis of its own on 127.0.0.1, without files, that a test can kill and start again. */
export class RedisServer implements AsyncDisposable {
  /** Where it is. */
  readonly url: string;
  readonly #port: number;
  #child: Child | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** Starts one and waits until it accepts connections. */
  static async start(): Promise<RedisServer> {
    const server = new RedisServer(freePort());
    await server.start();
    return server;
  }

  /** Starts it again, on the same port and without anything of what it knew. */
  async start(): Promise<void> {
    this.#child = new Child(TOOLS.redisServer.command, [
      ...["--port", `${this.#port}`, "--bind", "127.0.0.1"],
      ...["--save", "", "--appendonly", "no", "--daemonize", "no"],
    ]);
    await this.#child.line(/Ready to accept connections/);
  }

  /** Sends it a signal: SIGKILL, or SIGSTOP and SIGCONT to make it hang and go on. */
  async kill(signal: Deno.Signal): Promise<void> {
    this.#child?.kill(signal);
    if (signal === "SIGKILL") await this.#child?.status;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    // One that was stopped would not hear SIGTERM
    await this.#child?.stop("SIGKILL");
  }
}
